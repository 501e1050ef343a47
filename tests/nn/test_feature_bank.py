import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrelic.nn import feature_bank
from jaxrelic.nn.kmeans import Clusters

RULES = [("ema", "ema"), ("ema", "overwrite"), ("replace", "overwrite"), ("nearest_ema", "ema")]

write = jax.jit(feature_bank.write, static_argnames=("rule", "first_visit", "momentum"))


def bank_of(categories, slots, features):
    return feature_bank.noise_bank(jax.random.key(0), categories, slots, features)


def clusters_of(centres):
    """Prototypes of one category, all in use."""
    centres = jnp.asarray(centres, jnp.float32)[None]
    return Clusters(centres, jnp.ones(centres.shape[:2]))


def one_by_one(bank, codes, categories, accepted, rule, first_visit, momentum):
    """The paper's loop, in NumPy."""
    rows, writes = np.array(bank.rows, np.float64), np.array(bank.writes)
    slots = rows.shape[1]
    for code, c, accept in zip(codes, categories, accepted, strict=True):
        if not accept:
            continue
        slot, full = writes[c] % slots, writes[c] >= slots
        if rule == "nearest_ema" and full:
            slot = np.argmin(np.sum((rows[c] - code) ** 2, axis=-1))
        mixes = {
            "ema": full or first_visit == "ema",
            "replace": False,
            "nearest_ema": full,
        }
        keep = momentum if mixes[rule] else 0.0
        rows[c, slot] = keep * rows[c, slot] + (1 - keep) * code
        writes[c] += 1
    return rows, writes


@pytest.mark.parametrize(("rule", "first_visit"), RULES)
def test_a_batch_is_written_as_its_codes_would_be_one_by_one(rule, first_visit):
    """Specification msrn H-C2."""
    rng = np.random.default_rng(0)
    bank = bank_of(3, 5, 4)
    options = {"rule": rule, "first_visit": first_visit, "momentum": 0.6}
    expected = bank
    for _ in range(12):  # Enough to go round every bank.
        codes = rng.normal(size=(5, 4)).astype(np.float32)
        categories, accepted = rng.integers(3, size=5), rng.uniform(size=5) < 0.7
        rows, writes = one_by_one(expected, codes, categories, accepted, **options)
        bank = write(bank, codes, categories, accepted, **options)
        np.testing.assert_allclose(bank.rows, rows, atol=1e-5)
        np.testing.assert_array_equal(bank.writes, writes)
        expected = bank
    assert int(bank.writes.min()) > 5


def test_six_writes_fill_four_slots_from_the_start_again_and_rejected_ones_none():
    """Specification msrn H-C2."""
    codes = jnp.broadcast_to(jnp.arange(1.0, 9.0)[:, None], (8, 2))
    accepted = jnp.asarray([True, True, False, True, True, False, True, True])
    bank = bank_of(2, 4, 2)
    zeros = jnp.zeros(4, jnp.int32)
    for part in (slice(0, 4), slice(4, 8)):
        bank = write(bank, codes[part], zeros, accepted[part], rule="replace")
    np.testing.assert_array_equal(bank.rows[0, :, 0], [7, 8, 4, 5])
    np.testing.assert_array_equal(bank.writes, [6, 0])
    np.testing.assert_array_equal(bank.rows[1], bank_of(2, 4, 2).rows[1])


def test_n_identical_ema_writes_leave_the_power_of_the_momentum():
    """Specification msrn H-C2."""
    start, code = bank_of(1, 1, 3), jnp.asarray([[1.0, -2.0, 0.5]])
    options = {"rule": "ema", "first_visit": "ema", "momentum": 0.9}
    bank = start
    for _ in range(7):
        bank = write(bank, code, jnp.zeros(1, jnp.int32), jnp.ones(1, bool), **options)
    np.testing.assert_allclose(
        bank.rows[0, 0], 0.9**7 * start.rows[0, 0] + (1 - 0.9**7) * code[0], rtol=1e-5
    )


def test_a_bank_smaller_than_a_batch_is_refused():
    codes, zeros = jnp.zeros((5, 2)), jnp.zeros(5, jnp.int32)
    with pytest.raises(ValueError, match="5 codes at once overrun a bank of 4 slots"):
        feature_bank.write(bank_of(1, 4, 2), codes, zeros, zeros == 0, rule="replace")


def test_prototypes_stand_for_written_slots_alone_unless_noise_counts():
    bank = bank_of(2, 12, 3)
    codes = jnp.repeat(jnp.asarray([[9.0, 0, 0], [0, 9.0, 0]]), 3, axis=0)
    bank = write(bank, codes, jnp.ones(6, jnp.int32), jnp.ones(6, bool), rule="replace")
    purify = jax.jit(feature_bank.purify, static_argnums=2, static_argnames="noise_counts")
    ours = purify(jax.random.key(0), bank, 4)
    np.testing.assert_array_equal(ours.sizes[0], np.zeros(4))
    assert sorted(ours.sizes[1].tolist()) == [0, 0, 3, 3]
    np.testing.assert_array_equal(np.unique(ours.centres[1], axis=0), [[0, 9, 0], [9, 0, 0]])
    papers = purify(jax.random.key(0), bank, 4, noise_counts=True)
    np.testing.assert_array_equal(jnp.sum(papers.sizes, axis=-1), [12, 12])


