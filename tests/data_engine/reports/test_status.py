"""`data-engine status` on workspaces of every age, size and permission."""

import dataclasses
import itertools
import json
import os
import shutil
import sqlite3
import subprocess
import sys

import pytest

from data_engine.catalog.catalog import Catalog
from data_engine.catalog.reader import CatalogReader
from data_engine.catalog.stages import count_stages
from data_engine.cli import main
from data_engine.reports.status import collect, last_rate, render_bytes
from data_engine.workspace import Workspace

HEAVY = ("numpy", "PIL", "cv2", "trimesh", "scipy", "jax", "tensorflow_datasets", "pyarrow")


@pytest.fixture
def workspace(tmp_path):
    """Relics in every kind of place, and two of them with the same blob."""
    workspace = Workspace(tmp_path / "ws")
    with Catalog(workspace.catalog_path) as catalog:
        for n, digest in enumerate("aabcdef"):
            sha = 64 * digest
            catalog.add({"uid": f"r{n}", "title": f"relic {n}", "source_file": f"{n}.glb"})
            if n < 6:
                catalog.finish(f"r{n}", "ingest", "fetched", glb_sha256=sha, glb_bytes=100)
        for n in range(4):
            catalog.finish(f"r{n}", "validate", "validated")
        catalog.finish("r0", "render", "rendered")
        catalog.finish("r0", "shards", "sharded", split="train")
        catalog.finish("r1", "render", "rendered")
        catalog.reject("r2", "render", "empty_render", "nothing to see")
        catalog.finish("r4", "validate", "duplicate", dup_of="r0", dup_kind="geometry")
        assert catalog.claim("validate", "fetched", "key").uid == "r5"
        yield workspace


def summary(workspace):
    with CatalogReader(workspace.catalog_path) as catalog:
        return collect(workspace, catalog)


def stage_counts(found):
    names = ("done", "out", "waiting", "running")
    return {entry["stage"]: tuple(entry[name] for name in names) for entry in found["stages"]}


def test_every_relic_is_counted_once_in_every_stage_it_reached(workspace):
    found = summary(workspace)
    assert stage_counts(found) == {
        "ingest": (6, 0, 1, 0),
        "validate": (4, 1, 1, 1),
        "render": (2, 1, 1, 0),
        "shards": (1, 0, 1, 0),
    }
    assert found["relics"] == 7
    assert found["reasons"] == [{"stage": "render", "reason": "empty_render", "count": 1}]


def test_what_comes_through_a_stage_is_what_reaches_the_next(workspace):
    entries = summary(workspace)["stages"]
    for before, after in itertools.pairwise(entries):
        assert before["done"] == after["done"] + after["out"] + after["waiting"]


def test_a_relic_that_cleaning_dropped_had_passed_validation():
    tallies = {("rejected", "review", ""): 2, ("duplicate", "", "exact"): 1}
    ingest, validate, render, _ = count_stages(tallies)
    assert (ingest.done, ingest.out, validate.done, render.done, render.waiting) == (2, 1, 2, 0, 0)


def test_blobs_are_measured_once_each(workspace):
    (workspace.reports / "a.png").write_bytes(b"12345")
    used = {entry["what"]: entry["bytes"] for entry in summary(workspace)["disk"]["used"]}
    assert used == {"relics": 500, "shards": 0, "reports": 5}


def test_many_renders_are_estimated_from_some(tmp_path):
    for n in range(200):
        folder = tmp_path / f"{n % 7:02x}" / f"uid{n}"
        folder.mkdir(parents=True)
        (folder / "view.png").write_bytes(bytes(100))
    assert render_bytes(tmp_path) == (20_000, True)
    (tmp_path / "settings.json").touch()
    for prefix in list(tmp_path.glob("0[1-6]")):
        shutil.rmtree(prefix)
    assert render_bytes(tmp_path) == (2_900, False)


def test_the_rate_is_that_of_the_last_run():
    earlier = [f"2026-01-01T00:00:{s:02}.000+00:00" for s in range(30)]
    last = [f"2026-01-01T09:{m:02}:00.000+00:00" for m in (0, 2, 4, 6)]
    assert last_rate(earlier + last) == pytest.approx(30.0)
    assert last_rate(earlier) == pytest.approx(3600.0)
    assert last_rate(last[:1]) is None
    assert last_rate([]) is None


