"""Removal: gone from disk and from the file of the catalog, and it stays away."""

import json
import shutil

import pytest
import trimesh
from array_record.python.array_record_module import ArrayRecordWriter

from data_engine.catalog.catalog import Catalog
from data_engine.cli import main
from data_engine.rights import removal
from data_engine.workspace import Workspace

SECRET = "Grandmother's teapot"
AUTHOR = "Anna Exampleova"


@pytest.fixture
def scans(tmp_path):
    """Two relics of one author, a third of another, and a byte copy of the first."""
    folder = tmp_path / "scans"
    folder.mkdir()
    for number in range(3):
        trimesh.creation.box((1, 2, 3 + number)).export(folder / f"box-{number}.glb")
    shutil.copy(folder / "box-0.glb", folder / "copy.glb")
    entries = [
        {
            "file": f"box-{number}.glb",
            "name": SECRET if number == 0 else f"Box {number}",
            "author": AUTHOR if number < 2 else "B. Potter",
            "source": {"url": f"https://museum.example/{number // 2}"},
        }
        for number in range(3)
    ]
    (folder / "manifest.json").write_text(json.dumps({"objects": entries}))
    return folder


@pytest.fixture
def workspace(scans, tmp_path, capsys):
    workspace = Workspace(tmp_path / "ws")
    assert main(["ingest", str(scans), "--workspace", str(workspace.root)]) == 0
    for relic in relics(workspace).values():
        view = workspace.render_dir("r", relic.uid)
        view.mkdir(parents=True)
        (view / "view_0.png").write_bytes(b"png")
        log = workspace.log_path("render", relic.uid)
        log.parent.mkdir(exist_ok=True)
        log.write_text("log")
        (workspace.reports / f"{relic.uid}.png").write_bytes(b"png")
    capsys.readouterr()
    return workspace


def relics(workspace) -> dict:
    with Catalog(workspace.catalog_path) as catalog:
        return {relic.source_file: relic for relic in catalog.relics()}


def pack(workspace, version: str, *uids: str):
    """A data set in the format of ours, reduced to what removal looks at."""
    folder = workspace.shards / "relic_views" / "v1" / version
    folder.mkdir(parents=True)
    (folder / "dataset_info.json").write_text("{}")
    writer = ArrayRecordWriter(str(folder / "x-train.array_record-00000-of-00001"), "group_size:1")
    for uid in uids:
        writer.write(b"before" + uid.encode() + b"after")
    writer.close()
    return folder


def forget(workspace, *words: str) -> int:
    return main(["forget", *words, "--workspace", str(workspace.root)])


def traces(workspace, uid: str) -> list:
    return list(workspace.root.rglob(f"*{uid}*"))


def test_nothing_of_a_forgotten_relic_is_left_and_the_others_are_whole(workspace, capsys):
    before = relics(workspace)
    gone, copy, kept = (before[name] for name in ("box-0.glb", "copy.glb", "box-1.glb"))
    holds = pack(workspace, "1.0.0", kept.uid, gone.uid)
    pack(workspace, "2.0.0", kept.uid)
    assert forget(workspace, gone.uid, "--reason", "by letter") == 0
    out = capsys.readouterr().out
    assert out.count("build it anew") == 1
    assert str(holds) in out
    assert set(relics(workspace)) == {"box-1.glb", "box-2.glb"}
    assert not workspace.blob_path(gone.glb_sha256).exists()
    assert traces(workspace, gone.uid) == traces(workspace, copy.uid) == []
    assert len(traces(workspace, kept.uid)) == 3
    assert workspace.blob_path(kept.glb_sha256).exists()
    for path in workspace.root.glob("catalog.sqlite*"):
        assert SECRET.encode() not in path.read_bytes()
        assert path.name != "catalog.sqlite" or gone.uid.encode() in path.read_bytes()


def test_reports_that_show_it_go_whole_and_a_release_that_holds_it_is_named(workspace, capsys):
    gone = relics(workspace)["box-0.glb"]
    for name in ("index.html", "relics.json", "contact-sheet-001.jpg", "figures/words.png"):
        (workspace.reports / name).parent.mkdir(exist_ok=True)
        (workspace.reports / name).write_text(gone.uid if name == "relics.json" else SECRET)
    published = pack(workspace, "1.0.0", gone.uid).rename(workspace.root / "release")
    assert forget(workspace, gone.uid) == 0
    out = capsys.readouterr().out
    assert "`data-engine report` writes them anew" in out
    assert str(published) in out
    assert SECRET not in "".join(
        path.read_text() for path in workspace.reports.rglob("*.*") if path.is_file()
    )


