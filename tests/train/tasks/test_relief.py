"""Relief as a task: the mean of its parameters, its data, and a run that continues."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from experiments import as_of, changed

from configs import relief
from jaxrelic import config_json
from jaxrelic.data import relief_batches
from jaxrelic.data.relief_batches import ReliefData
from jaxrelic.data.relief_records import VIEW, shard_path, write_shard
from jaxrelic.errors import UserError
from jaxrelic.inference.relief_predictor import ReliefPredictor
from jaxrelic.models.relief.inputs import INPUTS
from jaxrelic.models.relief.model import ReliefConfig
from jaxrelic.saved import facts, load
from jaxrelic.train import loop
from jaxrelic.train.experiment import Experiment


@pytest.fixture(scope="module")
def views(tmp_path_factory):
    """Four discs in front of one another's colours, with layers of a ball."""
    folder = tmp_path_factory.mktemp("views")
    rng = np.random.default_rng(0)
    rows = np.zeros(4, VIEW)
    for row in rows:
        radius = rng.uniform(0.25, 0.4)
        for name, size in (("mask", 128), ("covered", 64)):
            axis = (np.arange(size) + 0.5) / size - 0.5
            square = axis[:, None] ** 2 + axis**2
            row[name] = (square < radius**2) * (255 if name == "mask" else 1)
        half = np.sqrt(np.maximum(radius**2 - square, 0))
        row["front"], row["back"] = -half, half
        row["photo"] = rng.integers(0, 255, (128, 128, 3))
        row["elevation"] = rng.uniform(0, 0.6)
    write_shard(shard_path(folder, "discs", 0), [tuple(row) for row in rows])
    return folder


def experiment(views, **changes) -> Experiment:
    data = ReliefData(path=str(views), sets=("discs",), shares=(1.0,), batch_size=4)
    model = ReliefConfig(widths=(4, 4), blocks=(1, 1), code=4)
    whole = changed(relief.get_config(), data=data, model=model, memory=0.5)
    return dataclasses.replace(whole, **changes)


def test_a_run_that_was_stopped_goes_on_to_the_same_arrays_and_opens_as_its_mean(views, tmp_path):
    whole = experiment(views, steps=3, checkpoint_every=1, keep_checkpoints=3, log_every=1)
    loop.train(whole, tmp_path / "whole")
    as_of(2, tmp_path / "whole", tmp_path / "killed")
    loop.train(whole, tmp_path / "killed")
    one, two = (load.load(tmp_path / name) for name in ("whole", "killed"))
    assert isinstance(one, ReliefPredictor)
    assert one.config.precision == "float32"
    for a, b in zip(jax.tree.leaves(one.variables), jax.tree.leaves(two.variables), strict=True):
        np.testing.assert_array_equal(a, b)
    assert facts.read(tmp_path / "whole")[0]["learns_from"] == "both layers of rendered views"


def test_the_mean_forgets_as_it_is_told(views):
    task = experiment(views).task
    batch = {name: jnp.asarray(x) for name, x in task.batches(0)[0].items()}
    variables = task.init(jax.random.key(0), batch)
    moved = jax.tree.map(lambda x: x + 1, variables["params"])

    def mean(step):
        _, _, after = task.loss(
            moved, variables, batch, jax.random.key(0), step=jnp.int32(step), phase="joint"
        )
        return jax.tree.leaves(after["average"])[0] - jax.tree.leaves(variables["params"])[0]

    np.testing.assert_allclose(mean(100), 0.5, atol=1e-6)  # 0.5 old + 0.5 (old + 1)
    np.testing.assert_allclose(mean(0), 0.9, atol=1e-6)  # Kept: (0 + 1) / (0 + 10).


def test_batches_are_functions_of_seed_and_number(views):
    data = experiment(views).task.data
    first, again = (relief_batches.batches(data, seed=3)[5] for _ in range(2))
    other = relief_batches.batches(data, seed=4)[5]
    assert set(INPUTS) <= set(first)
    np.testing.assert_array_equal(first["photo"], again["photo"])
    assert (first["photo"] != other["photo"]).any()


def test_settings_survive_json_and_shares_must_fit():
    experiment = relief.get_config()
    assert config_json.from_json(Experiment, config_json.to_json(experiment)) == experiment
    with pytest.raises(UserError, match=r"names 2 sets and data\.shares has 1"):
        ReliefData(path="views", sets=("a", "b"), shares=(1.0,))
