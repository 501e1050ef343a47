"""The pool of limited children: whatever one file does, the others get their answers."""

import os
import textwrap
import time

import pytest

from data_engine.errors import Refusal
from data_engine.processes.pool import LOOK_AHEAD, ChildLimits, ChildPool

WORK = """
import os, time
from data_engine.errors import Refusal

def work(task):
    print("words of a library on its standard output")
    what = task["what"]
    if what == "abort":
        os.abort()
    if what == "exit":
        os._exit(7)
    if what == "hang":
        time.sleep(600)
    if what == "spin":
        while True: pass
    if what == "grow":
        return {"length": len(bytearray(8 << 30))}
    if what == "recurse":
        return work_deeper(0)
    if what == "refuse":
        raise Refusal("no_mesh", "it holds nothing")
    if what == "slow":
        time.sleep(0.3)
    return {"n": task["n"], "pid": os.getpid()}

def work_deeper(n):
    return work_deeper(n + 1)
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    (tmp_path / "pool_work.py").write_text(textwrap.dedent(WORK))
    monkeypatch.syspath_prepend(tmp_path)

    def run(whats, workers=2, seconds=20.0):
        limits = ChildLimits(seconds=seconds, memory_gib=1.0)
        with ChildPool("pool_work:work", workers=workers, limits=limits) as pool:
            tasks = ({"what": what, "n": n} for n, what in enumerate(whats))
            return [outcome for _, outcome in pool.run(tasks)]

    return run


@pytest.mark.parametrize(
    ("what", "reason", "words"),
    [
        ("abort", "crash", "SIGABRT"),
        ("exit", "crash", "exit status 7"),
        ("grow", "bomb", "memory"),
        ("recurse", "crash", "RecursionError"),
        ("refuse", "no_mesh", "it holds nothing"),
    ],
)
def test_a_bad_end_is_the_verdict_on_its_file_and_the_pool_goes_on(run, what, reason, words):
    before, bad, after = run(["fine", what, "fine"])
    assert isinstance(bad, Refusal)
    assert bad.reason == reason
    assert words in bad.sentence
    assert (before["n"], after["n"]) == (0, 2)


@pytest.mark.parametrize("what", ["hang", "spin"])
def test_a_file_that_takes_too_long_is_given_up(run, what):
    slow, fine = run([what, "fine"], workers=1, seconds=1.0)
    assert slow.reason == "timeout"
    assert fine["n"] == 1


def test_answers_come_in_the_order_of_tasks_and_children_are_reused(run):
    answers = run(["slow", *["fine"] * 20], workers=2)
    assert [answer["n"] for answer in answers] == list(range(21))
    assert len({answer["pid"] for answer in answers}) == 2


def test_tasks_are_drawn_only_as_children_fall_free(tmp_path, monkeypatch):
    (tmp_path / "pool_work.py").write_text(textwrap.dedent(WORK))
    monkeypatch.syspath_prepend(tmp_path)
    drawn = []

    def tasks():
        for n in range(60):
            drawn.append(n)
            yield {"what": "fine", "n": n}

    with ChildPool("pool_work:work", workers=2, limits=ChildLimits()) as pool:
        next(pool.run(tasks()))
        assert len(drawn) <= 2 * LOOK_AHEAD


def test_a_pool_that_is_left_leaves_no_child_behind(tmp_path, monkeypatch):
    (tmp_path / "pool_work.py").write_text(textwrap.dedent(WORK))
    monkeypatch.syspath_prepend(tmp_path)
    with ChildPool("pool_work:work", workers=2, limits=ChildLimits()) as pool:
        answers = pool.run({"what": what, "n": 0} for what in ("fine", "hang"))
        _, answer = next(answers)
        assert os.path.exists(f"/proc/{answer['pid']}")
    deadline = time.monotonic() + 10
    while os.path.exists(f"/proc/{answer['pid']}") and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not os.path.exists(f"/proc/{answer['pid']}")
