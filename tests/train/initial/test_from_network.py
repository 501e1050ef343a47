import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrelic.errors import UserError
from jaxrelic.train import loop
from jaxrelic.train.checkpoint import open_checkpoints
from jaxrelic.train.initial import from_network
from jaxrelic.train.state import TrainState


def state_of(params, statistics=1.0, memory=0.0, step=0):
    collections = {
        "batch_stats": {"norm": {"mean": jnp.full(2, statistics)}},
        "memory": {"rows": jnp.full((1 + step, 2), memory)},
    }
    return TrainState(jnp.int32(step), params, {"moments": jnp.full(3, memory)}, collections)


def network(value):
    return {"shape_encoder": {"kernel": jnp.full((2, 3), value)}}


@pytest.fixture
def trained(tmp_path):
    """A run of seven steps, with more categories than ours."""
    with open_checkpoints(tmp_path, max_to_keep=1) as checkpoints:
        checkpoints.save(state_of(network(5.0), statistics=7.0, memory=9.0, step=7))
    return str(tmp_path)


def test_parameters_and_statistics_are_taken_over_and_all_else_begins_anew(trained):
    taken = from_network.from_network(state_of(network(0.0)), trained)
    assert np.all(taken.params["shape_encoder"]["kernel"] == 5)
    assert np.all(taken.collections["batch_stats"]["norm"]["mean"] == 7)
    fresh = state_of(network(0.0))
    assert taken.step == 0
    np.testing.assert_array_equal(taken.opt_state["moments"], fresh.opt_state["moments"])
    np.testing.assert_array_equal(taken.collections["memory"]["rows"], [[0.0, 0.0]])


def test_a_network_without_compensation_gives_all_but_the_fusion(trained):
    fusion = {"compensation": {"fusion": {"kernel": jnp.eye(2)}}}
    taken = from_network.from_network(state_of(network(0.0) | fusion), trained)
    np.testing.assert_array_equal(taken.params["compensation"]["fusion"]["kernel"], np.eye(2))
    assert np.all(taken.params["shape_encoder"]["kernel"] == 5)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"shape_encoder": {"kernel": jnp.ones((2, 4))}}, r"kernel is \(2, 3\) there and \(2, 4\)"),
        (network(0.0) | {"pose": jnp.ones(2)}, r"params/pose is missing there and \(2,\) here;"),
    ],
)
def test_a_network_of_another_kind_is_refused_by_name(trained, params, message):
    with pytest.raises(UserError, match=message):
        from_network.from_network(state_of(params), trained)


def test_a_folder_without_a_network_is_refused(tmp_path):
    with pytest.raises(UserError, match="neither a run with a checkpoint nor an export"):
        from_network.from_network(state_of(network(0.0)), str(tmp_path / "absent"))


def test_a_run_starts_from_another_once_and_then_continues_itself(
    tmp_path, tiny_experiment, tiny_objective
):
    first, second = tmp_path / "first", tmp_path / "second"
    loop.train(tiny_experiment(steps=30), first, objective=tiny_objective())
    experiment = tiny_experiment(initial=str(first), steps=1)
    loop.train(experiment, second, objective=tiny_objective())

    def kernel(folder, step):
        tree = from_network._restore(folder / "checkpoints" / str(step) / "state")
        return np.asarray(tree["params"]["hidden"]["kernel"])

    # One step of Adam moves a parameter by its learning rate at most.
    assert np.abs(kernel(second, 1) - kernel(first, 30)).max() < 1.01e-2
    longer = dataclasses.replace(experiment, steps=2)
    loop.train(longer, second, objective=tiny_objective())
    assert jax.tree.map(np.shape, kernel(second, 2)) == (24, 4)
    assert 1e-3 < np.abs(kernel(second, 2) - kernel(first, 30)).max() < 2.02e-2
