"""The catalog: every relic claimed once, every change whole, every crash survivable."""

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import uuid

import pytest

from data_engine.catalog.catalog import MAX_ATTEMPTS, Catalog
from data_engine.catalog.owners import is_dead, this_process
from data_engine.catalog.schema import COLUMNS, Relic
from data_engine.errors import UserError
from data_engine.workspace import Workspace

CLAIM_ALL = """
import json, sys
from data_engine.catalog.catalog import Catalog
with Catalog(sys.argv[1]) as catalog:
    sys.stdin.readline()
    uids = []
    while relic := catalog.claim("render", "fetched", "k", lease_s=60):
        uids.append(relic.uid)
        catalog.finish(relic.uid, "render", "rendered", render_id=sys.argv[2])
print(json.dumps(uids))
"""
CLAIM_ONE_AND_HANG = """
import sys, time
from data_engine.catalog.catalog import Catalog
catalog = Catalog(sys.argv[1])
print(catalog.claim("render", "fetched", "k", lease_s=3600).uid, flush=True)
time.sleep(600)
"""


def uid_of(number: int) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"test:{number}"))


def child(code: str, *arguments: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


@pytest.fixture
def catalog(tmp_path):
    with Catalog(tmp_path / "catalog.sqlite") as catalog:
        yield catalog


def add(catalog: Catalog, number: int = 0, **fields) -> str:
    return catalog.add({"uid": uid_of(number), "state": "fetched", **fields})


def test_two_processes_claim_200_relics_once_each(catalog):
    uids = {add(catalog, number) for number in range(200)}
    workers = [child(CLAIM_ALL, str(catalog.path), name) for name in ("one", "two")]
    for worker in workers:
        worker.stdin.write("go\n")
        worker.stdin.flush()
    one, two = (json.loads(worker.communicate(timeout=120)[0]) for worker in workers)
    assert len(one) + len(two) == 200
    assert set(one) | set(two) == uids
    assert {relic.uid for relic in catalog.relics("rendered") if relic.render_id == "one"} == set(
        one
    )


def test_what_a_killed_process_held_is_claimable_at_once(catalog):
    uid = add(catalog)
    worker = child(CLAIM_ONE_AND_HANG, str(catalog.path))
    assert worker.stdout.readline().strip() == uid
    assert catalog.claim("render", "fetched", "k") is None
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    assert catalog.claim("render", "fetched", "k").uid == uid
    assert catalog.fail(uid, "render", "first failure that counts")
    assert catalog.get(uid).state == "fetched"


def test_an_expired_lease_is_claimable_and_the_late_worker_changes_nothing(tmp_path, catalog):
    uid = add(catalog)
    with Catalog(tmp_path / "catalog.sqlite") as late:
        assert late.claim("render", "fetched", "k", owner="elsewhere/1", lease_s=0.05).uid == uid
        time.sleep(0.1)
        assert catalog.claim("render", "fetched", "k").uid == uid
        assert not late.finish(uid, "render", "rendered", render_id="late")
        assert catalog.get(uid).render_id == ""
        assert catalog.finish(uid, "render", "rendered", render_id="in time")
    assert catalog.get(uid).render_id == "in time"


def test_a_live_lease_is_not_claimable_under_another_key(catalog):
    add(catalog)
    assert catalog.claim("render", "fetched", "one")
    assert catalog.claim("render", "fetched", "two") is None


def test_a_finished_key_is_skipped_and_a_new_key_is_not(catalog):
    uid = add(catalog)
    states = ("fetched", "rendered")
    assert catalog.claim("render", states, "32 samples").uid == uid
    catalog.finish(uid, "render", "rendered")
    assert catalog.claim("render", states, "32 samples") is None
    assert catalog.claim("render", states, "64 samples").uid == uid


def test_finish_writes_state_and_event_together_or_not_at_all(catalog, monkeypatch):
    uid = add(catalog)
    catalog.claim("render", "fetched", "k")
    before = catalog.get(uid), catalog.events(uid)
    with monkeypatch.context() as patch:
        patch.setattr(catalog, "log", lambda *_: (_ for _ in ()).throw(sqlite3.OperationalError()))
        with pytest.raises(sqlite3.OperationalError):
            catalog.finish(uid, "render", "rendered", render_id="r")
    assert (catalog.get(uid), catalog.events(uid)) == before
    assert catalog.finish(uid, "render", "rendered", render_id="r")
    assert catalog.events(uid)[-1].fields == {"render_id": "r", "state": "rendered"}


def test_the_third_failure_is_final_until_it_is_retried(catalog):
    uid = add(catalog, state="validated")
    for attempt in range(1, MAX_ATTEMPTS + 1):
        assert catalog.claim("render", "validated", "k").uid == uid
        catalog.fail(uid, "render", f"Blender died ({attempt})")
    assert catalog.get(uid).state == "failed"
    assert catalog.get(uid).detail == "Blender died (3)"
    assert catalog.reasons() == {("render", "failed"): 1}
    assert catalog.claim("render", "validated", "k") is None
    assert catalog.retry_failed("render") == 1
    assert catalog.get(uid).reason == ""
    assert catalog.claim("render", "validated", "k").uid == uid


def test_workers_that_never_report_back_use_up_the_attempts(catalog):
    uid = add(catalog)
    for _ in range(MAX_ATTEMPTS):
        assert catalog.claim("render", "fetched", "k", owner="elsewhere/1", lease_s=0.01)
        time.sleep(0.03)
    assert catalog.claim("render", "fetched", "k") is None
    assert catalog.get(uid).state == "failed"


def test_closing_gives_leases_back_without_counting_the_attempt(tmp_path, catalog):
    uid = add(catalog)
    for _ in range(MAX_ATTEMPTS + 1):
        with Catalog(tmp_path / "catalog.sqlite") as interrupted:
            assert interrupted.claim("render", "fetched", "k").uid == uid
    assert catalog.claim("render", "fetched", "k").uid == uid


def test_adding_again_updates_words_and_never_the_state(catalog):
    uid = add(catalog, title="Vase")
    catalog.reject(uid, "validate", "no_mesh", "it holds no triangle")
    history = len(catalog.events(uid))
    add(catalog, title="Vase")
    assert len(catalog.events(uid)) == history
    add(catalog, title="Black vase")
    assert catalog.get(uid).title == "Black vase"
    assert catalog.get(uid).state == "rejected"
    assert catalog.reasons() == {("validate", "no_mesh"): 1}


def test_every_field_survives_the_round_trip(catalog):
    relic = Relic(
        **{name: f"{name} – 青花瓷" for name in COLUMNS if Relic.__annotations__[name] is str}
        | {"uid": uid_of(0), "state": "validated", "watertight": False, "triangles": 12}
        | {"vertices": 8, "glb_bytes": 1 << 40, "bbox_min": (-1e-9, 0.1, -2.0)}
        | {"bbox_max": (1e9, 1 / 3, 2.0)}
    )
    catalog.add(vars(relic))
    assert catalog.get(relic.uid) == relic
    assert catalog.relics() == catalog.relics("validated") == [relic]


def test_relics_come_sorted_by_uid_and_counts_follow_the_road(catalog):
    for number in range(20):
        add(catalog, number, state="rendered" if number % 3 else "fetched")
    uids = [relic.uid for relic in catalog.relics()]
    assert uids == sorted(uids)
    assert list(catalog.counts().items()) == [("fetched", 7), ("rendered", 13)]


def test_a_catalog_of_an_older_version_gains_the_new_columns(tmp_path):
    path = tmp_path / "old.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as old:
        old.execute("CREATE TABLE relic (uid TEXT PRIMARY KEY NOT NULL, title TEXT NOT NULL)")
        old.execute("INSERT INTO relic VALUES ('u', 'Lucy')")
        old.commit()
    with Catalog(path) as catalog:
        assert catalog.get("u") == Relic(uid="u", title="Lucy")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda catalog, uid: catalog.add({"uid": uid, "titel": "x"}), "titel"),
        (lambda catalog, uid: catalog.finish(uid, "render", "done"), "done"),
        (lambda catalog, uid: catalog.reject(uid, "render", "ugly", ""), "ugly"),
        (lambda catalog, uid: catalog.claim("render", "fetchd", "k"), "fetchd"),
    ],
)
def test_a_misspelt_name_is_refused_by_name(catalog, call, words):
    with pytest.raises(ValueError, match=words):
        call(catalog, add(catalog))


