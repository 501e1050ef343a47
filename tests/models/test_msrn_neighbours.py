import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrelic.geometry import cameras
from jaxrelic.models.msrn import neighbours, unicorn_memory
from jaxrelic.models.msrn.neighbours import NeighbourConfig
from jaxrelic.nn.kmeans import Clusters

KEYS = jax.random.split(jax.random.key(0), 3000)


def test_no_more_are_drawn_than_asked_for_and_none_that_was_not_kept():
    kept = jnp.asarray([[True, False, True, True], [False, False, True, False]])
    index, shown = jax.vmap(lambda key: neighbours.draw(key, kept, 2))(KEYS)
    np.testing.assert_array_equal(shown.sum(axis=-1), np.tile([2, 1], (len(KEYS), 1)))
    drawn = jax.nn.one_hot(index, 4) * shown[..., None]
    # Two of three, each as often as the others; and always the only one.
    rates = drawn.sum(axis=2).mean(axis=0)
    np.testing.assert_allclose(rates, [[2 / 3, 0, 2 / 3, 2 / 3], [0, 0, 1, 0]], atol=0.03)


@pytest.mark.parametrize("count", [0, 4, 9])
def test_without_a_limit_all_candidates_stay_in_place(count):
    kept = jnp.asarray([[True, False, True, True]])
    index, shown = neighbours.draw(KEYS[0], kept, count)
    np.testing.assert_array_equal(index, [[0, 1, 2, 3]])
    np.testing.assert_array_equal(shown, kept)


def test_odds_of_a_candidate_are_the_fourth_power_of_what_its_silhouette_misses():
    rows = jnp.arange(8)[:, None]
    query = (rows < 4).astype(jnp.float32) * jnp.ones((8, 8))
    theirs = jnp.stack([rows < n for n in (4, 5, 8, 2)]) * jnp.ones((4, 8, 8))  # IoU 1 .8 .5 .5
    known = jnp.asarray([[True, True, True, False]])
    chosen = jax.vmap(lambda key: neighbours.sample_unlike(key, query[None], theirs[None], known))(
        KEYS
    )
    assert np.all(chosen.sum(axis=-1) == 1)
    odds = np.array([0, 0.2**4, 0.5**4, 0])
    np.testing.assert_allclose(chosen[:, 0].mean(axis=0), odds / odds.sum(), atol=0.02)


def test_the_filter_keeps_candidates_of_the_same_identity_that_exist():
    identities = Clusters(jnp.asarray([[[1.0, 0.0], [-1.0, 0.0]]]), jnp.ones((1, 2)))
    theirs = jnp.asarray([[[0.2, 0], [-0.2, 0], [0.2, 0], [0.2, 0], [-0.2, 0], [-0.2, 0]]])
    known = jnp.asarray([[True, True, False, True, True, True]])
    query, category = jnp.asarray([[0.3, 0.0]]), jnp.zeros(1, jnp.int32)
    kept = neighbours.filtered(query, theirs, identities, category, known)
    np.testing.assert_array_equal(kept, [[True, False, False, True, False, False]])
    unknown = identities.replace(sizes=jnp.zeros((1, 2)))
    np.testing.assert_array_equal(
        neighbours.filtered(query, theirs, unknown, category, known), known
    )


def turned(degrees):
    """Rotations of cameras that go around the object 30 degrees above it."""
    azimuth = jnp.deg2rad(jnp.asarray(degrees, jnp.float32))
    zero = jnp.zeros_like(azimuth)
    origin = jnp.broadcast_to(jnp.asarray([0.0, 0.0, 1.2]), (*azimuth.shape, 3))
    return cameras.orbit(azimuth, zero + jnp.pi / 6, zero, origin)[:, :3, :3]


def test_viewpoints_fall_into_five_equal_bins_between_20_and_180_degrees():
    angles = [0, 10, 19, 21, 51, 53, 83, 85, 115, 117, 147, 149, 179, 180, -60]
    bins = unicorn_memory.viewpoint_bin(turned([0.0]), turned(angles))[0]
    assert np.all(bins[:3] < 0)
    np.testing.assert_array_equal(bins[3:], [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 4, 1])


FEW = NeighbourConfig(source="unicorn", recent=6)


