"""Ingesting a folder: every mesh file becomes a relic or a refusal, and nothing leaks in."""

import json
import os
import pathlib
import shutil

import numpy as np
import pytest
import trimesh

from data_engine.catalog import Catalog
from data_engine.children import ChildLimits
from data_engine.errors import Refusal, UserError
from data_engine.gltf.container import read_glb
from data_engine.gltf.pack import Neighbours, pack_gltf
from data_engine.gltf.reader import load_geometry
from data_engine.shape_facts import geometry_sha256
from data_engine.sources.found import find_meshes
from data_engine.sources.licenses import credit_line, deed_url, spdx_of
from data_engine.sources.local import ingest_folder
from data_engine.sources.manifest import CATEGORY_OF, MAX_LINE, described
from data_engine.validate import validate_all
from data_engine.workspace import Workspace
from jaxrelic.data.schema import CATEGORIES

SHARED = pathlib.Path(__file__).parents[2].parent / "shared" / "data"
FORMATS = ("glb", "gltf", "obj", "ply", "stl")


def wedge(height: float = 3.0) -> trimesh.Trimesh:
    """An asymmetric solid, so that a lost axis or face shows."""
    points = [[0, 0, 0], [2, 0, 0], [0, 1, 0], [0, 0, height], [2, 0.5, 0.5]]
    return trimesh.Trimesh(points, trimesh.convex.convex_hull(points).faces)


def write_gltf(folder: pathlib.Path, name: str, mesh: trimesh.Trimesh) -> None:
    """A glTF with its buffer beside it."""
    folder.mkdir(exist_ok=True)
    for file, data in trimesh.Scene({"m": mesh}).export(file_type="gltf").items():
        (folder / (name if file == "model.gltf" else file)).write_bytes(data)


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "scans"
    folder.mkdir()
    return folder


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path / "ws")


def ingest(folder, workspace, *, up="auto", seconds=60.0):
    limits = ChildLimits(seconds=seconds)
    return ingest_folder(folder, workspace, up=up, workers=1, limits=limits)


def relics(workspace) -> dict:
    with Catalog(workspace.catalog_path) as catalog:
        return {relic.source_file: relic for relic in catalog.relics()}


def test_five_formats_of_one_shape_become_the_same_geometry(folder, workspace):
    for kind in FORMATS:
        if kind == "gltf":
            write_gltf(folder, "wedge.gltf", wedge())
        else:
            wedge().export(folder / f"wedge.{kind}")
    report = ingest(folder, workspace)
    found = relics(workspace)
    assert (report.added, report.converted, report.rejected) == (5, 4, [])
    assert {relic.source_format for relic in found.values()} == set(FORMATS)
    assert {relic.state for relic in found.values()} == {"fetched"}
    hashes = {
        geometry_sha256(load_geometry(workspace.blob_path(relic.glb_sha256)))
        for relic in found.values()
    }
    assert len(hashes) == 1
    verbatim = workspace.blob_path(found["wedge.glb"].glb_sha256)
    assert verbatim.read_bytes() == (folder / "wedge.glb").read_bytes()
    assert {name: relic.up_axis for name, relic in found.items()} == {
        "wedge.glb": "Y", "wedge.gltf": "Y", "wedge.obj": "Y", "wedge.ply": "Z", "wedge.stl": "Z",
    }  # fmt: skip


def test_up_comes_from_the_option_then_the_manifest_then_the_format(folder, workspace, tmp_path):
    for name in ("a.ply", "b.ply"):
        wedge(len(name) + ord(name[0])).export(folder / name)
    entry = {"file": "a.ply", "up_axis": "y"}
    (folder / "manifest.json").write_text(json.dumps({"objects": [entry]}))
    ingest(folder, workspace)
    assert [relic.up_axis for relic in relics(workspace).values()].count("Y") == 1
    assert relics(workspace)["a.ply"].up_axis == "Y"
    other = Workspace(tmp_path / "other")
    ingest(folder, other, up="Z")
    assert {relic.up_axis for relic in relics(other).values()} == {"Z"}


def test_ingesting_again_changes_nothing(folder, workspace, tmp_path):
    wedge().export(folder / "a.glb")
    wedge(4).export(folder / "b.ply")
    shutil.copy(folder / "a.glb", folder / "c.glb")
    (folder / "d.glb").write_bytes(b"no mesh")
    ingest(folder, workspace)

    def state():
        with Catalog(workspace.catalog_path) as catalog:
            found = catalog.relics()
            history = [catalog.events(relic.uid) for relic in found]
        blobs = {path: path.stat().st_mtime_ns for path in workspace.blobs.rglob("*.glb")}
        return found, history, blobs

    before = state()
    report = ingest(folder, workspace)
    assert state() == before
    assert (report.added, report.rejected, report.known, report.duplicates) == (0, [], 3, 1)
    moved = tmp_path / "moved"
    shutil.copytree(folder, moved)
    elsewhere = Workspace(tmp_path / "elsewhere")
    ingest(moved, elsewhere)
    assert relics(elsewhere) == relics(workspace)


