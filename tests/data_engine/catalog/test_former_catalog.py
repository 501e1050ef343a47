"""A catalog as version 0.1 of the data engine left it is carried on without a loss."""

import sqlite3

import pytest
import trimesh

from data_engine.catalog.catalog import Catalog
from data_engine.catalog.reader import CatalogReader
from data_engine.cli import main
from data_engine.commands.shards import rendered_relics
from data_engine.workspace import Workspace

COLUMNS = """uid TEXT PRIMARY KEY NOT NULL, source TEXT NOT NULL DEFAULT 'local',
source_id TEXT NOT NULL DEFAULT '', source_url TEXT NOT NULL DEFAULT '',
source_file TEXT NOT NULL DEFAULT '', source_format TEXT NOT NULL DEFAULT '',
source_sha256 TEXT NOT NULL DEFAULT '', title TEXT NOT NULL DEFAULT '',
description TEXT NOT NULL DEFAULT '', language TEXT NOT NULL DEFAULT '',
caption_en TEXT NOT NULL DEFAULT '', license_spdx TEXT NOT NULL DEFAULT 'LicenseRef-unknown',
license_label TEXT NOT NULL DEFAULT '', license_url TEXT NOT NULL DEFAULT '',
license_evidence TEXT NOT NULL DEFAULT '', attribution TEXT NOT NULL DEFAULT '',
author_name TEXT NOT NULL DEFAULT '', author_url TEXT NOT NULL DEFAULT '',
category TEXT NOT NULL DEFAULT 'other', up_axis TEXT NOT NULL DEFAULT 'Y',
glb_sha256 TEXT NOT NULL DEFAULT '', glb_bytes INTEGER, vertices INTEGER, triangles INTEGER,
watertight INTEGER, bbox_min TEXT, bbox_max TEXT, geometry_sha256 TEXT NOT NULL DEFAULT '',
dup_of TEXT NOT NULL DEFAULT '', dup_kind TEXT NOT NULL DEFAULT '',
cluster TEXT NOT NULL DEFAULT '', split TEXT NOT NULL DEFAULT '',
state TEXT NOT NULL DEFAULT 'found', reason TEXT NOT NULL DEFAULT '',
detail TEXT NOT NULL DEFAULT '', reason_stage TEXT NOT NULL DEFAULT '',
render_id TEXT NOT NULL DEFAULT ''"""
TABLES = f"""
CREATE TABLE relic ({COLUMNS}) WITHOUT ROWID;
CREATE TABLE stage (uid TEXT NOT NULL REFERENCES relic(uid), stage TEXT NOT NULL, key TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('running', 'done', 'retry', 'failed')),
  attempts INTEGER NOT NULL, owner TEXT NOT NULL, lease_until REAL NOT NULL, started TEXT NOT NULL,
  finished TEXT, error TEXT, PRIMARY KEY (uid, stage, key)) WITHOUT ROWID;
CREATE TABLE event (id INTEGER PRIMARY KEY, at TEXT NOT NULL, uid TEXT NOT NULL,
  stage TEXT NOT NULL, what TEXT NOT NULL, json TEXT NOT NULL);
CREATE INDEX stage_running ON stage (stage) WHERE state = 'running';
CREATE INDEX event_by_uid ON event (uid, id);
CREATE INDEX relic_by_state ON relic (state, uid);
CREATE INDEX relic_by_geometry ON relic (geometry_sha256);
CREATE INDEX relic_by_source_sha256 ON relic (source_sha256);
"""
UIDS = tuple(f"0000000{n}-0000-5000-8000-000000000000" for n in range(3))


@pytest.fixture
def workspace(tmp_path):
    """Two validated relics, of which one is the other turned, and a refused one."""
    workspace = Workspace(tmp_path / "ws")
    with sqlite3.connect(workspace.catalog_path) as db:
        db.executescript(TABLES)
        for number, uid in enumerate(UIDS):
            mesh = trimesh.creation.torus(3, 1)
            mesh.vertices[:, 0] += 0.1 * mesh.vertices[:, 1] ** 2
            mesh.apply_transform(trimesh.transformations.rotation_matrix(number, [1, 2, 3]))
            digest = workspace.store_blob(mesh.export(file_type="glb"))
            state = "rejected" if number == 2 else "validated"
            fields = (uid, f"Krug {number}", digest, state, "[-1.0, 0.0, 1.0]", 0)
            db.execute(
                "INSERT INTO relic (uid, title, glb_sha256, state, bbox_min, watertight)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                fields,
            )
            entered = ("2026-01-01T00:00:00.000+00:00", uid, "ingest", "added", "{}")
            db.execute("INSERT INTO event (at, uid, stage, what, json) VALUES (?,?,?,?,?)", entered)
    db.close()
    return workspace


def test_it_is_read_as_it_is_and_opened_without_a_loss(workspace):
    with CatalogReader(workspace.catalog_path) as reader:
        before = reader.relics()
    with Catalog(workspace.catalog_path) as catalog:
        assert catalog.relics() == before
        assert [relic.title for relic in before] == ["Krug 0", "Krug 1", "Krug 2"]
        assert (before[0].bbox_min, before[0].watertight) == ((-1.0, 0.0, 1.0), False)
        assert (before[0].retrieved_at, before[0].materials, before[0].cluster) == ("", None, "")
        assert len(catalog.events(UIDS[0])) == 1


def test_its_relics_are_compared_before_they_are_split(workspace, capsys):
    words = ["--workspace", str(workspace.root)]
    view = ["--engine", "raycast", "--poses", "ring:2@20", "--size", "16"]
    assert main(["render", *words, *view]) == 0
    assert main(["shards", *words]) == 2
    assert "run `data-engine validate` first" in capsys.readouterr().err
    assert main(["validate", *words]) == 0
    (render,) = workspace.renders.iterdir()
    (kept,) = rendered_relics(workspace, render.name)
    assert (kept.uid, kept.cluster) == (UIDS[0], UIDS[0])
    assert f"duplicate {UIDS[1]}: same geometry as {UIDS[0]}" in capsys.readouterr().out