def remembered(replicas, batches=2):
    """Four photographs in each batch, seen one batch after the other."""
    recent = unicorn_memory.fresh_recent(FEW, 3, 4)
    for number in range(batches):
        rng = np.random.default_rng(number)
        rows = (
            rng.normal(size=(4, 3)),
            rng.integers(256, size=(4, 4, 4, 3)) / 255,
            rng.integers(256, size=(4, 4, 4)) / 255,
            turned(rng.uniform(0, 360, 4)),
        )
        rows = [jnp.asarray(x, jnp.float32) for x in rows] + [jnp.arange(4) + 4 * number]
        dealt = [x.reshape(replicas, -1, *x.shape[1:]) for x in rows]
        write = functools.partial(unicorn_memory.remember, recent, axis_name="batch")
        recent = jax.vmap(write, axis_name="batch", out_axes=None)(*dealt)
    return recent


def test_the_last_photographs_are_remembered_the_same_on_every_replica():
    one, two = remembered(1), remembered(2)
    jax.tree.map(np.testing.assert_array_equal, one, two)
    np.testing.assert_array_equal(one.relics, [6, 7, 2, 3, 4, 5])
    assert one.writes == 8


def test_the_neighbour_is_the_closest_code_of_another_relic_in_the_drawn_bin():
    rng = np.random.default_rng(5)
    recent = unicorn_memory.fresh_recent(NeighbourConfig(recent=40), 3, 4)
    angles, codes = rng.uniform(0, 360, 30), rng.normal(size=(30, 3))
    relics = rng.integers(5, size=30)
    recent = recent.replace(
        codes=recent.codes.at[:30].set(codes),
        rotations=recent.rotations.at[:30].set(turned(angles)),
        relics=recent.relics.at[:30].set(relics),
    )
    queries, from_where = rng.normal(size=(8, 3)), rng.uniform(0, 360, 8)
    ours, key = rng.integers(5, size=8), jax.random.key(3)
    slots, known = unicorn_memory.choose(
        key,
        recent,
        jnp.asarray(queries, jnp.float32),
        turned(from_where),
        jnp.asarray(ours),
    )
    drawn = jax.random.randint(key, (8,), 0, 5)
    for query in range(8):
        best, closest = None, np.inf
        for slot in range(30):
            angle = abs((angles[slot] - from_where[query] + 180) % 360 - 180)
            inside = 20 + 32 * drawn[query] <= angle < 52 + 32 * drawn[query]
            distance = np.sum((queries[query] - codes[slot]) ** 2)
            stranger = relics[slot] != ours[query]
            if inside and stranger and distance < closest:
                best, closest = slot, distance
        assert known[query] == (best is not None)
        assert best is None or slots[query] == best
    assert np.any(known)


def test_nothing_is_a_neighbour_before_anything_is_remembered():
    recent = unicorn_memory.fresh_recent(FEW, 3, 4)
    query = jnp.zeros((2, 3)), turned([0.0, 90.0]), jnp.arange(2)
    assert not np.any(unicorn_memory.choose(KEYS[0], recent, *query)[1])


def test_a_remembered_photograph_comes_back_to_8_bits_with_averages_as_targets():
    recent = remembered(1, batches=1)
    known = jnp.asarray([True, False])
    seen = unicorn_memory.recalled(recent, jnp.asarray([1, 2]), known, 2)
    written = np.random.default_rng(0)
    written.normal(size=(4, 3))
    image = written.integers(256, size=(4, 4, 4, 3)) / 255
    np.testing.assert_allclose(seen.image[0, 0], image[1], atol=1e-6)
    blocks = image[1].reshape(2, 2, 2, 2, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(seen.rgb[0, 0], blocks, atol=1e-6)
    assert seen.mask.shape == (2, 1, 2, 2)
    np.testing.assert_array_equal(seen.known, [[True], [False]])


def test_where_there_is_no_candidate_the_query_keeps_the_batch_norm_company():
    image = jnp.ones((1, 2, 4, 4, 3)) * jnp.asarray([3.0, 4.0]).reshape(1, 2, 1, 1, 1)
    offered = neighbours.Candidates(
        image=image, rgb=image, mask=image[..., 0], known=jnp.asarray([[True, False]])
    )
    shown = offered.images_with_company(jnp.full((1, 4, 4, 3), 9.0))
    np.testing.assert_array_equal(shown[0, :, 0, 0, 0], [3, 9])


@pytest.mark.parametrize("name", ["start_step", "max_render", "recent"])
def test_counts_below_their_least_are_refused(name):
    with pytest.raises(ValueError, match=rf"neighbours\.{name} is -1; set it to"):
        NeighbourConfig(**{name: -1})