def test_this_process_is_alive_and_a_finished_one_is_dead():
    process = child("from data_engine.catalog.owners import this_process; print(this_process())")
    gone = process.communicate(timeout=60)[0].strip()
    assert not is_dead(this_process())
    assert is_dead(gone)
    assert not is_dead("another-host/1/1")


def test_a_blob_is_stored_once_under_its_digest_and_read_only(tmp_path):
    workspace = Workspace(tmp_path / "ws")
    digest = workspace.store_blob(b"glTF")
    path = workspace.blob_path(digest)
    assert path.read_bytes() == b"glTF"
    assert path.stat().st_mode & 0o222 == 0
    inode = path.stat().st_ino
    assert workspace.store_blob(b"glTF") == digest
    assert path.stat().st_ino == inode
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("name", ["..", "a/b", "", "/etc", ".hidden", "a\0b", "x/../y"])
def test_no_name_leads_out_of_the_workspace(tmp_path, name):
    workspace = Workspace(tmp_path / "ws")
    for path in (
        lambda: workspace.render_dir("r", name),
        lambda: workspace.render_dir(name, uid_of(0)),
        lambda: workspace.blob_path(name),
        lambda: workspace.log_path("render", name),
    ):
        with pytest.raises(ValueError, match=r"folder|digest"):
            path()


def test_opening_a_missing_workspace_says_how_to_make_one(tmp_path):
    with pytest.raises(UserError, match="data-engine ingest"):
        Workspace(tmp_path / "none", create=False)
    assert not (tmp_path / "none").exists()
