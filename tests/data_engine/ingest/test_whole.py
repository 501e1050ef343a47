"""A model is all of its files: what counts as the same, as another, and as a new version."""

import json
import shutil
import zipfile

import pytest
from mesh_looks import png
from scans import ingest, relics, wedge, write_gltf

from data_engine.catalog.catalog import Catalog
from data_engine.ingest.companions import FolderCompanions
from data_engine.ingest.whole import digests_of
from data_engine.processes.pool import ChildLimits
from data_engine.rights.removal import bury
from data_engine.validate import validate_all
from data_engine.workspace import file_sha256

RED, GREEN = (255, 0, 0), (0, 255, 0)
OBJ = (
    b"mtllib a.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nvt 0 0\nvt 1 0\nvt 0 1\nusemtl m\n"
    b"f 1/1 3/2 2/3\nf 1/1 2/2 4/3\nf 1/1 4/2 3/3\nf 2/1 3/2 4/3\n"
)
MTL = b"newmtl m\nmap_Kd t.png\n"


def write_model(folder, colour=RED, mtl=MTL):
    folder.mkdir(exist_ok=True, parents=True)
    for name, data in (("a.obj", OBJ), ("a.mtl", mtl), ("t.png", png(colour))):
        (folder / name).write_bytes(data)


def blob(workspace, relic) -> bytes:
    return workspace.blob_path(relic.glb_sha256).read_bytes()


def test_a_model_that_names_nothing_has_the_digest_of_its_file(folder):
    wedge().export(folder / "a.ply")
    digest = file_sha256(folder / "a.ply")
    found = digests_of(folder / "a.ply", digest, ".ply", FolderCompanions(folder, "a.ply"))
    assert (found.main, found.whole) == (digest, digest)


@pytest.mark.parametrize("changed", ["a.mtl", "t.png"])
def test_whatever_an_obj_names_counts_and_where_the_model_lies_does_not(changed, folder):
    write_model(folder / "one")
    write_model(folder / "deep" / "two")

    def whole(model: str) -> str:
        path = folder / model
        return digests_of(path, file_sha256(path), ".obj", FolderCompanions(folder, model)).whole

    assert whole("one/a.obj") == whole("deep/two/a.obj")
    (folder / "one" / changed).write_bytes(MTL + b"#" if changed == "a.mtl" else png(GREEN))
    assert whole("one/a.obj") != whole("deep/two/a.obj")
    (folder / "one" / "unnamed.png").write_bytes(png(RED))
    before = whole("one/a.obj")
    (folder / "one" / "unnamed.png").write_bytes(png(GREEN))
    assert whole("one/a.obj") == before


def test_two_skins_are_two_relics_and_a_copy_is_a_repeat(folder, workspace):
    write_model(folder / "red")
    write_model(folder / "green", GREEN)
    write_model(folder / "red copy")
    report = ingest(folder, workspace)
    assert (report.added, report.duplicates) == (2, 1)
    found = relics(workspace)
    assert found["red copy/a.obj"].dup_of == "" or found["red copy/a.obj"].dup_kind == "exact"
    assert png(GREEN) in blob(workspace, found["green/a.obj"])


def test_a_corrected_picture_is_a_new_version_and_every_stage_has_it_anew(folder, workspace):
    write_model(folder)
    ingest(folder, workspace)
    assert validate_all(workspace, workers=1, limits=ChildLimits()).validated == 1
    before = relics(workspace)["a.obj"]
    (folder / "t.png").write_bytes(png(GREEN))
    report = ingest(folder, workspace)
    assert (report.added, report.renewed, report.known) == (1, 1, 0)
    after = relics(workspace)["a.obj"]
    assert (after.uid, after.state) == (before.uid, "fetched")
    assert png(GREEN) in blob(workspace, after)
    assert not workspace.blob_path(before.glb_sha256).exists()
    assert validate_all(workspace, workers=1, limits=ChildLimits()).validated == 1
    assert ingest(folder, workspace).known == 1


def test_a_picture_that_arrives_later_is_taken_and_its_note_goes(folder, workspace):
    write_model(folder)
    (folder / "t.png").unlink()
    ((file, note),) = ingest(folder, workspace).notes
    assert (file, note.partition(":")[0]) == ("a.obj", "picture_missing")
    assert relics(workspace)["a.obj"].notes == (note,)
    (folder / "t.png").write_bytes(png(RED))
    assert ingest(folder, workspace).added == 1
    assert relics(workspace)["a.obj"].notes is None


