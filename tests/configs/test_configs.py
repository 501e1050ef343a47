import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import jax
import numpy as np
import optax
import pytest

from jaxrelic.cli import models
from jaxrelic.cli.train import load_experiment
from jaxrelic.data import loader
from jaxrelic.models.msrn.memory import MemoryConfig
from jaxrelic.train import loop, objectives, state
from jaxrelic.train.step import make_train_step

CONFIGS = pathlib.Path(__file__).parents[2] / "configs"
FILES = sorted(path for path in CONFIGS.glob("*.py") if path.name != "__init__.py")


def smoke(**changes):
    return dataclasses.replace(load_experiment(CONFIGS / "smoke.py"), **changes)


def losses(folder):
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [row["loss"] for row in rows]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_config_builds_an_experiment_named_after_its_file(path):
    assert load_experiment(path).name == path.stem


def with_memory():
    """The smoke model remembering every code, with a pass over the data every four steps."""
    memory = MemoryConfig(compensation=True, slots=16, prototypes=4, min_iou=0.0)
    return dataclasses.replace(smoke().model, memory=memory)


@pytest.mark.parametrize("supervision", ["latent", "posed", "multiview", "with memory"])
def test_msrn_steps_agree_on_every_replica(supervision):
    experiment = smoke()
    if supervision == "with memory":
        supervision, experiment = "latent", smoke(model=with_memory())
    experiment = dataclasses.replace(experiment, supervision=supervision)
    batch = loader.batches(experiment.data, supervision=supervision, seed=0)[0]
    objective, optimizer = objectives.build(experiment), optax.adam(1e-3)
    start = jax.eval_shape(lambda: state.initial(objective, optimizer, batch, seed=0))
    dealt = {name: x.reshape(2, 2, *x.shape[1:]) for name, x in batch.items()}
    for phase in objective.phases:
        step = make_train_step(objective, optimizer, phase=phase, seed=0)
        one_copy = jax.vmap(step, axis_name="batch", in_axes=(None, 0), out_axes=None)
        jax.eval_shape(one_copy, start, dealt)  # Raises if any output was left unreduced.


@pytest.mark.slow
def test_smoke_continues_with_identical_losses_and_agrees_on_other_devices(tmp_path):
    one = jax.devices()[:1]
    objective = objectives.build(smoke())
    loop.train(smoke(), objective, tmp_path / "whole", devices=one)
    loop.train(smoke(steps=3), objective, tmp_path / "parts", devices=one)
    loop.train(smoke(), objective, tmp_path / "parts", devices=one)
    assert losses(tmp_path / "parts") == losses(tmp_path / "whole")
    loop.train(smoke(steps=3), objective, tmp_path / "two", devices=jax.devices()[:2])
    # Sums in another order; batch normalisation over 4 examples magnifies them.
    np.testing.assert_allclose(losses(tmp_path / "two"), losses(tmp_path / "whole")[:3], rtol=1e-3)


@pytest.mark.slow
def test_a_run_with_memory_continues_with_identical_losses_and_banks(tmp_path):
    settings = {"model": with_memory(), "steps": 10}
    objective = objectives.build(smoke(**settings))
    for name, stops in {"whole": [10], "parts": [6, 10]}.items():
        for steps in stops:
            experiment = smoke(**settings | {"steps": steps})
            loop.train(experiment, objective, tmp_path / name, devices=jax.devices()[:2])
    assert losses(tmp_path / "parts") == losses(tmp_path / "whole")
    whole, parts = (
        models.open_run(tmp_path / name)[0].variables["memory"]["shape"]
        for name in ("whole", "parts")
    )
    jax.tree.map(np.testing.assert_array_equal, parts, whole)
    assert whole.bank.writes.sum() == 40
    # Last purified at the start of the third pass, when 32 codes had been written.
    assert 0 < whole.prototypes.sizes.sum() <= 32


@pytest.mark.slow
def test_sigterm_to_the_command_saves_and_exits_143(tmp_path):
    command = [sys.executable, "-m", "jaxrelic.cli.main", "train", str(CONFIGS / "smoke.py")]
    command += ["--workdir", str(tmp_path), "--steps", "100000"]
    environment = {**os.environ, "PYTHONPATH": str(CONFIGS.parent), "XLA_FLAGS": ""}
    metrics = tmp_path / "metrics.jsonl"
    with subprocess.Popen(command, env=environment) as process:
        while process.poll() is None and not (metrics.exists() and metrics.stat().st_size):
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=120) == 143
    saved = max(int(path.name) for path in (tmp_path / "checkpoints").iterdir())
    assert saved == len(losses(tmp_path))
