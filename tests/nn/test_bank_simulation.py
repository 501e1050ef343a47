"""Which update rules leave prototypes that tell shapes apart (specification msrn A.4).

Codes of five kinds in 64 dimensions fill a bank; 500 slots become 10 prototypes and then 5. A rule
is good if the filter of specification msrn D.2 keeps candidates of the query's kind and no others.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrelic.nn import feature_bank

REPEATS, KINDS, FEATURES, BATCH = 12, 5, 64, 250
SPREAD = 0.3
"""Standard deviation within a kind; that between kinds is 1, both per entry."""


def repeats():
    """A key per repeat; of this kind, because programs with it compile in half the time."""
    return jax.random.split(jax.random.key(0, impl="unsafe_rbg"), REPEATS)


def draw(rng, middles, count):
    for_kind, for_code = jax.random.split(rng)
    kinds = jax.random.randint(for_kind, (count,), 0, KINDS)
    return middles[kinds] + SPREAD * jax.random.normal(for_code, (count, FEATURES)), kinds


def middles_of(rng, offset):
    """Middles of the kinds, at random around a point that is `offset` from zero per entry."""
    for_kinds, for_offset = jax.random.split(rng)
    middles = jax.random.normal(for_kinds, (KINDS, FEATURES))
    middles = middles - jnp.mean(middles, axis=0, keepdims=True)
    return middles + offset * jax.random.normal(for_offset, (1, FEATURES))


@functools.partial(jax.jit, static_argnums=(0, 1))
def filled(rule, first_visit, writes, offset):
    """Banks after `writes` codes, one per repeat."""

    def fill(rng):
        for_middles, for_noise, for_codes = jax.random.split(rng, 3)
        middles = middles_of(for_middles, offset)

        def add(i, bank):
            codes, kinds = draw(jax.random.fold_in(for_codes, i), middles, BATCH)
            options = {"rule": rule, "first_visit": first_visit}
            return feature_bank.write(bank, codes, 0 * kinds, kinds >= 0, **options)

        bank = feature_bank.noise_bank(for_noise, 1, 500, FEATURES)
        return jax.lax.fori_loop(0, writes // BATCH, add, bank)

    return jax.vmap(fill)(repeats())


@jax.jit
def pass_rates(banks, offset):
    """Mean shares of pairs of the same and of different kinds that the filter passes."""

    def judge(rng, bank):
        for_purify, for_refine, for_codes = jax.random.split(jax.random.fold_in(rng, 1), 3)
        middles = middles_of(jax.random.split(rng, 3)[0], offset)
        purified = feature_bank.purify(for_purify, bank, 10)
        refined = feature_bank.refine(for_refine, purified, 5)
        codes, kinds = draw(for_codes, middles, 100)
        ids = feature_bank.identity(codes, refined, 0 * kinds)
        kept, same = (each[:, None] == each[None] for each in (ids, kinds))
        return jnp.mean(kept, where=same), jnp.mean(kept, where=~same)

    rates = jax.vmap(judge)(repeats(), banks)
    return jnp.stack(rates).mean(axis=1)


@pytest.mark.parametrize("offset", [0.0, 2.0])
@pytest.mark.parametrize(
    ("rule", "first_visit"),
    [("replace", "overwrite"), ("nearest_ema", "overwrite"), ("ema", "overwrite")],
)
def test_slots_that_look_like_codes_pass_the_same_kind_and_no_other(rule, first_visit, offset):
    same, other = pass_rates(filled(rule, first_visit, 2000, offset), offset)
    assert same > 0.98
    assert other < 0.02


@pytest.mark.parametrize(
    ("writes", "offset", "same", "other", "atol"),
    [
        (2_000, 0.0, 0.75, 0.12, 0.08),
        # Noise pulls all slots off the offset in directions that no kind has to itself.
        (2_000, 2.0, 0.92, 0.75, 0.15),
        (114_000, 0.0, 0.96, 0.06, 0.04),
        (114_000, 2.0, 0.95, 0.06, 0.04),
    ],
)
def test_the_papers_slots_drop_kin_and_pass_strangers(writes, offset, same, other, atol):
    # Measured with three seeds, whose means of 12 repeats lie within 0.8 `atol` of these.
    rates = pass_rates(filled("ema", "ema", writes, offset), offset)
    np.testing.assert_allclose(rates, [same, other], atol=atol)
