"""A model refers to files beside it and to nothing else."""

import json
import pathlib

import numpy as np
import pytest
from scans import ingest, relics, wedge, write_gltf

from data_engine.errors import Refusal
from data_engine.gltf.container import read_glb
from data_engine.gltf.pack import Neighbours, pack_gltf
from data_engine.ingest.found import find_meshes


@pytest.mark.parametrize(
    "uri",
    [
        "../secret.bin",
        "%2e%2e/secret.bin",
        "..\\secret.bin",
        "sub/../../secret.bin",
        "/etc/passwd",
        "file:///etc/passwd",
        "http://127.0.0.1/x",
        "C:/x.bin",
        "link.bin",
        "a\0b",
    ],
)
def test_a_gltf_reads_nothing_outside_its_folder(tmp_path, folder, uri):
    (tmp_path / "secret.bin").write_bytes(bytes(100))
    (folder / "link.bin").symlink_to(tmp_path / "secret.bin")
    document = {"asset": {"version": "2.0"}, "buffers": [{"uri": uri, "byteLength": 4}]}
    with pytest.raises(Refusal, match="external_uri"):
        pack_gltf(json.dumps(document).encode(), Neighbours(folder))


def test_a_gltf_without_its_buffer_is_refused_by_name(folder, workspace):
    write_gltf(folder, "a.gltf", wedge())
    for path in folder.glob("*.bin"):
        path.unlink()
    ((_, reason, sentence),) = ingest(folder, workspace).rejected
    assert reason == "gone"
    assert ".bin" in sentence


def textured_obj(folder: pathlib.Path, picture: str) -> None:
    (folder / "a.obj").write_text(
        "mtllib a.mtl\nusemtl m\nv 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\n"
        "vt 0 0\nvt 1 0\nvt 0 1\nf 1/1 3/2 2/3\nf 1/1 2/2 4/3\nf 2/1 3/2 4/3\nf 3/1 1/2 4/3\n"
    )
    (folder / "a.mtl").write_text(f"newmtl m\nKd 1 1 1\nmap_Kd {picture}\n")


def test_textures_and_vertex_colours_survive_conversion(folder, workspace):
    from PIL import Image

    Image.new("RGB", (4, 4), (200, 30, 60)).save(folder / "red.png")
    textured_obj(folder, "red.png")
    coloured = wedge()
    coloured.visual.vertex_colors = np.tile([10, 200, 30, 255], (len(coloured.vertices), 1))
    coloured.export(folder / "b.ply")
    write_gltf(folder, "c.gltf", wedge(5))
    ingest(folder, workspace)
    blobs = {
        name: read_glb(workspace.blob_path(relic.glb_sha256)).document
        for name, relic in relics(workspace).items()
    }
    assert len(blobs["a.obj"]["images"]) == 1
    assert "COLOR_0" in blobs["b.ply"]["meshes"][0]["primitives"][0]["attributes"]


def test_an_obj_keeps_its_shape_and_loses_a_texture_that_lies_elsewhere(
    tmp_path, folder, workspace
):
    from PIL import Image

    Image.new("RGB", (4, 4)).save(tmp_path / "secret.png")
    textured_obj(folder, "../secret.png")
    assert ingest(folder, workspace).added == 1
    relic = relics(workspace)["a.obj"]
    assert "images" not in read_glb(workspace.blob_path(relic.glb_sha256)).document


def test_a_link_out_of_the_folder_is_not_followed(tmp_path, folder):
    wedge().export(tmp_path / "secret.glb")
    wedge().export(folder / "a.glb")
    (folder / "out.glb").symlink_to(tmp_path / "secret.glb")
    (folder / "loop").symlink_to(folder)
    found = find_meshes(folder)
    assert found.meshes == ("a.glb",)
    assert "out.glb" in found.skipped
