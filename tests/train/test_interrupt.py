import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from jaxrelic.train import interrupt, loop

CONFTEST = pathlib.Path(__file__).with_name("conftest.py")

LONG_RUN = """
import pathlib, runpy, sys
sys.path.append(str(pathlib.Path(sys.argv[1]).parents[1]))  # Helpers of all tests.
from jaxrelic.train import loop
tiny = runpy.run_path(sys.argv[1])
experiment = tiny["build_experiment"](steps=1_000_000)
outcome = loop.train(experiment, pathlib.Path(sys.argv[2]), objective=tiny["TinyObjective"]())
sys.exit(128 + outcome.stopped_by)
"""


def wait_for(condition, seconds=120.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the run did not get there"
        time.sleep(0.05)


def has_rows(metrics):
    return metrics.exists() and metrics.stat().st_size > 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_saves_the_last_step_and_ends_the_run(
    tmp_path, number, code, tiny_experiment, tiny_objective
):
    metrics = tmp_path / "metrics.jsonl"
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    command = [sys.executable, "-c", LONG_RUN, str(CONFTEST), str(tmp_path)]
    with subprocess.Popen(command, env=environment) as process:
        wait_for(lambda: process.poll() is not None or has_rows(metrics))
        process.send_signal(number)
        assert process.wait(timeout=60) == code
    (saved,) = (int(path.name) for path in (tmp_path / "checkpoints").iterdir())
    assert saved == len(metrics.read_text().splitlines())
    outcome = loop.train(tiny_experiment(steps=saved + 1), tmp_path, objective=tiny_objective())
    assert outcome == loop.Outcome(saved + 1, None)


def test_a_second_signal_acts_as_it_always_did():
    with interrupt.stop_on_signals() as stop:
        signal.raise_signal(signal.SIGINT)
        assert stop.signal == signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_handlers_are_put_back():
    before = [signal.getsignal(number) for number in interrupt.SIGNALS]
    with interrupt.stop_on_signals():
        pass
    assert [signal.getsignal(number) for number in interrupt.SIGNALS] == before
