"""ZIP archives: members become relics, tricks a refusal, and nothing is written elsewhere."""

import json
import os
import shutil
import stat
import struct
import zipfile

import numpy as np
import pytest
from scans import ingest, relics, wedge, write_gltf

from data_engine.catalog.catalog import Catalog
from data_engine.errors import Refusal
from data_engine.gltf.reader import load_geometry
from data_engine.identity.shape_facts import geometry_sha256
from data_engine.ingest import archives
from data_engine.ingest.archives import MAX_MEMBERS, unpack


def entry(name: str, *, mode: int = stat.S_IFREG | 0o644, flags: int = 0) -> zipfile.ZipInfo:
    """An entry with any name at all."""
    info = zipfile.ZipInfo("x")
    info.filename, info.external_attr, info.flag_bits = name, mode << 16, flags
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def write_zip(path, *entries) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for info, data in entries:
            archive.writestr(info if isinstance(info, zipfile.ZipInfo) else entry(info), data)


def glb(height: float = 3.0) -> bytes:
    return wedge(height).export(file_type="glb")


def refusal_of(path, tmp_path) -> Refusal:
    with pytest.raises(Refusal) as refusal:
        unpack({"path": str(path), "folder": str(tmp_path / "unpacked")})
    return refusal.value


def test_the_meshes_of_an_archive_become_relics_named_after_both(folder, workspace, tmp_path):
    write_gltf(tmp_path / "scene", "scene.gltf", wedge(4))
    write_zip(
        folder / "scans.zip",
        ("inner/a.glb", glb()),
        ("license.txt", b"text"),
        ("__MACOSX/inner/._a.glb", b"noise"),
        ("deeper.zip", b"PK"),
        *((f"scene/{path.name}", path.read_bytes()) for path in (tmp_path / "scene").iterdir()),
    )
    wedge(5).export(folder / "plain.ply")
    report = ingest(folder, workspace)
    found = relics(workspace)
    assert set(found) == {"plain.ply", "scans.zip/inner/a.glb", "scans.zip/scene/scene.gltf"}
    assert {relic.state for relic in found.values()} == {"fetched"}
    assert (report.added, report.converted, report.rejected) == (3, 2, [])
    assert report.skipped == ["scans.zip/deeper.zip"]
    blob = workspace.blob_path(found["scans.zip/scene/scene.gltf"].glb_sha256)
    wedge(4).export(tmp_path / "same.glb")
    expected = geometry_sha256(load_geometry(tmp_path / "same.glb"))
    assert geometry_sha256(load_geometry(blob)) == expected
    assert not list(workspace.root.glob(".incoming-*"))
    assert ingest(folder, workspace).known == 3
    assert relics(workspace) == found


def test_an_archive_alone_is_ingested_like_a_folder(folder, workspace):
    write_zip(folder / "scans.ZIP", ("a.glb", glb()))
    assert ingest(folder / "scans.ZIP", workspace).added == 1
    assert set(relics(workspace)) == {"scans.ZIP/a.glb"}


def test_a_manifest_inside_describes_members_and_one_outside_knows_better(folder, workspace):
    inner = [{"file": "a.glb", "name": "Inner A"}, {"file": "b.glb", "name": "Inner B"}]
    write_zip(
        folder / "scans.zip",
        ("sub/manifest.json", json.dumps({"objects": inner}).encode()),
        ("sub/a.glb", glb()),
        ("sub/b.glb", glb(4)),
        ("manifest.json", b"{"),
    )
    outer = [{"file": "scans.zip/sub/b.glb", "name": "Outer B", "license": "CC0-1.0"}]
    (folder / "manifest.json").write_text(json.dumps({"objects": outer}))
    report = ingest(folder, workspace)
    assert {relic.title for relic in relics(workspace).values()} == {"Inner A", "Outer B"}
    assert report.warnings == ["scans.zip/manifest.json is no manifest; it is left alone"]


def test_a_byte_copy_of_an_archive_brings_duplicates_and_no_harm(folder, workspace):
    write_zip(folder / "a.zip", ("m.glb", glb()), ("n.ply", wedge(4).export(file_type="ply")))
    shutil.copy(folder / "a.zip", folder / "b.zip")
    report = ingest(folder, workspace)
    assert (report.added, report.duplicates, report.rejected) == (2, 2, [])
    assert relics(workspace)["b.zip/m.glb"].dup_of == relics(workspace)["a.zip/m.glb"].uid


