"""The catalog at size: `status` over 10 000 relics, and claims by several processes.

The peer of the claims is the plain statement of the specification, one transaction each, without
leases, attempts or events: UPDATE ... WHERE uid = (SELECT ... LIMIT 1) RETURNING uid.
"""

import argparse
import json
import os
import pathlib
import sqlite3
import subprocess
import sys
import tempfile
import time
import uuid

from data_engine.catalog.catalog import Catalog

ROOT = pathlib.Path(__file__).resolve().parent.parent
STATES = ("fetched", "fetched", "fetched", "validated", "rendered", "sharded", "rejected")

OURS = """
import sys
from data_engine.catalog.catalog import Catalog
count = 0
with Catalog(sys.argv[1]) as catalog:
    print("ready", flush=True)
    sys.stdin.readline()
    while relic := catalog.claim("render", ("fetched", "rendered"), "k"):
        catalog.finish(relic.uid, "render", "rendered")
        count += 1
print(count)
"""
PEER = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)
print("ready", flush=True)
sys.stdin.readline()
count = 0
while db.execute(
    "UPDATE job SET state = 'done' WHERE uid = (SELECT uid FROM job WHERE state = 'new' LIMIT 1)"
    " RETURNING uid").fetchall():
    count += 1
print(count)
"""


def fill(path: pathlib.Path, count: int, states: tuple[str, ...]) -> None:
    with Catalog(path) as catalog, catalog.transaction():
        for number in range(count):
            state = states[number % len(states)]
            out = {"reason": "bad_glb", "reason_stage": "validate", "detail": "it is broken"}
            uid = catalog.add(
                {
                    "uid": str(uuid.uuid5(uuid.NAMESPACE_URL, str(number))),
                    "state": state,
                    "title": f"Relic {number}",
                    "description": "A vessel of fired clay with a handle. " * 10,
                    **(out if state == "rejected" else {}),
                }
            )
            catalog.log(uid, "validate", "finished", {"state": state})


def status_seconds(count: int) -> dict[str, float]:
    """Seconds of the whole process, and of its two queries."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "catalog.sqlite")
        fill(path, count, STATES)
        command = [sys.executable, "-m", "data_engine.cli", "status", "--workspace", folder]
        walls = []
        for _ in range(5):
            start = time.perf_counter()
            subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
            walls.append(time.perf_counter() - start)
        start = time.perf_counter()
        with Catalog(path) as catalog:
            catalog.counts(), catalog.reasons()
        return {"process": sorted(walls)[2], "queries": time.perf_counter() - start}


def race(code: str, path: pathlib.Path, processes: int) -> tuple[float, int]:
    """Seconds until all processes find nothing left, and how many relics they claimed."""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        for _ in range(processes)
    ]
    for process in started:
        process.stdout.readline()
    start = time.perf_counter()
    for process in started:
        process.stdin.write("go\n")
        process.stdin.flush()
    claimed = sum(int(process.communicate()[0]) for process in started)
    return time.perf_counter() - start, claimed


def claims_per_second(count: int, processes: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        ours, peer = pathlib.Path(folder, "ours.sqlite"), pathlib.Path(folder, "peer.sqlite")
        fill(ours, count, ("fetched",))
        with sqlite3.connect(peer) as db:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("CREATE TABLE job (uid TEXT PRIMARY KEY, state TEXT)")
            db.execute("CREATE INDEX by_state ON job (state)")
            db.executemany("INSERT INTO job VALUES (?, 'new')", [(str(n),) for n in range(count)])
        report = {}
        for name, code, path in (("ours", OURS, ours), ("peer", PEER, peer)):
            seconds, claimed = race(code, path, processes)
            assert claimed == count, f"{name}: {claimed} claims for {count} relics"
            report[name] = count / seconds
        return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--relics", type=int, default=10_000)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--json", action="store_true", help="one line of JSON instead of a table")
    arguments = parser.parse_args()
    report = {
        "relics": arguments.relics,
        "status_s": status_seconds(arguments.relics),
        "processes": arguments.processes,
        "claims_per_s": claims_per_second(arguments.relics, arguments.processes),
    }
    print(json.dumps(report) if arguments.json else json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