def test_data_sets_are_listed_with_their_splits(workspace):
    folder = workspace.shards / "relic_views" / "v12_64" / "1.0.0"
    folder.mkdir(parents=True)
    splits = [{"name": "train", "shardLengths": ["5", "2"]}, {"name": "val", "shardLengths": []}]
    (folder / "dataset_info.json").write_text(json.dumps({"splits": splits}))
    (entry,) = summary(workspace)["datasets"]
    assert entry["name"] == "relic_views/v12_64/1.0.0"
    assert entry["splits"] == {"train": 7, "val": 0}


def test_the_table_and_the_json_say_the_same(workspace, capsys):
    assert main(["status", "--workspace", str(workspace.root), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert main(["status", "--workspace", str(workspace.root), "--rejected"]) == 0
    table = capsys.readouterr().out
    for entry in found["stages"]:
        counts = [str(entry[name]) for name in ("done", "out", "waiting")]
        assert [entry["stage"], *counts] in [line.split()[:4] for line in table.splitlines()]
    assert "2.glb: empty_render: nothing to see" in table
    assert "4.glb: duplicate: repeats r0 (geometry)" in table


def test_reading_leaves_a_running_writer_and_the_file_alone(workspace):
    writer = sqlite3.connect(workspace.catalog_path, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")  # Takes the write lock
    writer.execute("UPDATE relic SET state = 'failed'")
    assert summary(workspace)["states"]["sharded"] == 1
    writer.execute("ROLLBACK")
    writer.close()
    with CatalogReader(workspace.catalog_path) as catalog:
        assert "r0" in catalog
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            catalog.add({"uid": "r9"})


def test_a_catalog_of_an_older_version_is_read_without_changing_it(tmp_path):
    path = tmp_path / "catalog.sqlite"
    with Catalog(path) as catalog:
        catalog.add({"uid": "a", "title": "Vase", "watertight": True, "triangles": 12})
        written = catalog.get("a")
    with sqlite3.connect(path) as raw:
        for name in ("render_id", "license_spdx", "triangles"):
            raw.execute(f"ALTER TABLE relic DROP COLUMN {name}")
    raw.close()
    before = path.read_bytes()
    with CatalogReader(path) as catalog:
        assert catalog.relics() == [dataclasses.replace(written, triangles=None)]
        assert catalog.get("a").license_spdx == "LicenseRef-unknown"
        assert catalog.counts() == {"found": 1}
    assert path.read_bytes() == before


def run_status(workspace, *wrap):
    words = [*wrap, sys.executable, "-m", "data_engine.cli", "status", "--workspace"]
    paths = os.pathsep.join(filter(None, sys.path))
    return subprocess.run(
        [*words, str(workspace.root)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "PYTHONPATH": paths, "WS": str(workspace.root)},
    )


def can_mount():
    probe = ["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"]
    return shutil.which("unshare") and subprocess.run(probe, check=False).returncode == 0


@pytest.mark.skipif(not can_mount(), reason="needs user namespaces to lock a folder")
@pytest.mark.parametrize("killed", [True, False])
def test_a_locked_disk_can_be_read(workspace, tmp_path, killed):
    copy = Workspace(shutil.copytree(workspace.root, tmp_path / "copy"))  # The writer is still on
    if not killed:
        with Catalog(copy.catalog_path):
            pass
    present = sorted(copy.root.iterdir())
    assert any(path.name.endswith("-wal") for path in present) == killed
    lock = 'mount --bind "$WS" "$WS" && mount -o remount,ro,bind "$WS" && exec "$@"'
    result = run_status(copy, "unshare", "-rm", "sh", "-c", lock, "sh")
    assert result.returncode == 0, result.stderr
    assert "7 relics" in result.stdout
    assert sorted(copy.root.iterdir()) == present


def test_status_imports_nothing_heavy(workspace):
    script = (
        "import sys; from data_engine.cli import main\n"
        f"main(['status', '--workspace', {str(workspace.root)!r}])\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert result.stdout.splitlines()[-1] == "[]"