LINK = stat.S_IFLNK | 0o777
TRICKS = {
    "above": (entry("../up.glb"), "bad_archive", "leads out"),
    "above, later": (entry("a/../../up.glb"), "bad_archive", "leads out"),
    "absolute": (entry("/tmp/up.glb"), "bad_archive", "leads out"),
    "drive": (entry("C:up.glb"), "bad_archive", "leads out"),
    "backslash": (entry("..\\up.glb"), "bad_archive", "leads out"),
    "null byte": (entry("ok.glb\0.txt"), "bad_archive", "leads out"),
    "empty part": (entry("a//up.glb"), "bad_archive", "leads out"),
    "escape sequence": (entry("a\x1b[2J.glb"), "bad_archive", "leads out"),
    "long name": (entry("x" * 600 + ".glb"), "bad_archive", "500 bytes of name"),
    "twice": (entry("model.glb"), "bad_archive", "twice"),
    "other case": (entry("MODEL.glb"), "bad_archive", "twice"),
    "link": (entry("link.glb", mode=LINK), "bad_archive", "a link or no file"),
    "pipe": (entry("pipe.glb", mode=stat.S_IFIFO), "bad_archive", "a link or no file"),
    "folder of a file's name": (entry("d.glb", mode=stat.S_IFDIR), "bad_archive", "no file"),
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("trick", TRICKS)
def test_one_entry_of_ill_intent_refuses_the_archive_and_nothing_is_written(trick, tmp_path):
    info, reason, words = TRICKS[trick]
    write_zip(tmp_path / "trick.zip", ("model.glb", glb()), (info, b"/etc/passwd"))
    before = sorted(os.listdir(tmp_path))
    refusal = refusal_of(tmp_path / "trick.zip", tmp_path)
    assert (refusal.reason, words in refusal.sentence) == (reason, True), refusal
    assert sorted(os.listdir(tmp_path)) == sorted([*before, "unpacked"])
    assert list((tmp_path / "unpacked").iterdir()) == []


def patched(path, offset_of: bytes, skip: int, value: bytes) -> None:
    """Overwrites bytes at a fixed distance after the last occurrence of a signature."""
    data = bytearray(path.read_bytes())
    place = data.rindex(offset_of) + skip
    data[place : place + len(value)] = value
    path.write_bytes(data)


def renamed(path, names: dict[str, bytes]) -> None:
    """Puts the bytes of other names of the same length into an archive."""
    data = path.read_bytes()
    for name, other in names.items():
        assert len(name) == len(other)
        assert data.count(name.encode()) == 2  # Before the data, and in the list at the end.
        data = data.replace(name.encode(), other)
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("encoding", "name"),
    [("gbk", "模型"), ("utf-8", "模型"), ("cp437", "Töpfe"), ("utf-8", "Töpfe"), ("gbk", "vase")],
)
def test_names_of_no_encoding_are_read_as_utf8_gbk_or_the_code_page_of_zip(
    encoding, name, folder, workspace
):
    said = f"{name}.ply".encode(encoding)
    write_zip(folder / "a.zip", ("x" * len(said), wedge().export(file_type="ply")))
    renamed(folder / "a.zip", {"x" * len(said): said})
    assert ingest(folder, workspace).added == 1
    assert set(relics(workspace)) == {f"a.zip/{name}.ply"}


def test_backslashes_of_old_archivers_divide_folders(folder, workspace):
    write_gltf(folder.parent / "scene", "scene.gltf", wedge(4))
    files = sorted((folder.parent / "scene").iterdir())
    write_zip(folder / "a.zip", *((f"one\\two\\{p.name}", p.read_bytes()) for p in files))
    assert ingest(folder, workspace).added == 1
    assert set(relics(workspace)) == {"a.zip/one/two/scene.gltf"}


def test_a_flat_picture_or_a_text_that_is_not_read_is_no_bomb(folder, workspace):
    write_zip(
        folder / "a.zip",
        ("model.glb", glb()),
        ("textures/black.TGA", bytes(8 << 20)),
        ("notes.txt", bytes(8 << 20)),
    )
    assert ingest(folder, workspace).added == 1


CENTRAL, LOCAL = b"PK\x01\x02", b"PK\x03\x04"


def test_encrypted_and_oddly_packed_archives_are_refused_by_name(tmp_path):
    path = tmp_path / "a.zip"
    write_zip(path, ("model.glb", glb()))
    patched(path, CENTRAL, 8, struct.pack("<H", 1))
    assert "encrypted" in refusal_of(path, tmp_path).sentence
    info = entry("model.glb")
    info.compress_type = zipfile.ZIP_LZMA
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(info, glb(), compress_type=zipfile.ZIP_LZMA)
    shutil.rmtree(tmp_path / "unpacked")
    assert "lzma" in refusal_of(path, tmp_path).sentence


