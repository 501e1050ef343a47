"""Kills `data-engine` at random moments, runs it again, and compares the shards; JSON on stdout.

    python scripts/kill9.py --relics 20 --kills 10

Procedural relics go from GLB to shards undisturbed once. Then each kill gets a fresh workspace: the
same commands, one of them killed with SIGKILL at a random moment (a random number of relics done,
then a random part of a second), then all of them again. The shards must have the same bytes, and
nothing half-made may be left lying about. Kills alternate between the whole process tree (as when
a machine or a container goes down) and the command alone, whose children may live on for a moment.
"""

import collections
import contextlib
import dataclasses
import hashlib
import json
import os
import pathlib
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

import tyro

STAGES = ("ingest", "validate", "render", "shards")
ORDER = ("render", "shards", "validate", "ingest", "render")
"""Where kills fall in turn; rendering takes longest and has the most to lose."""
AFTER = {
    "ingest": ("fetched", "validated", "rendered", "sharded"),
    "validate": ("validated", "rendered", "sharded"),
    "render": ("rendered", "sharded"),
}
"""States of a relic that a stage has finished."""
LONGEST_DELAY_S = {"ingest": 0.05, "validate": 0.05, "render": 0.4, "shards": 0.4}
TRIES = 4
POLL_S = 0.005
TIMEOUT_S = 900