def test_ingest_does_not_bring_it_back_until_it_is_lifted(workspace, scans, capsys):
    uid = relics(workspace)["box-0.glb"].uid
    forget(workspace, uid)
    again = ["ingest", str(scans), "--workspace", str(workspace.root)]
    assert main(again) == 0
    assert capsys.readouterr().out.count("at somebody's request") == 2  # The file and its copy
    assert set(relics(workspace)) == {"box-1.glb", "box-2.glb"}
    for stone in (uid, *(stone for stone in stones(workspace) if stone != uid)):
        assert forget(workspace, "--lift", stone) == 0
    assert main(again) == 0
    assert len(relics(workspace)) == 4


def stones(workspace) -> list[str]:
    with Catalog(workspace.catalog_path) as catalog:
        return [uid for (uid,) in catalog.query("SELECT uid FROM tombstone ORDER BY uid")]


def test_an_author_or_a_page_goes_whole(workspace, scans, capsys):
    assert forget(workspace, "--author", AUTHOR) == 0
    assert set(relics(workspace)) == {"box-2.glb"}
    assert forget(workspace, "https://museum.example/1") == 0
    assert relics(workspace) == {}
    trimesh.creation.box((9, 9, 9)).export(scans / "box-2.glb")  # Another file from that page
    assert main(["ingest", str(scans), "--workspace", str(workspace.root)]) == 0
    assert relics(workspace) == {}


def test_a_blob_that_another_relic_uses_stays(workspace):
    before = relics(workspace)
    gone, other = before["box-1.glb"], before["box-2.glb"]
    with Catalog(workspace.catalog_path) as catalog:
        catalog.change(other.uid, "test", "shares", glb_sha256=gone.glb_sha256)
    assert forget(workspace, gone.uid) == 0
    assert workspace.blob_path(gone.glb_sha256).exists()


def test_a_killed_removal_is_completed_by_the_next_run(workspace, monkeypatch, capsys):
    before = relics(workspace)
    uids = [before[name].uid for name in ("box-0.glb", "box-1.glb", "copy.glb")]
    removed, rmtree = [], shutil.rmtree

    def die_at_the_second(path):
        removed.append(path)
        if len(removed) == 2:
            raise KeyboardInterrupt
        rmtree(path)

    with monkeypatch.context() as patch:
        patch.setattr(removal.shutil, "rmtree", die_at_the_second)
        assert forget(workspace, "--author", AUTHOR) == 130
    assert any(traces(workspace, uid) for uid in uids)
    assert forget(workspace) == 0
    assert [traces(workspace, uid) for uid in uids] == [[], [], []]
    assert set(relics(workspace)) == {"box-2.glb"}


def test_a_dry_run_changes_nothing_and_names_what_would_go(workspace, capsys):
    before = relics(workspace), sorted(workspace.root.rglob("*"))
    uid = relics(workspace)["box-1.glb"].uid
    capsys.readouterr()
    assert forget(workspace, uid, "--dry-run") == 0
    out = capsys.readouterr().out
    assert str(workspace.render_dir("r", uid)) in out
    assert ".glb" in out
    assert (relics(workspace), sorted(workspace.root.rglob("*"))) == before


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["unheard-of"], "no relic 'unheard-of'"),
        (["--author", "Nobody"], "no relic by 'Nobody'"),
        (["--lift", "unheard-of"], "was forgotten"),
        (["x", "--author", "Nobody"], "name one of"),
    ],
)
def test_a_slip_is_one_line_and_removes_nothing(workspace, capsys, words, line):
    assert forget(workspace, *words) == 2
    assert line in capsys.readouterr().err
    assert len(relics(workspace)) == 4


def test_a_relic_that_is_being_worked_on_is_refused(workspace, capsys):
    with Catalog(workspace.catalog_path) as catalog:
        relic = catalog.claim("validate", "fetched", "k")
        assert forget(workspace, relic.uid) == 2
    assert "being worked on" in capsys.readouterr().err
    assert relic.uid in {found.uid for found in relics(workspace).values()}