def test_a_gltf_that_was_refused_for_a_missing_buffer_is_read_again_when_it_is_there(
    folder, workspace
):
    write_gltf(folder, "w.gltf", wedge())
    buffer = min(folder.glob("*.bin"))
    kept = buffer.read_bytes()
    buffer.unlink()
    assert [reason for _, reason, _ in ingest(folder, workspace).rejected] == ["gone"]
    assert ingest(folder, workspace).known == 1
    buffer.write_bytes(kept)
    assert ingest(folder, workspace).added == 1
    (relic,) = relics(workspace).values()
    assert (relic.state, relic.reason) == ("fetched", "")


def test_a_copy_whose_picture_is_changed_becomes_a_relic_of_its_own(folder, workspace):
    write_model(folder / "one")
    write_model(folder / "two")
    assert ingest(folder, workspace).duplicates == 1
    (folder / "two" / "t.png").write_bytes(png(GREEN))
    assert (ingest(folder, workspace).added, ingest(folder, workspace).known) == (1, 2)
    (folder / "one" / "t.png").write_bytes(png(GREEN))
    assert ingest(folder, workspace).duplicates == 1
    found = relics(workspace)
    assert found["one/a.obj"].dup_of == found["two/a.obj"].uid


def test_a_copy_takes_the_place_of_an_original_that_has_changed(folder, workspace):
    write_model(folder / "one")
    write_model(folder / "two")
    ingest(folder, workspace)
    (folder / "one" / "t.png").write_bytes(png(GREEN))
    assert ingest(folder, workspace).added == 2
    assert {relic.state for relic in relics(workspace).values()} == {"fetched"}


def test_a_corrected_model_in_an_archive_is_a_new_version(folder, workspace):
    for mtl, added in ((MTL.replace(b"t.png", b"gone.png"), 1), (MTL, 1)):
        with zipfile.ZipFile(folder / "a.zip", "w") as archive:
            for name, data in (("x/a.obj", OBJ), ("x/a.mtl", mtl), ("x/t.png", png(RED))):
                archive.writestr(name, data)
        assert ingest(folder, workspace).added == added
    assert len(relics(workspace)) == 1


def test_a_forgotten_model_does_not_come_back_by_either_digest(folder, workspace):
    write_model(folder / "red")
    write_model(folder / "green", GREEN)
    ingest(folder, workspace)
    with Catalog(workspace.catalog_path) as catalog:
        bury(catalog, [catalog.get(relics(workspace)["red/a.obj"].uid)], reason="asked")
    report = ingest(folder, workspace)
    assert [file for file, _ in report.forgotten] == ["red/a.obj"]
    assert set(relics(workspace)) == {"green/a.obj"}


def test_a_relic_of_an_earlier_version_that_names_files_is_read_anew(folder, workspace):
    write_model(folder)
    wedge().export(folder / "w.ply")
    ingest(folder, workspace)
    with Catalog(workspace.catalog_path) as catalog:
        catalog.execute(
            "UPDATE relic SET main_sha256 = '', source_sha256 = ? WHERE source_file = 'a.obj'",
            [file_sha256(folder / "a.obj")],
        )
        catalog.execute("UPDATE relic SET main_sha256 = '' WHERE source_file = 'w.ply'")
    before = relics(workspace)["a.obj"].uid
    report = ingest(folder, workspace)
    assert (report.renewed, report.known) == (1, 1)
    assert relics(workspace)["a.obj"].uid == before


def test_digests_of_anything_are_digests(folder):
    (folder / "a.obj").write_bytes(b"mtllib" * 5000 + b"\nmtllib a.mtl\n")
    (folder / "a.mtl").write_bytes(b"\xff" * 100)
    (folder / "b.gltf").write_bytes(b'{"images": [{"uri": 5}, {"uri": "../x"}, {}], "buffers": 3}')
    (folder / "c.ply").write_bytes(b"ply")
    (folder / "d.obj").write_bytes(b"")
    (folder / "e.gltf").write_text(json.dumps({"images": [{"uri": "%61.mtl"}]}))
    found = {}
    for path in sorted(folder.iterdir()):
        near = FolderCompanions(folder, path.name)
        found[path.name] = digests_of(path, "m", path.suffix, near).whole != "m"
    assert found == {
        "a.mtl": False, "a.obj": True, "b.gltf": False, "c.ply": False, "d.obj": False,
        "e.gltf": True,
    }  # fmt: skip
    shutil.rmtree(folder)
    assert digests_of(folder / "a.obj", "m", ".obj", FolderCompanions(folder, "a.obj")).whole == "m"