def test_refined_prototypes_weigh_the_sizes_of_those_they_join():
    prototypes = Clusters(
        centres=jnp.asarray([[[0.0], [1.0], [10.0]]]), sizes=jnp.asarray([[3.0, 1.0, 5.0]])
    )
    refined = feature_bank.refine(jax.random.key(0), prototypes, 2)
    order = np.argsort(refined.centres[0, :, 0])
    np.testing.assert_allclose(refined.centres[0, order, 0], [0.25, 10], rtol=1e-6)
    np.testing.assert_allclose(refined.sizes[0, order], [4, 5])


def test_zero_prototypes_are_equally_akin_and_recall_nothing():
    """Specification msrn H-C3."""
    prototypes = Clusters(jnp.zeros((3, 4, 5)), jnp.ones((3, 4)))
    codes = jax.random.normal(jax.random.key(0), (2, 5))
    np.testing.assert_allclose(
        feature_bank.affinity(codes, prototypes), np.full((2, 12), 1 / 12), rtol=1e-6
    )
    np.testing.assert_array_equal(feature_bank.recall(codes, prototypes), np.zeros((2, 5)))


def test_one_prototype_among_zeros_weighs_as_the_softmax_says():
    """Specification msrn H-C3."""
    direction = np.array([0.6, 0.0, 0.8], np.float32)
    centres = np.zeros((2, 4, 3), np.float32)
    centres[1, 2] = 1.5 * direction
    prototypes = Clusters(jnp.asarray(centres), jnp.ones((2, 4)))
    akin = feature_bank.affinity(direction[None], prototypes)
    peak = np.exp(0.5 * 2.0 * 1.5)
    np.testing.assert_allclose(akin[0, 6], peak / (peak + 7), rtol=1e-6)
    np.testing.assert_allclose(jnp.sum(akin), 1, rtol=1e-6)


def test_prototypes_of_size_zero_are_not_recalled():
    centres = jnp.asarray([[[1.0, 2.0], [50.0, 50.0]]])
    prototypes = Clusters(centres, jnp.asarray([[4.0, 0.0]]))
    recalled = feature_bank.recall(jnp.ones((1, 2)), prototypes)
    np.testing.assert_allclose(recalled, [[1, 2]])


def test_codes_learn_through_their_affinity_and_prototypes_do_not():
    prototypes = Clusters(jax.random.normal(jax.random.key(0), (2, 3, 4)), jnp.ones((2, 3)))
    codes = jax.random.normal(jax.random.key(1), (2, 4))

    def total(codes, centres):
        return jnp.sum(feature_bank.recall(codes, prototypes.replace(centres=centres)) ** 2)

    for_codes, for_centres = jax.grad(total, argnums=(0, 1))(codes, prototypes.centres)
    assert np.all(for_codes != 0)
    assert not np.any(for_centres)


SIGNED = jnp.asarray([[[0.2, 0], [-0.2, 0], [0.2, 0], [0.2, 0], [-0.2, 0], [-0.2, 0]]])


def test_candidates_that_are_like_another_prototype_are_dropped():
    """Specification msrn H-C4."""
    refined = clusters_of([[1.0, 0.0], [-1.0, 0.0]])
    query, category = jnp.asarray([[0.3, 0.0]]), jnp.zeros(1, jnp.int32)
    kept = feature_bank.keep_candidates(query, SIGNED, refined, category)
    np.testing.assert_array_equal(kept, [[True, False, True, True, False, False]])


def test_a_mean_over_no_kept_candidate_is_zero_with_a_finite_gradient():
    """Specification msrn H-C4."""
    refined = clusters_of([[1.0, 0.0], [-1.0, 0.0]])
    others = -jnp.abs(SIGNED)

    def loss(query):
        kept = feature_bank.keep_candidates(query, others, refined, jnp.zeros(1, jnp.int32))
        distances = jnp.sum((query[:, None] - others) ** 2, axis=-1)
        return jnp.sum(kept * distances) / jnp.maximum(jnp.sum(kept), 1)

    value, gradient = jax.value_and_grad(loss)(jnp.asarray([[0.0, 0.0]]))
    assert value == 0
    np.testing.assert_array_equal(gradient, [[0, 0]])


@pytest.mark.parametrize("nothing", ["query and candidates", "prototypes"])
def test_zero_codes_and_empty_categories_let_everything_pass(nothing):
    refined = clusters_of([[1.0, 0.0], [-1.0, 0.0]])
    query = jnp.asarray([[0.3, 0.0]])
    if nothing == "prototypes":
        refined = refined.replace(sizes=jnp.zeros((1, 2)))
        candidates = SIGNED
    else:
        query, candidates = 0 * query, 0 * SIGNED
    zero = jnp.zeros(1, jnp.int32)
    assert np.all(feature_bank.keep_candidates(query, candidates, refined, zero))


def test_identity_compares_directions_not_lengths_within_the_category():
    centres = jnp.asarray([[[9.0, 9.0], [0.1, 0.0]], [[0.0, 1.0], [0.0, -1.0]]])
    refined = Clusters(centres, jnp.ones((2, 2)))
    codes = jnp.asarray([[1.0, 0.1], [1.0, -0.1]])
    ids = feature_bank.identity(codes, refined, jnp.asarray([0, 1]))
    np.testing.assert_array_equal(ids, [1, 1])
