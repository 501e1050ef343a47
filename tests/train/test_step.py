import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxrelic.train.initial import fresh
from jaxrelic.train.step import make_train_step


@pytest.fixture
def batch():
    rng = np.random.default_rng(0)
    return {
        "image": rng.uniform(size=(4, 16, 16, 3)).astype(np.float32),
        "mask": rng.uniform(size=(4, 16, 16)).astype(np.float32),
    }


def dealt(batch):
    return {name: value.reshape(2, 2, *value.shape[1:]) for name, value in batch.items()}


def test_step_returns_the_same_on_every_replica(tiny_objective, batch):
    optimizer = optax.adam(1e-3)
    start = fresh.create(tiny_objective(), optimizer, batch, seed=0)
    step = make_train_step(tiny_objective(), optimizer, phase="joint", seed=0)
    one_copy = jax.vmap(step, axis_name="batch", in_axes=(None, 0), out_axes=None)
    jax.eval_shape(one_copy, start, dealt(batch))  # Raises if any output was left unreduced.


def test_a_log_that_differs_between_replicas_is_averaged(tiny_objective, batch):
    optimizer = optax.sgd(0.0)
    start = fresh.create(tiny_objective(), optimizer, batch, seed=0)
    step = make_train_step(tiny_objective(), optimizer, phase="joint", seed=0)
    each = jax.jit(jax.vmap(step, axis_name="batch", in_axes=(None, 0)))
    logs = each(start, dealt(batch))[1]
    np.testing.assert_array_equal(logs["area"][0], logs["area"][1])


def test_the_loss_is_the_weighted_sum_of_its_terms(tiny_objective, batch):
    optimizer = optax.sgd(0.1)
    start = fresh.create(tiny_objective(), optimizer, batch, seed=0)
    step = make_train_step(tiny_objective(), optimizer, phase="joint", seed=0)
    run = jax.jit(jax.vmap(step, axis_name="batch", in_axes=(None, 0), out_axes=None))
    after, logs = run(start, dealt(batch))
    np.testing.assert_allclose(logs["loss"], logs["area"] + 0.5 * logs["size"], rtol=1e-5)
    assert after.step == 1


def test_a_weight_without_a_term_is_refused(tiny_objective, batch):
    class Typo(tiny_objective):
        def weights(self, phase):
            return {"aera": 1.0}

    optimizer = optax.sgd(0.1)
    start = fresh.create(Typo(), optimizer, batch, seed=0)
    step = make_train_step(Typo(), optimizer, phase="joint", seed=0)
    with pytest.raises(ValueError, match="aera"):
        jax.eval_shape(jax.vmap(step, axis_name="batch", in_axes=(None, 0)), start, dealt(batch))


class Listener:
    """Logs a draw from the step's key."""

    def init(self, rng, batch):
        return {"params": {"w": jnp.zeros(())}}

    def weights(self, phase):
        return {"area": 1.0}

    def loss(self, params, collections, batch, rng, *, step, phase, seed):
        replica = jax.lax.axis_index("batch")
        draws = {f"draw_{i}": jnp.where(replica == i, jax.random.uniform(rng), 0) for i in (0, 1)}
        return {"area": params["w"] + batch["mask"][:, 0, 0]}, draws, collections


def test_randomness_differs_between_replicas_and_steps_and_repeats(batch):
    optimizer = optax.sgd(0.0)
    start = fresh.create(Listener(), optimizer, batch, seed=0)
    step = make_train_step(Listener(), optimizer, phase="joint", seed=0)
    run = jax.vmap(step, axis_name="batch", in_axes=(None, 0), out_axes=None)
    after, first = run(start, dealt(batch))
    _, second = run(after, dealt(batch))
    draws = {float(logs[f"draw_{i}"]) for logs in (first, second) for i in (0, 1)}
    assert len(draws) == 4
    assert float(run(start, dealt(batch))[1]["draw_0"]) == float(first["draw_0"])
