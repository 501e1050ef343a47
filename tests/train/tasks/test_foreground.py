"""Foreground perception in the trainer: replicas agree, runs continue, settings survive."""

import dataclasses
import json

import jax
import numpy as np
import pytest

from configs import foreground, foreground_smoke, smoke
from jaxrelic import config_json, weights
from jaxrelic.errors import UserError
from jaxrelic.losses.foreground import ForegroundLossSettings
from jaxrelic.models.foreground.model import ForegroundConfig
from jaxrelic.saved import load
from jaxrelic.train import inputs, loop, optim, state, warm_start, workdir
from jaxrelic.train.experiment import Experiment
from jaxrelic.train.step import make_train_step
from jaxrelic.train.tasks import kinds


def experiment(**changes):
    return dataclasses.replace(foreground_smoke.get_config(), **changes)


def losses(folder):
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [row["loss"] for row in rows]


def test_steps_agree_on_every_replica():
    batch = inputs.batches(experiment())[0]
    objective, optimizer = kinds.build(experiment()), optim.make_optimizer(experiment().optim)
    start = jax.eval_shape(lambda: state.initial(objective, optimizer, batch, seed=0))
    dealt = {name: x.reshape(2, 2, *x.shape[1:]) for name, x in batch.items()}
    step = make_train_step(objective, optimizer, phase="joint", seed=0)
    one_copy = jax.vmap(step, axis_name="batch", in_axes=(None, 0), out_axes=None)
    jax.eval_shape(one_copy, start, dealt)  # Raises if any output was left unreduced.


@pytest.mark.slow
def test_a_run_continues_with_identical_losses_and_bank_on_two_devices(tmp_path):
    objective = kinds.build(experiment())
    for name, stops in {"whole": [8], "parts": [5, 8]}.items():
        for steps in stops:
            loop.train(
                experiment(steps=steps), objective, tmp_path / name, devices=jax.devices()[:2]
            )
    assert losses(tmp_path / "parts") == losses(tmp_path / "whole")
    banks = [
        load._newest(tmp_path / name, ForegroundConfig)[1].collections["memory"]["pairs"]
        for name in ("whole", "parts")
    ]
    jax.tree.map(np.testing.assert_array_equal, *banks)
    assert banks[0].writes[0] > 4
    mask_predictor = load.open_mask_predictor(tmp_path / "whole")
    activation = mask_predictor.activation(np.zeros((40, 30, 3), np.float32))
    assert activation.shape == (40, 30)
    with pytest.raises(UserError, match=r"whole is a run that finds foregrounds .* give one that"):
        load.open_run(tmp_path / "whole")


def test_all_kinds_of_experiments_survive_json():
    for each in (foreground.get_config(), foreground.paper(), experiment(), smoke.get_config()):
        text = json.dumps(config_json.to_json(each))
        assert config_json.from_json(Experiment, json.loads(text)) == each


def test_a_config_from_before_there_were_kinds_is_one_of_msrn(tmp_path):
    plain = config_json.to_json(smoke.get_config())
    for name in ("model", "data", "losses"):
        assert plain[name].pop("kind")
    del plain["initial_weights"]
    for name in ("optimizer", "momentum", "weight_decay", "heads", "head_factor", "bias_factor"):
        del plain["optim"][name]
    (tmp_path / "config.json").write_text(json.dumps(plain))
    assert workdir.read_config(tmp_path) == smoke.get_config()


def test_a_kind_that_is_gone_is_named():
    plain = config_json.to_json(experiment())
    plain["model"]["kind"] = "FourgroundConfig"
    with pytest.raises(ValueError, match=r"no kind 'FourgroundConfig', only MsrnConfig, Fore"):
        config_json.from_json(Experiment, plain)


def test_parts_of_different_kinds_are_not_mixed():
    with pytest.raises(
        UserError, match="ForegroundConfig goes with a BackgroundData, not with a Da"
    ):
        experiment(data=smoke.get_config().data)
    with pytest.raises(UserError, match="MsrnConfig goes with a MsrnLossSettings, not with a Fore"):
        dataclasses.replace(smoke.get_config(), losses=ForegroundLossSettings())


def test_the_number_of_categories_must_be_that_of_the_data():
    three = dataclasses.replace(experiment().model, categories=3)
    with pytest.raises(UserError, match=r"2 categories \(box, ellipsoid\).* is 3; set it to 2"):
        inputs.batches(experiment(model=three))


def test_a_paper_row_is_literal():
    paper = foreground.ROWS["paper"]()
    bank = paper.model.memory
    assert (bank.stored, bank.update, bank.first_visit, bank.slots) == ("sum", "ema", "ema", 500)
    assert (bank.momentum, bank.min_score, paper.losses.temperature) == (0.99, 0.7, 0.99)


def test_published_weights_start_a_run_of_foreground_perception_only(monkeypatch):
    asked = dataclasses.replace(smoke.get_config(), initial_weights="resnet50.pth")
    with pytest.raises(UserError, match="no published weights are known for a MsrnConfig"):
        warm_start.from_published(asked, None)
    assert warm_start.from_published(experiment(), "as it was") == "as it was"
    batch = inputs.batches(experiment())[0]
    objective = kinds.build(experiment())
    fresh = jax.eval_shape(
        lambda: state.initial(objective, optim.make_optimizer(experiment().optim), batch, seed=0)
    )
    monkeypatch.setattr(weights, "read_weights", lambda path: {"conv9.weight": np.zeros(3)})
    with pytest.raises(UserError, match=r"mine\.pth do not fit this network.*conv9"):
        warm_start.from_published(experiment(initial_weights="mine.pth"), fresh)
