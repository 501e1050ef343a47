"""Files as people write them, collected with their right values: shape, colours and notes."""

import json
import pathlib
import shutil

import numpy as np
import pytest
from mesh_looks import GREY, SIDES, look_at
from places import FIELD
from scans import ingest, relics

from data_engine.catalog.catalog import Catalog
from data_engine.gltf.container import read_glb

FIELD = FIELD / "data_engine"
needs_field = pytest.mark.skipif(
    not FIELD.is_dir(), reason="NOT RUN: needs ../shared/field/data_engine beside the repository"
)
BOX = {"size": (1.0, 1.4, 0.6), "area": 5.68, "volume": 0.84, "triangles": 12}
UPRIGHT_BOX = BOX | {"size": (1.0, 0.6, 1.4)}
PAINTED = {"sides": SIDES}
NO_WORD: tuple[str, ...] = ()

CASES = {
    "o_negative_interleaved": (
        {"size": (3.0, 1.4, 0.6), "area": 11.36, "volume": 1.68, "triangles": 24}, NO_WORD,
    ),
    "o_concave_ngon": (
        {"size": (2.0, 1.0, 2.0), "area": 14.0, "volume": 3.0, "triangles": 20}, NO_WORD,
    ),
    "d_two_skins/red": (BOX, NO_WORD),
    "d_two_skins/green": (BOX, NO_WORD),
    "obj_textured": (BOX | PAINTED, NO_WORD),
    "p_texture_vertex_st": (UPRIGHT_BOX | PAINTED, NO_WORD),
    "o_no_mtl_with_vt": (
        BOX | {"sides": dict.fromkeys(SIDES, GREY)}, ("material_file_missing", "material_missing"),
    ),
    "ply_vertex_colors": (UPRIGHT_BOX | PAINTED, NO_WORD),
    "o_case_mismatch": (BOX | PAINTED, NO_WORD),
    "o_windows_path": (BOX | PAINTED, ("file_elsewhere",)),
    "o_parent_path": (BOX | PAINTED, NO_WORD),
    "o_map_options": (BOX | PAINTED, NO_WORD),
    "o_mtllib_windows": (BOX | PAINTED, ("file_elsewhere",)),
    "p_diffuse": (UPRIGHT_BOX | PAINTED, NO_WORD),
    "o_vertex_colors_grey_mtl": (BOX | PAINTED, NO_WORD),
    "o_mixed_no_vt": (BOX | {"sides": SIDES | {"-z": GREY}}, ("texture_coordinates_missing",)),
    "p_texture_multi": (UPRIGHT_BOX | PAINTED, NO_WORD),
    "s_color_viscam": (UPRIGHT_BOX | PAINTED | {"levels": 8}, NO_WORD),
    "o_vertex_colors_255": (BOX | PAINTED, ("colours_assumed",)),
    "o_map_d": (BOX | PAINTED, ("mask_combined",)),
    "p_nan_unreferenced": (UPRIGHT_BOX | PAINTED, NO_WORD),
    "o_indented": (BOX | PAINTED, NO_WORD),
    "s_trailing": (UPRIGHT_BOX | {"sides": dict.fromkeys(SIDES, GREY)}, ("trailing_bytes",)),
    "p_tristrips": (UPRIGHT_BOX | {"sides": dict.fromkeys(SIDES, GREY)}, NO_WORD),
}  # fmt: skip
"""Folder to what its one mesh shows, and the codes of its notes."""


@needs_field
@pytest.mark.parametrize("name", CASES)
def test_a_field_file_has_its_shape_its_colours_and_its_notes(name, tmp_path):
    right, codes = CASES[name]
    (path,) = (p for p in (FIELD / name).rglob("*") if p.suffix in (".obj", ".ply", ".stl"))
    look = look_at(path, tmp_path / "out.glb", FIELD / name)
    assert len(look.geometry.faces) == right["triangles"]
    np.testing.assert_allclose(look.size, right["size"], atol=1e-6)
    assert (look.area, look.volume) == pytest.approx((right["area"], right["volume"]), abs=1e-5)
    assert look.codes == list(codes)
    for material in look.materials:
        assert material["pbrMetallicRoughness"]["metallicFactor"] == 0
    seen = look.sides(z_up=right["size"] == UPRIGHT_BOX["size"])
    for side, colour in right.get("sides", {}).items():
        np.testing.assert_allclose(seen[side], colour, atol=right.get("levels", 2), err_msg=side)


@needs_field
def test_the_mask_of_opacity_cuts_away_one_side_and_leaves_the_others(tmp_path):
    look = look_at(FIELD / "o_map_d" / "model.obj", tmp_path / "out.glb")
    assert look.materials[0]["alphaMode"] == "MASK"
    assert look.gltf.document["images"][0]["mimeType"] == "image/png"


@needs_field
def test_a_picture_enters_the_glb_byte_for_byte(tmp_path):
    look = look_at(FIELD / "obj_textured" / "model.obj", tmp_path / "out.glb")
    assert look.picture() == (FIELD / "obj_textured" / "tex.png").read_bytes()


@needs_field
@pytest.mark.parametrize("name", ["z_gbk_names", "z_flat_picture", "z_source_and_textures"])
def test_a_field_archive_is_taken_with_its_picture(name, workspace):
    report = ingest(FIELD / name, workspace)
    assert (report.added, report.rejected) == (1, [])
    (relic,) = relics(workspace).values()
    document = read_glb(workspace.blob_path(relic.glb_sha256)).document
    assert len(document["images"]) == 1
    assert relic.source_file.isprintable()
    if name == "z_gbk_names":
        assert relic.source_file == "a.zip/模型.gltf"


@needs_field
def test_two_skins_of_one_shape_are_two_relics(workspace):
    report = ingest(FIELD / "d_two_skins", workspace)
    assert (report.added, report.duplicates) == (2, 0)
    red, green = relics(workspace)["red/model.obj"], relics(workspace)["green/model.obj"]
    assert red.main_sha256 == green.main_sha256
    assert red.source_sha256 != green.source_sha256
    assert ingest(FIELD / "d_two_skins", workspace).known == 2


@needs_field
def test_a_mended_material_is_a_new_version_of_the_same_relic(folder, workspace):
    shutil.copytree(FIELD / "o_windows_path", folder, dirs_exist_ok=True)
    (folder / "tex.png").rename(folder / "other.png")
    assert [note.partition(":")[0] for _, note in ingest(folder, workspace).notes] == [
        "picture_missing"
    ]
    before = relics(workspace)["model.obj"]
    mtl = folder / "model.mtl"
    mtl.write_text(
        mtl.read_text().replace("C:\\Users\\somebody\\Desktop\\scan\\tex.png", "other.png")
    )
    report = ingest(folder, workspace)
    assert (report.added, report.renewed, report.known, report.notes) == (1, 1, 0, [])
    after = relics(workspace)["model.obj"]
    assert (after.uid, after.state, after.notes) == (before.uid, "fetched", None)
    assert not workspace.blob_path(before.glb_sha256).exists()
    with Catalog(workspace.catalog_path) as catalog:
        assert len(catalog.relics()) == 1


@needs_field
def test_the_table_names_every_field_folder_of_these_formats():
    kinds = ("obj", "ply", "stl")
    there = {
        path.relative_to(FIELD).parts[0] for kind in kinds for path in FIELD.rglob(f"*.{kind}")
    }
    cases = json.loads((FIELD / "manifest.json").read_text())["cases"]
    missing = (there & cases.keys()) - {pathlib.PurePath(name).parts[0] for name in CASES}
    assert missing <= {"d_texture_and_print"}  # Which of two repeats stays is `identity`'s.