def test_a_byte_copy_is_a_duplicate_with_a_record_of_its_own(folder, workspace):
    (folder / "sub").mkdir()
    wedge().export(folder / "a.glb")
    shutil.copy(folder / "a.glb", folder / "sub" / "青花瓷 — №1.glb")
    report = ingest(folder, workspace)
    found = relics(workspace)
    copy = found["sub/青花瓷 — №1.glb"]
    assert (report.added, report.duplicates) == (1, 1)
    assert (copy.state, copy.dup_of, copy.dup_kind) == ("duplicate", found["a.glb"].uid, "exact")
    assert copy.title == "青花瓷 — №1"


def test_every_mesh_file_has_a_record_and_every_other_file_is_told(folder, workspace):
    wedge().export(folder / "good.glb")
    (folder / "bad.glb").write_bytes(b"\x89PNG\r\n\x1a\n")
    (folder / "empty.obj").write_bytes(b"")
    wedge(4).export(folder / "named.glb")
    (folder / "named.glb").rename(folder / "really-a-glb.obj")
    for name in ("README", "photo.JPG", ".hidden.glb", "notes.txt", "archive.zip"):
        (folder / name).write_text("x")
    report = ingest(folder, workspace)
    found = relics(workspace)
    assert {name: relic.state for name, relic in found.items()} == {
        "good.glb": "fetched",
        "bad.glb": "rejected",
        "empty.obj": "rejected",
        "really-a-glb.obj": "fetched",
    }
    assert found["bad.glb"].reason == "not_glb"
    assert found["really-a-glb.obj"].source_format == "glb"
    assert report.skipped == ("archive.zip",)
    assert {entry[0] for entry in report.rejected} == {"bad.glb", "empty.obj"}


def test_a_manifest_describes_its_files(folder, workspace):
    (folder / "sub").mkdir()
    wedge().export(folder / "sub" / "v.ply")
    entry = {
        "id": "relic-1",
        "file": "v.ply",
        "name": "Vase",
        "description": "青花",
        "description_lang": "zh",
        "category": "sculpture",
        "license": "CC-BY-4.0",
        "license_evidence": "page of the museum",
        "author": "A. Potter (https://example.org/potter)",
        "source": {"repo": "github.com/potter/vases"},
        "sha256": "0" * 64,
        "surprise": [1],
    }
    content = {"objects": [entry, {"file": "lost.glb"}, "noise", {"file": 3}]}
    (folder / "sub" / "manifest.json").write_text(json.dumps(content))
    report = ingest(folder, workspace)
    relic = relics(workspace)["sub/v.ply"]
    expected = {
        "source_id": "relic-1",
        "title": "Vase",
        "description": "青花",
        "language": "zh",
        "category": "figure",
        "license_spdx": "CC-BY-4.0",
        "license_url": "https://creativecommons.org/licenses/by/4.0/",
        "license_evidence": "page of the museum",
        "author_name": "A. Potter",
        "author_url": "https://example.org/potter",
        "source_url": "https://github.com/potter/vases",
        "attribution": '"Vase" by A. Potter, https://github.com/potter/vases, licensed CC-BY-4.0',
    }
    assert {name: getattr(relic, name) for name in expected} == expected
    assert any("lost.glb" in words for words in report.warnings)
    assert any("sha256" in words for words in report.warnings)


def test_a_file_without_an_entry_has_an_unknown_licence_and_its_name_as_title(folder, workspace):
    wedge().export(folder / "blue vase.stl")
    ingest(folder, workspace)
    relic = relics(workspace)["blue vase.stl"]
    assert (relic.title, relic.license_spdx) == ("blue vase", "LicenseRef-unknown")


@pytest.mark.parametrize(
    ("words", "spdx"),
    [
        ("CC0-1.0", "CC0-1.0"),
        ("CC BY-SA 4.0", "CC-BY-SA-4.0"),
        ("cc-by-nc-nd-3.0", "CC-BY-NC-ND-3.0"),
        ("public domain", "LicenseRef-public-domain"),
        ("CC-BY", "LicenseRef-cc-by"),
        ("Free to use!", "LicenseRef-free-to-use"),
        ("LicenseRef-Sketchfab-Standard", "LicenseRef-Sketchfab-Standard"),
        ("", "LicenseRef-unknown"),
        ("许可", "LicenseRef-unknown"),
    ],
)
def test_only_clear_words_become_an_spdx_licence(words, spdx):
    assert spdx_of(words) == spdx


def test_a_deed_and_a_credit_line_are_complete():
    assert deed_url("CC-BY-NC-SA-4.0") == "https://creativecommons.org/licenses/by-nc-sa/4.0/"
    assert deed_url("LicenseRef-x") == ""
    line = credit_line(title="Owl", author="", url="", spdx="CC0-1.0")
    assert line == '"Owl" by an unnamed author, licensed CC0-1.0'


