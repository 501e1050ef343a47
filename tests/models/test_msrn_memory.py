import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrelic.models.msrn import memory
from jaxrelic.models.msrn.memory import Compensation, MemoryConfig
from jaxrelic.models.msrn.model import Msrn, MsrnConfig
from jaxrelic.nn.kmeans import Clusters
from jaxrelic.train.checkpoint import open_checkpoints
from jaxrelic.train.state import TrainState

SMALL = MemoryConfig(compensation=True, categories=3, slots=8, prototypes=2)


@pytest.fixture
def codes():
    return jax.random.normal(jax.random.key(0), (4, 5))


@pytest.fixture
def known():
    return Clusters(jax.random.normal(jax.random.key(1), (3, 2, 5)), jnp.ones((3, 2)))


def applied(params, codes, prototypes, size=5):
    return Compensation(SMALL).apply({"params": params}, codes, prototypes, jnp.asarray(size))


@pytest.fixture
def started(codes, known):
    rng = jax.random.key(0)
    return Compensation(SMALL).init(rng, codes, known, jnp.asarray(5))["params"]


@pytest.fixture
def shaken(started):
    return jax.tree.map(lambda x: x + 0.1 * jnp.sin(jnp.arange(x.size)).reshape(x.shape), started)


def test_switching_compensation_on_changes_no_code_until_the_fusion_has_learned(
    started, shaken, codes, known
):
    np.testing.assert_allclose(applied(started, codes, known), codes, rtol=1e-6)
    assert np.abs(applied(shaken, codes, known) - codes).min() > 1e-4


def test_the_fusion_is_bypassed_and_does_not_learn_before_there_are_prototypes(
    shaken, codes, known
):
    unknown = Clusters(0 * known.centres, 0 * known.sizes)
    np.testing.assert_array_equal(applied(shaken, codes, unknown), codes)
    gradient = jax.grad(lambda params: jnp.sum(applied(params, codes, unknown) ** 2))(shaken)
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(gradient))


def test_compensation_does_not_open_closed_entries(shaken, codes, known):
    opened = applied(shaken, codes, known, size=2)
    assert np.all(opened[:, :2] != 0)
    assert not np.any(opened[:, 2:])


def test_the_fusion_is_the_equation(shaken, codes, known):
    centres = np.asarray(known.centres).reshape(6, 5)
    scores = np.exp(np.asarray(codes) @ centres.T)
    recalled = scores / scores.sum(axis=1, keepdims=True) @ centres
    kernel, bias = shaken["fusion"]["kernel"], shaken["fusion"]["bias"]
    expected = np.concatenate([codes, recalled], axis=1) @ kernel + bias[None]
    np.testing.assert_allclose(applied(shaken, codes, known), expected, rtol=1e-4)


def recorded(start, codes, categories, ious, replicas, *, complete=True):
    """The memory after one step, as all replicas agree on it."""

    def step(codes, categories, ious):
        gate = jnp.asarray(complete)
        return memory.record(
            start, SMALL, codes, categories, ious, complete=gate, axis_name="batch"
        )

    dealt = [x.reshape(replicas, -1, *x.shape[1:]) for x in (codes, categories, ious)]
    return jax.vmap(step, axis_name="batch", out_axes=None)(*dealt)


CATEGORIES = jnp.asarray([2, 0, 2, 2])
IOUS = jnp.asarray([0.9, 0.8, 0.5, 0.51])


def test_codes_that_explain_their_photograph_are_recorded_whatever_the_devices(codes):
    start = memory.fresh_memory(jax.random.key(0), SMALL, 5)
    one, two = (recorded(start, codes, CATEGORIES, IOUS, n) for n in (1, 2))
    jax.tree.map(np.testing.assert_array_equal, one, two)
    np.testing.assert_array_equal(one.bank.writes, [1, 0, 2])
    np.testing.assert_array_equal(one.bank.rows[2, :2], codes[jnp.asarray([0, 3])])
    np.testing.assert_array_equal(one.bank.rows[0, 0], codes[1])


def test_codes_that_are_not_open_in_full_are_not_recorded(codes):
    start = memory.fresh_memory(jax.random.key(0), SMALL, 5)
    after = recorded(start, codes, CATEGORIES, IOUS, 1, complete=False)
    jax.tree.map(np.testing.assert_array_equal, after, start)


def test_prototypes_are_new_at_the_start_of_a_pass_over_the_data_that_recorded_something(codes):
    @jax.jit
    def purify(before, step):
        rng = jax.random.fold_in(jax.random.key(0), step)
        return memory.purify_at_pass(rng, before, SMALL, step, steps_per_pass=3)

    start = memory.fresh_memory(jax.random.key(0), SMALL, 5)
    full = recorded(start, codes, CATEGORIES, IOUS, 1)
    assert not np.any(purify(start, 3).prototypes.sizes)
    assert not np.any(purify(full, 4).prototypes.sizes)
    np.testing.assert_array_equal(purify(full, 6).prototypes.sizes.sum(axis=1), [1, 0, 2])


def test_the_memory_comes_back_from_a_checkpoint(tmp_path, codes):
    def state_of(seed, step):
        held = memory.fresh_memory(jax.random.key(seed), SMALL, 5)
        if step:
            held = recorded(held, codes, CATEGORIES, IOUS, 1)
        return TrainState(jnp.int32(step), {"w": jnp.ones(1)}, (), {"memory": {"shape": held}})

    with open_checkpoints(tmp_path, max_to_keep=1) as checkpoints:
        checkpoints.save(state_of(0, 1))
    with open_checkpoints(tmp_path, max_to_keep=1) as checkpoints:
        restored = checkpoints.restore(state_of(9, 0))
    jax.tree.map(np.testing.assert_array_equal, restored.collections, state_of(0, 1).collections)


def test_compensation_adds_a_fusion_and_a_memory_to_the_tree_and_nothing_else():
    def shapes(config):
        image = jax.ShapeDtypeStruct((1, 32, 32, 3), np.float32)
        tree = jax.eval_shape(
            lambda image: Msrn(config).init(jax.random.key(0), image, train=False), image
        )
        leaves = jax.tree_util.tree_leaves_with_path(tree)
        return {jax.tree_util.keystr(p, simple=True, separator="/"): x.shape for p, x in leaves}

    plain = MsrnConfig.compact()
    with_memory = shapes(dataclasses.replace(plain, memory=SMALL))
    added = dict(with_memory.items() - shapes(plain).items())
    assert added == {
        "params/compensation/fusion/bias": (32,),
        "params/compensation/fusion/kernel": (64, 32),
        "memory/shape/bank/rows": (3, 8, 32),
        "memory/shape/bank/writes": (3,),
        "memory/shape/prototypes/centres": (3, 2, 32),
        "memory/shape/prototypes/sizes": (3, 2),
    }
    assert len(with_memory) == len(shapes(plain)) + len(added)


@pytest.mark.parametrize("change", [{"slots": 0}, {"slots": 5, "prototypes": 6}])
def test_a_memory_that_cannot_hold_its_prototypes_is_refused(change):
    with pytest.raises(ValueError, match=r"set (it|memory\.slots)"):
        MemoryConfig(**change)
