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

SMALL = MemoryConfig(
    compensation=True, compensation_start=0, categories=3, slots=8, prototypes=2, identities=2
)


@pytest.fixture
def codes():
    return jax.random.normal(jax.random.key(0), (4, 5))


@pytest.fixture
def known():
    return Clusters(jax.random.normal(jax.random.key(1), (3, 2, 5)), jnp.ones((3, 2)))


def applied(params, codes, prototypes, size=5, *, active=True):
    fuse, active = Compensation(SMALL), jnp.asarray(active)
    return fuse.apply({"params": params}, codes, prototypes, jnp.asarray(size), active=active)


@pytest.fixture
def started(codes, known):
    fuse, rng = Compensation(SMALL), jax.random.key(0)
    return fuse.init(rng, codes, known, jnp.asarray(5), active=jnp.asarray(True))["params"]


@pytest.fixture
def shaken(started):
    return jax.tree.map(lambda x: x + 0.1 * jnp.sin(jnp.arange(x.size)).reshape(x.shape), started)


def test_switching_compensation_on_changes_no_code_until_the_fusion_has_learned(
    started, shaken, codes, known
):
    np.testing.assert_allclose(applied(started, codes, known), codes, rtol=1e-6)
    assert np.abs(applied(shaken, codes, known) - codes).min() > 1e-4


def test_the_fusion_is_bypassed_and_does_not_learn_while_it_is_off(shaken, codes, known):
    np.testing.assert_array_equal(applied(shaken, codes, known, active=False), codes)
    gradient = jax.grad(lambda params: jnp.sum(applied(params, codes, known, active=False) ** 2))
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(gradient(shaken)))


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
        accepted = memory.explains(SMALL, ious, complete=jnp.asarray(complete))
        return memory.record(start, SMALL, codes, categories, accepted, axis_name="batch")

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


def advanced(before, step, steps_per_pass=3, **changes):
    config = dataclasses.replace(SMALL, **changes)

    @jax.jit
    def advance(step):
        rng = jax.random.fold_in(jax.random.key(0), step)
        return memory.advance(rng, before, config, step, steps_per_pass=steps_per_pass)

    return advance(step)


@pytest.fixture
def full(codes):
    start = memory.fresh_memory(jax.random.key(0), SMALL, 5)
    return recorded(start, codes, CATEGORIES, IOUS, 1)


def test_banks_that_recorded_something_are_purified_when_a_pass_starts_and_when_asked(full):
    fresh = memory.fresh_memory(jax.random.key(0), SMALL, 5)
    for held, step, found in [(fresh, 3, 0), (full, 4, 0), (full, 6, 3), (full, 7, 3)]:
        after = advanced(held, step, purify_at=(7,))
        assert after.prototypes.sizes.sum() == after.identities.sizes.sum() == found
    np.testing.assert_array_equal(after.prototypes.sizes.sum(axis=1), [1, 0, 2])


@pytest.mark.parametrize("source", ["prototypes", "slots"])
def test_identities_stand_for_all_recorded_codes(full, source):
    full = full.replace(identities=jax.tree.map(lambda leaf: leaf[:, :1], full.identities))
    after = advanced(full, 3, identities=1, identities_from=source)
    np.testing.assert_array_equal(after.identities.sizes[:, 0], [1, 0, 2])
    mean = full.bank.rows[2, :2].mean(axis=0)
    np.testing.assert_allclose(after.identities.centres[2, 0], mean, rtol=1e-5)


def test_compensation_starts_in_the_second_pass_and_not_before_its_step(full):
    known = advanced(full, 3)
    opened = {
        step: bool(advanced(known, step, steps_per_pass=9, compensation_start=start).compensates)
        for start, steps in [(0, (8, 9)), (12, (11, 12))]
        for step in steps
    }
    assert opened == {8: False, 9: True, 11: False, 12: True}
    assert not advanced(known, 12, compensation=False).compensates
    assert not advanced(full, 13).compensates  # There are no prototypes yet.


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
        "memory/shape/compensates": (),
        "memory/shape/bank/rows": (3, 8, 32),
        "memory/shape/bank/writes": (3,),
        "memory/shape/prototypes/centres": (3, 2, 32),
        "memory/shape/prototypes/sizes": (3, 2),
        "memory/shape/identities/centres": (3, 2, 32),
        "memory/shape/identities/sizes": (3, 2),
    }
    assert len(with_memory) == len(shapes(plain)) + len(added)


@pytest.mark.parametrize("change", [{"slots": 0}, {"slots": 5, "prototypes": 6}, {"prototypes": 4}])
def test_a_memory_that_cannot_hold_its_prototypes_is_refused(change):
    with pytest.raises(ValueError, match=r"set (it|memory\.(slots|prototypes))"):
        MemoryConfig(**change)
