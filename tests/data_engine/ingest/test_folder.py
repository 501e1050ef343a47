"""Ingesting a folder: every mesh file becomes a relic or a refusal, and nothing is lost."""

import json
import os
import shutil

import numpy as np
import pytest
from scans import SHARED, ingest, relics, wedge, write_gltf

from data_engine.catalog.catalog import Catalog
from data_engine.errors import UserError
from data_engine.gltf.reader import load_geometry
from data_engine.identity.shape_facts import geometry_sha256
from data_engine.ingest.found import find_meshes
from data_engine.processes.pool import ChildLimits
from data_engine.validate import validate_all
from data_engine.workspace import Workspace

FORMATS = ("glb", "gltf", "obj", "ply", "stl")


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
    for name in ("README", "photo.JPG", ".hidden.glb", "notes.txt", "archive.7z", "archive.zip"):
        (folder / name).write_text("x")
    report = ingest(folder, workspace)
    found = relics(workspace)
    assert {name: relic.state for name, relic in found.items()} == {
        "good.glb": "fetched",
        "bad.glb": "rejected",
        "empty.obj": "rejected",
        "really-a-glb.obj": "fetched",
        "archive.zip": "rejected",
    }
    assert found["bad.glb"].reason == "not_glb"
    assert found["really-a-glb.obj"].source_format == "glb"
    assert report.skipped == ["archive.7z"]
    assert {entry[0] for entry in report.rejected} == {"bad.glb", "empty.obj", "archive.zip"}


def test_a_folder_without_meshes_and_a_missing_one_are_named(tmp_path, folder):
    (folder / "photo.png").write_bytes(b"x")
    with pytest.raises(UserError, match=r"no mesh in .*scans"):
        find_meshes(folder)
    with pytest.raises(UserError, match="not a folder"):
        find_meshes(tmp_path / "none")


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
