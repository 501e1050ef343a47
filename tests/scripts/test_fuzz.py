"""A hundred wrong files end in the catalog, and the fuzzer sees what it looks for."""

import json
import os
import signal
import subprocess
import sys

import pytest
from places import ROOT

SCRIPT = ROOT / "scripts" / "fuzz.py"


@pytest.fixture(scope="module")
def fuzz():
    sys.path.insert(0, str(SCRIPT.parent))
    import fuzz

    return fuzz


def test_a_hundred_wrong_inputs_end_with_a_reason_in_time_and_little_memory():
    words = [sys.executable, str(SCRIPT), "--count", "100", "--seed", "7"]
    result = subprocess.run(words, capture_output=True, text=True, check=False, timeout=600)
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert (report["inputs"], report["findings"]) == (100, 0)
    assert len(report["outcomes"]) >= 4  # Not all stop at the same door.
    assert report["most_growth_mb"] < 300


def test_an_input_depends_on_its_seed_and_number_alone(fuzz):
    one = [fuzz.make_input(3, number) for number in range(40)]
    assert one[::-1] == [fuzz.make_input(3, number) for number in reversed(range(40))]
    assert one != [fuzz.make_input(4, number) for number in range(40)]
    assert len({name for name, _ in one}) > 8


def test_every_seed_is_sound_as_it_is(fuzz, tmp_path, monkeypatch):
    from data_engine import validate
    from data_engine.identity import duplicates
    from data_engine.ingest import folder

    for module in (duplicates, folder, validate):
        monkeypatch.setattr(module, "ChildPool", fuzz.InlinePool)
    for number, (name, seed) in enumerate(fuzz.seeds.all_seeds().items()):
        outcome = fuzz.pass_through(tmp_path / str(number), seed)
        assert outcome == "validated" or name == "glb, meshopt", (name, outcome)


@pytest.mark.parametrize(
    ("misdeed", "cpu_s", "words"),
    [
        (lambda: {}["a key"], 10, "KeyError: 'a key'"),
        (lambda: bytearray(400 << 20), 10, "memory grew by "),
        (lambda: [None for _ in iter(int, 1)], 0.3, "Hang: no answer after 0.3 s"),
    ],
)
def test_what_must_not_be_is_found(fuzz, monkeypatch, misdeed, cpu_s, words):
    monkeypatch.setattr(fuzz, "CPU_S", cpu_s)
    monkeypatch.setattr(fuzz, "pass_through", lambda root, folder: misdeed() and "validated")
    assert words in fuzz.try_one(0, 0).finding


def test_a_process_that_dies_is_found_and_the_next_input_tried(fuzz, monkeypatch):
    def die_once(seed, number):
        if number == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return fuzz.Result(number, "glb", "validated")

    monkeypatch.setattr(fuzz, "try_one", die_once)
    results = fuzz.run(0, 3)
    assert [(result.number, bool(result.finding)) for result in results] == [
        (0, False),
        (1, True),
        (2, False),
    ]
    assert "signal 9" in results[1].finding
