#!/usr/bin/env python
"""Wrong files, thousands of them, through the doors of the data engine: ingest, validate, scene.

    nice -n 10 .venv/bin/python scripts/fuzz.py --count 10000 --seed 0
    .venv/bin/python scripts/fuzz.py --seed 0 --show 4711 -o found/

Each input is a small sound folder (`scripts/fuzzing/seeds.py`) with something wrong in it, and
depends on `--seed` and its number alone. It passes `ingest_folder` and `validate_all` as any folder
does, in this process's child instead of a child of each stage, and what comes out sound is written
as the scene for Blender. Every input must end in the catalog, with a reason or without, within the
limits of time and memory; anything else is a finding, printed and counted in the JSON at the end.
"""

import argparse
import collections
import contextlib
import dataclasses
import json
import os
import pathlib
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from fuzzing import mutations, seeds

CPU_S = 10.0
"""Processor time of one input."""
WALL_S = 120.0
"""After this an input that uses no processor time hangs, too."""
GROWTH_MB = 300.0
"""How much the memory of the process may grow over one input, at its peak."""
ADDRESS_SPACE = 8 << 30


@dataclasses.dataclass(frozen=True)
class Result:
    """What one input came to."""

    number: int
    seed_name: str
    outcome: str
    """validated, `rejected: REASON`, duplicate, refused (the folder as a whole), or a finding."""
    finding: str = ""
    """What must not be: the last line of an exception, a hang, or growth."""
    growth_mb: float = 0.0
    cpu_s: float = 0.0


def make_input(seed: int, number: int) -> tuple[str, seeds.Folder]:
    """Input of a number: the name of its seed, and the folder."""
    rng = random.Random(f"{seed}:{number}")
    sound = seeds.all_seeds()
    name = rng.choice(sorted(sound))
    folder = dict(sound[name])
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        file = rng.choice(sorted(folder))
        folder[file] = mutations.mutated(file, folder[file], rng)
    return name, folder


def write_folder(root: pathlib.Path, folder: seeds.Folder) -> None:
    """Writes an input where `data-engine ingest` can be tried on it."""
    for name, data in folder.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


class InlinePool:
    """Stands for `ChildPool`: the same function in this process, so that exceptions show."""

    def __init__(self, function: str, *, workers: int, limits: object):
        """Takes what `ChildPool` takes."""
        import importlib

        module, _, name = function.partition(":")
        self._function = getattr(importlib.import_module(module), name)

    def __enter__(self) -> "InlinePool":
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def run(self, tasks) -> Iterator:
        """Yields each task with its answer or refusal, as they travel between processes."""
        from data_engine.errors import Refusal

        for task in tasks:
            try:
                outcome = json.loads(json.dumps(self._function(json.loads(json.dumps(task)))))
            except Refusal as refusal:
                outcome = Refusal(*json.loads(json.dumps([refusal.reason, refusal.sentence])))
            yield task, outcome


def pass_through(root: pathlib.Path, folder: seeds.Folder) -> str:
    """Ingests, validates and writes the scene of one input; its outcome in words."""
    from data_engine.catalog.catalog import Catalog
    from data_engine.errors import UserError
    from data_engine.ingest.folder import ingest_folder
    from data_engine.processes.pool import ChildLimits
    from data_engine.validate import validate_all
    from data_engine.workspace import Workspace

    write_folder(root / "in", folder)
    workspace, limits = Workspace(root / "ws"), ChildLimits()
    try:
        ingest_folder(root / "in", workspace, up="auto", workers=1, limits=limits)
    except UserError:
        return "refused"
    validate_all(workspace, workers=1, limits=limits)
    with Catalog(workspace.catalog_path) as catalog:
        relics = catalog.relics()
    for relic in relics:
        if relic.state in ("found", "fetched", "failed") or relic.reason in ("crash", "failed"):
            raise AssertionError(f"{relic.source_file} ended as {relic.state} {relic.reason}")
        if relic.state == "validated":
            write_scene(workspace.blob_path(relic.glb_sha256))
    return _worst(relics)


def _worst(relics: list) -> str:
    for relic in relics:
        if relic.state != "validated":
            return f"rejected: {relic.reason}" if relic.reason else relic.state
    return "validated" if relics else "nothing"


def write_scene(blob: pathlib.Path) -> None:
    """What a render does before Blender opens anything; a refusal is an answer there, too."""
    import numpy as np

    from data_engine.gltf.checks import check_document
    from data_engine.gltf.container import parse_glb, read_glb
    from data_engine.gltf.scene import scene_glb

    written = scene_glb(check_document(read_glb(blob)), np.eye(4))
    check_document(parse_glb(written))


