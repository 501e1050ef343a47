"""Many workers, some of them killed: every relic is done, none twice."""

import collections
import itertools
import json
import os
import signal
import subprocess
import sys
import uuid

from data_engine.catalog.catalog import Catalog

WORK = """
import os, sys
from data_engine.catalog.catalog import Catalog
READY = ("fetched", "rendered")
with Catalog(sys.argv[1]) as catalog:
    print("ready", flush=True)
    sys.stdin.readline()
    while relic := catalog.claim("render", READY, "k", lease_s=600):
        print(relic.uid, flush=True)
        catalog.finish(relic.uid, "render", "rendered", render_id=sys.argv[2])
"""


def filled(path, count: int) -> list[str]:
    uids = sorted(str(uuid.uuid5(uuid.NAMESPACE_URL, f"test:{n}")) for n in range(count))
    with Catalog(path) as catalog, catalog.transaction():
        for uid in uids:
            catalog.add({"uid": uid, "state": "fetched"})
    return uids


def workers(path, count: int) -> list[subprocess.Popen]:
    """Processes that claim once they read a line."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", WORK, str(path), str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for number in range(count)
    ]
    for worker in started:
        assert worker.stdout.readline() == "ready\n"
    return started


def go(worker: subprocess.Popen) -> None:
    worker.stdin.write("go\n")
    worker.stdin.flush()


def finished(path) -> collections.Counter:
    with Catalog(path) as catalog:
        rows = catalog.query("SELECT uid FROM event WHERE what = 'finished'")
    return collections.Counter(uid for (uid,) in rows)


def test_four_processes_finish_2000_relics_once_each(tmp_path):
    path = tmp_path / "catalog.sqlite"
    uids = filled(path, 2000)
    started = workers(path, 4)
    for worker in started:
        go(worker)
    claimed = [worker.communicate(timeout=300)[0].split() for worker in started]
    assert sorted(itertools.chain(*claimed)) == uids
    assert min(map(len, claimed)) > 0
    assert finished(path) == dict.fromkeys(uids, 1)


def test_workers_killed_with_leases_in_hand_lose_and_repeat_nothing(tmp_path):
    path = tmp_path / "catalog.sqlite"
    uids = filled(path, 120)
    for claims in (1, 7, 20):
        (worker,) = workers(path, 1)
        go(worker)
        for _ in range(claims):  # The last of these is claimed, and finished or not.
            worker.stdout.readline()
        worker.send_signal(signal.SIGKILL)
        worker.communicate()
    (last,) = workers(path, 1)
    go(last)
    assert last.communicate(timeout=120) is not None
    assert finished(path) == dict.fromkeys(uids, 1)
    with Catalog(path) as catalog:
        assert catalog.counts() == {"rendered": 120}
        attempts = catalog.query("SELECT DISTINCT attempts FROM stage")
    assert [tuple(row) for row in attempts] == [(1,)]  # A killed attempt is not held against it.


def test_a_claim_that_passed_a_relic_comes_back_to_it(tmp_path):
    path = tmp_path / "catalog.sqlite"
    first, second, third = filled(path, 3)
    with Catalog(path) as catalog:
        for uid in (first, second):
            assert catalog.claim("render", "fetched", "k").uid == uid
        catalog.release(first, "render")
        assert catalog.claim("render", "fetched", "k").uid == third
        assert catalog.claim("render", "fetched", "k").uid == first
        assert catalog.claim("render", "fetched", "k") is None


def test_counting_reads_indexes_alone(tmp_path):
    path = tmp_path / "catalog.sqlite"
    filled(path, 1)
    with Catalog(path) as catalog:
        for statement in (
            "SELECT state, COUNT(*) FROM relic GROUP BY state",
            "SELECT reason_stage, reason, COUNT(*) FROM relic WHERE state IN ('rejected', 'failed')"
            " GROUP BY reason_stage, reason",
        ):
            plan = json.dumps(
                [tuple(row) for row in catalog.query(f"EXPLAIN QUERY PLAN {statement}")]
            )
            assert "COVERING INDEX" in plan
