"""The bank of pairs: who is remembered, where, and that all replicas remember the same."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrelic.models.foreground import memory
from jaxrelic.models.foreground.memory import ForegroundMemoryConfig

LITERAL = ForegroundMemoryConfig.literal()
CONFIDENT, DOUBTFUL = [5.0, 0.0], [0.8, 0.0]  # Softmax 0.993 and 0.690 of category 0.


def write(bank, config, values, scores, category=None):
    """Foregrounds (v, 0), backgrounds (0, -v) of one replica."""
    values = jnp.asarray(values, jnp.float32)
    zero = jnp.zeros_like(values)
    category = jnp.zeros(len(values), jnp.int32) if category is None else jnp.asarray(category)
    step = jax.vmap(
        lambda *args: memory.record(bank, config, *args, axis_name="batch"),
        axis_name="batch",
        out_axes=None,
    )
    step = jax.jit(step)
    sides = jnp.stack([values, zero], axis=-1), jnp.stack([zero, -values], axis=-1)
    return step(*(x[None] for x in (*sides, jnp.asarray(scores), category)))


def test_a_slot_after_n_literal_writes_is_a_mixture_of_noise_and_feature():
    config = dataclasses.replace(LITERAL, slots=1)
    start = memory.fresh_bank(jax.random.key(0), config, 2)
    bank = start
    for _ in range(3):
        bank = write(bank, config, [2.0], [CONFIDENT])
    kept = 0.99**3
    foreground, background = memory.halves(bank)
    noise_f, noise_b = memory.halves(start)
    np.testing.assert_allclose(
        foreground[0], kept * noise_f[0] + (1 - kept) * jnp.array([2.0, 0.0]), rtol=1e-5
    )
    np.testing.assert_allclose(
        background[0], kept * noise_b[0] + (1 - kept) * jnp.array([0.0, -2.0]), rtol=1e-5
    )


def test_both_banks_share_a_pointer_and_the_doubtful_do_not_move_it():
    config = ForegroundMemoryConfig(slots=4, stored="sum")
    bank = memory.fresh_bank(jax.random.key(0), config, 2)
    for value, scores in enumerate([CONFIDENT, DOUBTFUL] * 6, start=1):
        bank = write(bank, config, [float(value)], [scores])
    foreground, background = memory.halves(bank)
    # Values 1, 3, 5, 7, 9, 11 fill slots 0, 1, 2, 3, 0, 1.
    np.testing.assert_array_equal(foreground[:, 0], [9, 11, 5, 7])
    np.testing.assert_array_equal(background[:, 1], [-9, -11, -5, -7])
    assert bank.writes.tolist() == [6]


def test_the_gate_asks_for_the_right_category():
    config = ForegroundMemoryConfig(slots=4)
    bank = memory.fresh_bank(jax.random.key(0), config, 2)
    after = write(bank, config, [1.0, 1.0], [CONFIDENT, CONFIDENT], category=[0, 1])
    assert after.writes.tolist() == [1]


@pytest.mark.parametrize("replicas", [1, 3])
def test_replicas_remember_what_one_would_have(replicas):
    config = ForegroundMemoryConfig(slots=8, stored="sum")
    bank = memory.fresh_bank(jax.random.key(0), config, 2)
    features = jax.random.normal(jax.random.key(1), (2, replicas, 6 // replicas, 2))
    scores = jnp.array([CONFIDENT, DOUBTFUL, CONFIDENT] * 2).reshape(replicas, -1, 2)
    category = jnp.zeros(scores.shape[:2], jnp.int32)
    step = jax.vmap(
        lambda *args: memory.record(bank, config, *args, axis_name="batch"),
        axis_name="batch",
        out_axes=None,  # Raises if replicas could disagree.
    )
    after = step(*features, scores, category)
    expected = features.reshape(2, 6, 2)[:, jnp.array([0, 2, 3, 5])]
    for half, rows in zip(memory.halves(after), expected, strict=True):
        np.testing.assert_array_equal(half[:4], rows)


def test_unit_memories_start_and_stay_at_length_one():
    config = ForegroundMemoryConfig(slots=8)
    bank = memory.fresh_bank(jax.random.key(0), config, 2)
    bank = write(bank, config, [250.0, 3.0], [CONFIDENT] * 2)
    for half in memory.halves(bank):
        np.testing.assert_allclose(jnp.linalg.norm(half, axis=-1), 1, rtol=1e-5)


def test_literal_memories_start_from_standard_noise():
    rows = memory.fresh_bank(jax.random.key(0), LITERAL, 64).rows
    assert rows.shape == (1, 500, 128)
    assert abs(float(rows.mean())) < 0.02
    assert abs(float(rows.std()) - 1) < 0.02


def test_remembering_teaches_nothing():
    config = ForegroundMemoryConfig(slots=4)
    bank = memory.fresh_bank(jax.random.key(0), config, 2)

    def loss(value):
        return jnp.sum(write(bank, config, value, [CONFIDENT]).rows)

    assert not np.any(jax.grad(loss)(jnp.array([2.0])))