def try_one(seed: int, number: int) -> Result:
    """Makes an input and passes it through, measured."""
    name, folder = make_input(seed, number)
    before, began = _memory_mb("VmRSS"), time.process_time()
    _reset_peak()
    finding = outcome = ""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as root:
        try:
            with _limited_time():
                outcome = pass_through(pathlib.Path(root), folder)
        except (Exception, Hang) as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            words = " ".join(str(error).split())[:200]
            place = f"{pathlib.Path(last.filename).name}:{last.lineno}"
            finding = f"{type(error).__name__}: {words} ({place})"
    cpu_s, growth = time.process_time() - began, _memory_mb("VmHWM") - before
    if not finding and growth > GROWTH_MB:
        finding = f"memory grew by {growth:.0f} MB"
    return Result(number, name, outcome or "finding", finding, round(growth, 1), round(cpu_s, 3))


class Hang(BaseException):
    """Raised inside an input that takes too long; no reader's `except Exception` may catch it."""


@contextlib.contextmanager
def _limited_time() -> Iterator[None]:
    def stop(*_: object) -> None:
        raise Hang(f"no answer after {CPU_S:g} s of processor time")

    signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, CPU_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _memory_mb(name: str) -> float:
    status = pathlib.Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith(name))
    return int(line.split()[1]) / 1024


def _reset_peak() -> None:
    """Lets the peak begin anew (Linux, proc(5): clear_refs)."""
    pathlib.Path("/proc/self/clear_refs").write_text("5")


def serve(seed: int, numbers: range, pipe: int) -> None:
    """The child: one line of JSON per input, an empty one before it."""
    import data_engine.identity.duplicates as duplicates
    import data_engine.ingest.folder as folder
    import data_engine.validate as validate

    for module in (duplicates, folder, validate):
        module.ChildPool = InlinePool
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    # Progress of ten thousand runs is no progress.
    with open(os.devnull, "w") as sys.stderr, os.fdopen(pipe, "w", buffering=1) as answers:
        for number in numbers:
            answers.write(f"{number}\n")
            answers.write(json.dumps(dataclasses.asdict(try_one(seed, number))) + "\n")


def run(seed: int, count: int, first: int = 0) -> list[Result]:
    """Tries inputs in a child; one that dies or hangs is a finding, and a fresh one goes on."""
    results: list[Result] = []
    number = first
    while number < first + count:
        for result in _run_child(seed, range(number, first + count)):
            results.append(result)
            number = result.number + 1
            if len(results) % 1000 == 0:
                print(f"{len(results)} of {count} tried", file=sys.stderr)
            if result.finding:
                print(f"{result.number} ({result.seed_name}): {result.finding}", file=sys.stderr)
    return results


def _run_child(seed: int, numbers: range) -> Iterator[Result]:
    source, sink = os.pipe()
    if (pid := os.fork()) == 0:
        code = 1
        try:
            os.close(source)
            serve(seed, numbers, sink)
            code = 0
        finally:
            os._exit(code)
    os.close(sink)
    at_hand = numbers[0]
    try:
        with os.fdopen(source) as answers:
            signal.signal(signal.SIGALRM, lambda *_: os.kill(pid, signal.SIGKILL))
            signal.alarm(int(WALL_S))
            for line in answers:
                signal.alarm(int(WALL_S))
                if line.startswith("{"):
                    yield Result(**json.loads(line))
                elif line.strip():
                    at_hand = int(line)
            signal.alarm(0)
    finally:
        _, status = os.waitpid(pid, 0)
    if status:
        how = f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else "an exit"
        words = f"the process ended by {how}, within {WALL_S:g} s or stopped then"
        yield Result(at_hand, "?", "finding", words)


def summary(results: list[Result], cpu_s: float) -> dict:
    """The figures."""
    outcomes = collections.Counter(result.outcome for result in results)
    return {
        "inputs": len(results),
        "findings": sum(bool(result.finding) for result in results),
        "outcomes": dict(outcomes.most_common()),
        "by_seed": {
            name: sum(result.seed_name == name for result in results)
            for name in sorted({result.seed_name for result in results})
        },
        "most_growth_mb": max((result.growth_mb for result in results), default=0.0),
        "most_cpu_s": max((result.cpu_s for result in results), default=0.0),
        "cpu_s": round(cpu_s, 1),
    }


def main() -> int:
    """Runs the inputs, or writes one of them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=0, help="inputs depend on it and their number")
    parser.add_argument("--count", type=int, default=10_000, help="inputs to try")
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    parser.add_argument(
        "--show", type=int, help="write the input of this number to a folder instead"
    )
    parser.add_argument("-o", "--output", type=pathlib.Path, default=pathlib.Path("fuzz-input"))
    args = parser.parse_args()
    if args.show is not None:
        write_folder(args.output, make_input(args.seed, args.show)[1])
        print(args.output)
        return 0
    results = run(args.seed, args.count, args.first)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(json.dumps(summary(results, used.ru_utime + used.ru_stime), indent=1))
    return 1 if any(result.finding for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
