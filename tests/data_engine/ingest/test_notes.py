"""What is missing or assumed is printed, kept, counted, listed and shown; never lost on the way."""

import json
import sqlite3

import pytest
from scans import relics

from data_engine.catalog.catalog import Catalog
from data_engine.catalog.notes import NOTES, Note, code_of
from data_engine.catalog.reader import CatalogReader
from data_engine.cli import main
from data_engine.commands.ingest import SHOWN, print_notes
from data_engine.reports.census import take
from data_engine.reports.page import Content, build
from data_engine.workspace import Workspace

MISSING = "material_file_missing: gone<b>.mtl was not found"


def write_obj(folder, name="a.obj", height=1):
    text = f"mtllib gone<b>.mtl\nusemtl m\nv 0 0 0\nv 1 0 0\nv 0 {height} 0\nf 1 2 3\n"
    (folder / name).write_text(text)


def test_a_note_has_a_code_and_a_sentence():
    assert (
        str(Note("picture_missing", "t.png was not found"))
        == "picture_missing: t.png was not found"
    )
    assert code_of("picture_missing: a: b") == "picture_missing"
    with pytest.raises(ValueError, match="'lost' is not one of"):
        Note("lost", "")
    assert all(meaning for meaning in NOTES.values())


def test_notes_are_printed_kept_counted_and_listed(folder, workspace, capsys):
    write_obj(folder)
    write_obj(folder, "b.obj", 2)
    words = ["--workspace", str(workspace.root)]
    assert main(["ingest", str(folder), *words]) == 0
    out = capsys.readouterr().out
    assert f"note: a.obj: {MISSING}" in out
    assert "note: b.obj: material_missing: " in out
    assert relics(workspace)["a.obj"].notes[0] == MISSING
    assert main(["status", *words]) == 0
    table = [line.split()[:2] for line in capsys.readouterr().out.splitlines()]
    assert ["2", "material_file_missing"] in table
    assert main(["status", *words, "--json", "--notes"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [entry["count"] for entry in found["notes"]] == [2, 2]
    assert found["noted"][0]["note"] == MISSING
    assert main(["status", *words, "--notes"]) == 0
    assert f"  b.obj: {MISSING}" in capsys.readouterr().out


def test_notes_of_what_is_out_are_not_counted(folder, workspace):
    write_obj(folder)
    main(["ingest", str(folder), "--workspace", str(workspace.root)])
    with Catalog(workspace.catalog_path) as catalog:
        catalog.reject(relics(workspace)["a.obj"].uid, "validate", "degenerate", "flat")
    with CatalogReader(workspace.catalog_path) as reader:
        assert reader.notes() == {}


def test_of_many_notes_of_a_kind_the_first_are_printed_and_the_rest_counted(capsys):
    notes = [(f"{n}.obj", "picture_missing: t.png") for n in range(SHOWN + 5)]
    print_notes([*notes, ("x.obj", "moved_to_origin: far")])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == SHOWN + 2
    assert lines[-1].startswith("note: picture_missing: 5 more; data-engine status --notes")
    assert "note: x.obj: moved_to_origin: far" in lines


def test_the_page_shows_notes_as_text(folder, workspace):
    write_obj(folder)
    main(["ingest", str(folder), "--workspace", str(workspace.root)])
    with Catalog(workspace.catalog_path) as catalog:
        found = catalog.relics()
    content = Content(
        census=take(found, found), relics=found, shown=(), facts={"datasets": []}, figures=()
    )
    html = build(content)["index.html"]
    assert "gone&lt;b&gt;.mtl was not found" in html
    assert NOTES["material_file_missing"] in html


def test_a_catalog_of_an_older_version_gets_its_columns(tmp_path):
    workspace = Workspace(tmp_path / "ws")
    with Catalog(workspace.catalog_path) as catalog:
        catalog.add({"uid": "a", "source_sha256": "s"})
    with sqlite3.connect(workspace.catalog_path) as raw:
        for index in raw.execute("SELECT name FROM sqlite_master WHERE type = 'index'").fetchall():
            if index[0].startswith("relic_by"):
                raw.execute(f"DROP INDEX {index[0]}")
        for name in ("notes", "main_sha256"):
            raw.execute(f"ALTER TABLE relic DROP COLUMN {name}")
        raw.execute("PRAGMA user_version = 1")
    raw.close()
    with CatalogReader(workspace.catalog_path) as reader:
        assert reader.notes() == {}
        assert (reader.get("a").notes, reader.get("a").main_sha256) == (None, "")
    with Catalog(workspace.catalog_path) as catalog:
        catalog.change("a", "ingest", "noted", notes=("moved_to_origin: x",))
        assert catalog.get("a").notes == ("moved_to_origin: x",)