def test_a_bomb_is_refused_by_what_its_entries_claim(tmp_path):
    path = tmp_path / "a.zip"
    write_zip(path, ("model.obj", bytes(8 << 20)))
    refusal = refusal_of(path, tmp_path)
    assert (refusal.reason, "grows from" in refusal.sentence) == ("bomb", True)
    shutil.rmtree(tmp_path / "unpacked")
    write_zip(path, *((f"{n}.txt", b"") for n in range(MAX_MEMBERS + 1)))
    assert "4097 entries" in refusal_of(path, tmp_path).sentence


def test_bytes_are_counted_whatever_the_entries_claim(tmp_path, monkeypatch):
    path = tmp_path / "a.zip"
    data = np.random.default_rng(0).bytes(4 << 20)
    write_zip(path, ("a.ply", data), ("b.ply", data))
    monkeypatch.setattr(archives, "MAX_TOTAL_BYTES", 6 << 20)
    assert refusal_of(path, tmp_path).reason == "bomb"
    # An entry that admits to one byte of what inflates to eight million.
    shutil.rmtree(tmp_path / "unpacked")
    write_zip(path, ("model.obj", bytes(8 << 20)))
    patched(path, CENTRAL, 24, struct.pack("<I", 1))
    patched(path, LOCAL, 22, struct.pack("<I", 1))
    refusal = refusal_of(path, tmp_path)
    assert refusal.reason == "bad_archive"  # The checksum of the one byte is not that of them all.
    assert sum(file.stat().st_size for file in (tmp_path / "unpacked").iterdir()) <= 1


def test_damaged_archives_are_refusals_and_never_an_end(tmp_path):
    path = tmp_path / "a.zip"
    write_zip(path, ("model.glb", glb()), ("b.obj", b"v 0 0 0\n" * 50))
    whole = path.read_bytes()
    rng, ends = np.random.default_rng(0), set()
    for number in range(400):
        data = bytearray(whole)
        for place in rng.integers(0, len(data), 2):
            data[place] = rng.integers(256)
        path.write_bytes(data[: rng.integers(len(data)) if number % 4 == 0 else None])
        shutil.rmtree(tmp_path / "unpacked", ignore_errors=True)
        try:
            unpack({"path": str(path), "folder": str(tmp_path / "unpacked")})
        except Refusal as refusal:
            ends.add(refusal.reason)
    assert "bad_archive" in ends
    assert ends <= {"bad_archive", "no_mesh", "bomb"}


def test_a_refused_archive_is_one_record_until_a_retry_takes_it(folder, workspace):
    write_zip(folder / "a.zip", ("model.glb", glb()))
    shutil.copy(folder / "a.zip", folder / "b.zip")
    report = ingest(folder, workspace, seconds=0.001)
    assert [entry[:2] for entry in report.rejected] == [("a.zip", "timeout")]
    found = relics(workspace)
    assert {name: relic.state for name, relic in found.items()} == {
        "a.zip": "rejected",
        "b.zip": "duplicate",
    }
    assert ingest(folder, workspace).known == 1
    with Catalog(workspace.catalog_path) as catalog:
        assert catalog.retry_failed("ingest") == 1
    ingest(folder, workspace)
    assert {name: relic.state for name, relic in relics(workspace).items()} == {
        "a.zip/model.glb": "fetched",
        "b.zip/model.glb": "duplicate",
    }


def test_a_member_that_refers_out_of_the_archive_is_refused_alone(folder, workspace):
    document = {"asset": {"version": "2.0"}, "buffers": [{"uri": "../../x.bin", "byteLength": 4}]}
    missing = {"asset": {"version": "2.0"}, "buffers": [{"uri": "x.bin", "byteLength": 4}]}
    write_zip(
        folder / "a.zip",
        ("good.glb", glb()),
        ("deep/up.gltf", json.dumps(document).encode()),
        ("deep/lost.gltf", json.dumps(missing).encode()),
        ("x.bin", b"data"),
    )
    report = ingest(folder, workspace)
    assert report.added == 1
    assert {file: reason for file, reason, _ in report.rejected} == {
        "a.zip/deep/up.gltf": "external_uri",
        "a.zip/deep/lost.gltf": "gone",
    }