@dataclasses.dataclass(frozen=True, kw_only=True)
class KillNine:
    """What is run and how often it is killed."""

    relics: int = 20
    """Procedural relics."""
    kills: int = 10
    """Kills in all."""
    together: bool = False
    """All kills in one workspace, one after the other, instead of a fresh one for each."""
    seed: int = 0
    """Random seed for the moments."""
    render: tuple[str, ...] = ("--poses", "sphere:3", "--size", "32", "--samples", "1")
    """Arguments of `data-engine render`."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kill:
    """One SIGKILL."""

    stage: str
    done: float
    """Part of the relics that the stage has finished by then; shards count from the first file."""
    delay_s: float
    """Seconds that pass after that."""
    tree: bool
    """Every process of the command, or the command alone."""


def choose_kills(count: int, seed: int) -> list[Kill]:
    rng = random.Random(seed)
    return [
        Kill(
            stage=(stage := ORDER[i % len(ORDER)]),
            done=rng.uniform(0, 0.8),
            delay_s=rng.uniform(0, LONGEST_DELAY_S[stage]),
            tree=i % 2 == 0,
        )
        for i in range(count)
    ]


class Runner:
    """The commands of one workspace."""

    def __init__(self, relics: pathlib.Path, workspace: pathlib.Path, render: tuple[str, ...]):
        self.workspace = workspace
        self._words = {stage: ("--workspace", str(workspace)) for stage in STAGES}
        self._words["ingest"] = (str(relics), *self._words["ingest"])
        self._words["render"] = (*self._words["render"], *render)

    def start(self, stage: str) -> subprocess.Popen:
        log = self.workspace.with_name(f"{self.workspace.name}.log").open("ab")
        with log:
            return subprocess.Popen(
                [sys.executable, "-m", "data_engine.cli", stage, *self._words[stage]],
                stdout=log,
                stderr=log,
            )

    def run(self, stage: str) -> float:
        """Runs a stage to its end; returns the seconds it took."""
        began = time.monotonic()
        code = self.start(stage).wait(TIMEOUT_S)
        if code:
            log = self.workspace.with_name(f"{self.workspace.name}.log")
            raise SystemExit(f"data-engine {stage} ended with {code}; see {log}")
        return time.monotonic() - began

    def kill(self, kill: Kill, relics: int) -> dict:
        """Starts a stage, kills it when it has come so far, and tells what was hit."""
        process = self.start(kill.stage)
        while process.poll() is None and not self._reached(kill, relics):
            time.sleep(POLL_S)
        time.sleep(kill.delay_s)
        hit = process.poll() is None
        victims = [process.pid, *(descendants(process.pid) if kill.tree else [])]
        for pid in victims if hit else []:
            with contextlib.suppress(ProcessLookupError):  # A child may end by itself meanwhile.
                os.kill(pid, signal.SIGKILL)
        process.wait()
        facts = {"hit": hit, "killed": len(victims) if hit else 0}
        return dataclasses.asdict(kill) | facts | {"states": states(self.workspace)}

    def _reached(self, kill: Kill, relics: int) -> bool:
        if kill.stage == "shards":
            return any((self.workspace / "shards").glob(".building-*/**/*.*"))
        counts = states(self.workspace)
        done = sum(counts.get(state, 0) for state in AFTER[kill.stage])
        return bool(counts) and done >= int(kill.done * relics)


def descendants(pid: int) -> list[int]:
    """Children, their children, and so on."""
    parents = collections.defaultdict(list)
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text()
        except OSError:  # It has just ended.
            continue
        parents[int(text.rpartition(")")[2].split()[1])].append(int(stat.parent.name))
    found, waiting = [], [pid]
    while waiting:
        children = parents[waiting.pop()]
        found += children
        waiting += children
    return found


def states(workspace: pathlib.Path) -> dict[str, int]:
    """Relics per state: what a stage has done so far."""
    try:
        uri = f"file:{workspace / 'catalog.sqlite'}?mode=ro"
        with contextlib.closing(sqlite3.connect(uri, uri=True)) as catalog:
            rows = catalog.execute("SELECT state, COUNT(*) FROM relic GROUP BY state").fetchall()
    except sqlite3.Error:  # There is no catalog yet.
        return {}
    return dict(rows)


def digests(workspace: pathlib.Path) -> dict[str, str]:
    files = sorted(path for path in (workspace / "shards").rglob("*") if path.is_file())
    return {
        str(path.relative_to(workspace)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def rubbish(workspace: pathlib.Path) -> list[str]:
    """What a killed run left and no later run took away: temporary names begin with a dot."""
    hidden = sorted(path for path in workspace.rglob(".*"))
    return [str(path.relative_to(workspace)) for path in hidden]


def compare(runner: Runner, expected: dict[str, str]) -> dict:
    found = digests(runner.workspace)
    different = sorted(
        name for name in found.keys() | expected if found.get(name) != expected.get(name)
    )
    return {"different_files": different, "rubbish": rubbish(runner.workspace)}


def one_by_one(make_runner, kills: list[Kill], relics: int, expected) -> list[dict]:
    """A fresh workspace for each kill; a stage that was done before its kill is tried earlier."""
    outcomes = []
    for number, kill in enumerate(kills):
        for attempt in range(TRIES):
            runner = make_runner(f"kill-{number}-{attempt}")
            for stage in STAGES[: STAGES.index(kill.stage)]:
                runner.run(stage)
            outcome = runner.kill(kill, relics)
            if outcome["hit"]:
                break
            kill = dataclasses.replace(kill, done=kill.done / 2, delay_s=kill.delay_s / 2)
        for stage in STAGES:
            runner.run(stage)
        outcomes.append(outcome | compare(runner, expected))
        print(json.dumps(outcomes[-1]), file=sys.stderr)
    return outcomes


def all_together(make_runner, kills: list[Kill], relics: int, expected) -> list[dict]:
    """One workspace that suffers every kill, in the order of the stages."""
    runner = make_runner("killed")
    outcomes = []
    for stage in STAGES:
        for kill in sorted(kills, key=lambda kill: kill.done):
            if kill.stage == stage:
                outcomes.append(runner.kill(kill, relics))
        runner.run(stage)
    return [outcome | compare(runner, expected) for outcome in outcomes]


def measure(settings: KillNine, folder: pathlib.Path) -> dict:
    """The whole experiment; see the head of this file."""
    relics = folder / "relics"
    words = ["procedural", str(relics), "--count", str(settings.relics)]
    subprocess.run(
        [sys.executable, "-m", "data_engine.cli", *words], check=True, stdout=subprocess.DEVNULL
    )

    def make_runner(name: str) -> Runner:
        return Runner(relics, folder / name, settings.render)

    undisturbed = make_runner("undisturbed")
    times = {stage: undisturbed.run(stage) for stage in STAGES}
    expected = digests(undisturbed.workspace)
    kills = choose_kills(settings.kills, settings.seed)
    disturb = all_together if settings.together else one_by_one
    outcomes = disturb(make_runner, kills, settings.relics, expected)
    return {
        "settings": dataclasses.asdict(settings),
        "undisturbed_s": {stage: round(seconds, 2) for stage, seconds in times.items()},
        "files": len(expected),
        "kills": outcomes,
        "hits": sum(outcome["hit"] for outcome in outcomes),
        "identical": not any(outcome["different_files"] for outcome in outcomes),
        "clean": not any(outcome["rubbish"] for outcome in outcomes),
    }


def main() -> int:
    settings = tyro.cli(KillNine, description=__doc__)
    with tempfile.TemporaryDirectory(prefix="kill9-") as folder:
        report = measure(settings, pathlib.Path(folder))
    print(json.dumps(report, indent=1))
    return 0 if report["identical"] and report["clean"] else 1


if __name__ == "__main__":
    sys.exit(main())