def test_every_category_word_maps_to_a_category_of_the_shards():
    assert set(CATEGORY_OF.values()) <= set(CATEGORIES)
    assert described({"category": "spaceship"}, "x")["category"] == "other"


@pytest.mark.parametrize(
    "value", ["a\0b\x1b[31m", "\ud800 half", "x" * 100_000, 7, None, ["list"], {"a": 1}, 1e400]
)
def test_hostile_words_become_bounded_plain_text(folder, workspace, value):
    wedge().export(folder / "a.glb")
    keys = ("name", "description", "license", "author", "category", "description_lang", "id")
    entry = {"file": "a.glb", "source": value} | dict.fromkeys(keys, value)
    (folder / "manifest.json").write_text(json.dumps({"objects": [entry]}))
    ingest(folder, workspace)
    relic = relics(workspace)["a.glb"]
    for words in (relic.title, relic.license_label, relic.author_name, relic.source_id):
        assert len(words) <= MAX_LINE
        assert words.isprintable()


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "file:///etc/passwd", 'https://x" onclick="y', "//x", "a b"]
)
def test_only_web_addresses_become_source_urls(url):
    assert described({"source": {"origin": url}}, "x")["source_url"] == ""


def test_a_manifest_with_a_slip_stops_the_run_and_a_foreign_one_does_not(folder, workspace):
    wedge().export(folder / "a.glb")
    (folder / "manifest.json").write_text('{"objects": [')
    with pytest.raises(UserError, match="not JSON"):
        ingest(folder, workspace)
    (folder / "manifest.json").write_text('{"name": "a web app"}')
    assert any("left alone" in words for words in ingest(folder, workspace).warnings)


def test_a_folder_without_meshes_and_a_missing_one_are_named(tmp_path, folder):
    (folder / "photo.png").write_bytes(b"x")
    with pytest.raises(UserError, match=r"no mesh in .*scans"):
        find_meshes(folder)
    with pytest.raises(UserError, match="not a folder"):
        find_meshes(tmp_path / "none")


def test_a_link_out_of_the_folder_is_not_followed(tmp_path, folder):
    wedge().export(tmp_path / "secret.glb")
    wedge().export(folder / "a.glb")
    (folder / "out.glb").symlink_to(tmp_path / "secret.glb")
    (folder / "loop").symlink_to(folder)
    found = find_meshes(folder)
    assert found.meshes == ("a.glb",)
    assert "out.glb" in found.skipped


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


def test_a_file_refused_for_time_is_taken_when_retried_with_more(folder, workspace):
    wedge().export(folder / "a.glb")
    ((_, reason, _),) = ingest(folder, workspace, seconds=0.001).rejected
    assert reason == "timeout"
    with Catalog(workspace.catalog_path) as catalog:
        assert catalog.retry_failed("ingest") == 1
    assert ingest(folder, workspace).added == 1
    assert relics(workspace)["a.glb"].reason == ""


def test_what_a_killed_run_left_half_done_is_finished_by_the_next(folder, workspace):
    wedge().export(folder / "a.ply")
    ingest(folder, workspace)
    done = relics(workspace)["a.ply"]
    fresh = Workspace(workspace.root.parent / "fresh")
    with Catalog(fresh.catalog_path) as catalog:
        catalog.add({**vars(done), "state": "found", "glb_sha256": "", "glb_bytes": None})
    stale = fresh.root / ".incoming-999999999-x"
    stale.mkdir()
    (stale / "half.glb").write_bytes(b"glT")
    ingest(folder, fresh)
    assert relics(fresh)["a.ply"] == done
    assert not stale.exists()
    assert not list(fresh.root.glob(".incoming-*"))


def test_a_name_that_is_no_unicode_is_taken(folder, workspace):
    wedge().export(folder / "a.glb")
    os.rename(os.fsencode(folder / "a.glb"), os.fsencode(folder) + b"/caf\xe9.glb")
    assert ingest(folder, workspace).added == 1
    assert [name.isprintable() for name in relics(workspace)] == [True]


@pytest.mark.slow
@pytest.mark.skipif(not (SHARED / "relics").is_dir(), reason="needs ../shared/data/relics")
def test_the_59_real_relics_are_sound_and_measure_as_their_manifest_says(workspace):
    report = ingest(SHARED / "relics", workspace)
    assert (report.added, report.rejected, report.warnings) == (59, [], [])
    assert validate_all(workspace, workers=2, limits=ChildLimits()).validated == 59
    found = relics(workspace)
    for entry in json.loads((SHARED / "relics" / "manifest.json").read_text())["objects"]:
        relic = found[entry["file"]]
        assert relic.triangles == entry["faces"], relic.source_file
        assert relic.watertight == entry["watertight"], relic.source_file
        assert relic.up_axis == entry["up_axis"]
        extents = np.subtract(relic.bbox_max, relic.bbox_min)
        np.testing.assert_allclose(extents, entry["extents"], rtol=1e-4)
