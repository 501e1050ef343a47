"""Foreground perception in the trainer: replicas agree, runs continue, settings survive."""

import dataclasses
import json
import os
import subprocess
import sys

import jax
import numpy as np
import pytest
from experiments import as_of, changed
from places import ROOT

from configs import foreground, foreground_smoke, smoke
from jaxrelic import config_json, weights
from jaxrelic.errors import UserError
from jaxrelic.saved import export_sources, load
from jaxrelic.train import optim
from jaxrelic.train.experiment import Experiment
from jaxrelic.train.initial import fresh, from_network
from jaxrelic.train.step import make_train_step


def experiment(**changes):
    return changed(foreground_smoke.get_config(), **changes)


def losses(folder):
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [row["loss"] for row in rows]


def test_steps_agree_on_every_replica():
    batch = experiment().task.batches(0)[0]
    objective, optimizer = experiment().task, optim.make_optimizer(experiment().optim)
    start = jax.eval_shape(lambda: fresh.initial(objective, optimizer, batch, seed=0))
    dealt = {name: x.reshape(2, 2, *x.shape[1:]) for name, x in batch.items()}
    step = make_train_step(objective, optimizer, phase="joint", seed=0)
    one_copy = jax.vmap(step, axis_name="batch", in_axes=(None, 0), out_axes=None)
    jax.eval_shape(one_copy, start, dealt)  # Raises if any output was left unreduced.


def train_optimised(folder):
    """Trains on two devices in a process of its own, compiled as users do.

    Without optimisation (tests/conftest.py) the CPU compiler of JAX 0.10.2 gives this step's
    gradient NaN from the second step on; op by op, and from level 1 on, it is finite.
    """
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "jaxrelic.cli.main", "train"]
    command += [str(ROOT / "configs" / "foreground_smoke.py"), "--workdir", str(folder)]
    command += ["--steps", "8", "--checkpoint-every", "5"]
    subprocess.run(command, env=os.environ | flags, check=True, capture_output=True)


def test_a_run_continues_with_identical_losses_and_bank_on_two_devices(tmp_path):
    train_optimised(tmp_path / "whole")
    as_of(5, tmp_path / "whole", tmp_path / "parts")
    train_optimised(tmp_path / "parts")
    assert losses(tmp_path / "parts") == losses(tmp_path / "whole")
    one, other = (
        from_network._read(tmp_path / name)["memory"]["pairs"] for name in ("whole", "parts")
    )
    jax.tree.map(np.testing.assert_array_equal, one, other)
    assert one["writes"][0] > 4
    mask_predictor = load.load(tmp_path / "whole", role="a photograph into a mask")
    activation = mask_predictor.activation(np.zeros((40, 30, 3), np.float32))
    assert activation.shape == (40, 30)
    with pytest.raises(UserError, match="whole is a run that turns a photograph into a mask; give"):
        load.load(tmp_path / "whole", role="one photograph into a mesh")
    with pytest.raises(UserError, match="whole is a run that turns a photograph into a mask; give"):
        export_sources.trained(tmp_path / "whole", tmp_path / "export")


def test_all_kinds_of_experiments_survive_json():
    for each in (foreground.get_config(), foreground.paper(), experiment(), smoke.get_config()):
        text = json.dumps(config_json.to_json(each))
        assert config_json.from_json(Experiment, json.loads(text)) == each


def test_the_number_of_categories_must_be_that_of_the_data():
    three = dataclasses.replace(experiment().task.model, categories=3)
    with pytest.raises(UserError, match=r"2 categories \(box, ellipsoid\).* is 3; set it to 2"):
        experiment(model=three).task.batches(0)


def test_a_paper_row_is_literal():
    paper = foreground.ROWS["paper"]()
    bank = paper.task.model.memory
    assert (bank.stored, bank.update, bank.first_visit, bank.slots) == ("sum", "ema", "ema", 500)
    assert (bank.momentum, bank.min_score, paper.task.losses.temperature) == (0.99, 0.7, 0.99)


def test_published_weights_start_a_run(monkeypatch):
    assert experiment().task.begin("as it was", seed=0) == "as it was"
    task, optimizer = experiment().task, optim.make_optimizer(experiment().optim)
    batch = task.batches(0)[0]
    start = jax.eval_shape(lambda: fresh.initial(task, optimizer, batch, seed=0))
    monkeypatch.setattr(weights, "read_weights", lambda path: {"conv9.weight": np.zeros(3)})
    with pytest.raises(UserError, match=r"mine\.pth do not fit this network.*conv9"):
        experiment(initial_weights="mine.pth").task.begin(start, seed=0)
