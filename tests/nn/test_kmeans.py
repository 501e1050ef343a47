import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrelic.nn.kmeans import _lloyd, kmeans

cluster = jax.jit(kmeans, static_argnums=3)


def by_first_entry(clusters):
    order = np.argsort(clusters.centres[:, 0])
    return clusters.centres[order], clusters.sizes[order]


def test_separated_blobs_give_their_means_and_weights():
    """Specification msrn H-C5."""
    rng = np.random.default_rng(0)
    middles = np.array([[-9, 1, 0], [-3, 0, 4], [2, 5, 0], [8, 0, -6]], np.float32)
    points = (middles[:, None] + 0.1 * rng.normal(size=(4, 10, 3))).astype(np.float32)
    weights = rng.uniform(0.5, 2, (4, 10)).astype(np.float32)
    clusters = cluster(jax.random.key(0), points.reshape(40, 3), weights.reshape(40), 4)
    centres, sizes = by_first_entry(clusters)
    means = np.sum(points * weights[..., None], axis=1) / weights.sum(axis=1)[:, None]
    np.testing.assert_allclose(centres, means, atol=1e-6)
    np.testing.assert_allclose(sizes, weights.sum(axis=1), rtol=1e-6)


def test_identical_points_are_one_cluster_and_surplus_ones_have_no_size():
    """Specification msrn H-C5."""
    points = jnp.full((12, 3), 0.3)
    clusters = cluster(jax.random.key(1), points, jnp.ones(12), 4)
    np.testing.assert_allclose(clusters.centres, np.full((4, 3), 0.3), atol=1e-6)
    assert sorted(clusters.sizes.tolist()) == [0, 0, 0, 12]


def test_fewer_distinct_points_than_clusters_are_found_exactly():
    """Specification msrn H-C5."""
    distinct = np.array([[0, 1, 2], [5, 5, 5]], np.float32)
    clusters = cluster(jax.random.key(2), np.repeat(distinct, 6, axis=0), jnp.ones(12), 4)
    assert np.all(np.isfinite(clusters.centres))
    np.testing.assert_array_equal(np.unique(clusters.centres, axis=0), distinct)
    assert sorted(clusters.sizes.tolist()) == [0, 0, 6, 6]


def test_points_without_weight_change_nothing_wherever_they_lie():
    near = jax.random.normal(jax.random.key(3), (8, 3))
    far = jnp.full((4, 3), 1e3)
    weights = jnp.concatenate([jnp.ones(8), jnp.zeros(4)])
    moved = [
        cluster(jax.random.key(4), jnp.concatenate([near, x]), weights, 4) for x in (far, -far)
    ]
    np.testing.assert_array_equal(moved[0].centres, moved[1].centres)
    assert np.abs(moved[0].centres).max() < 5
    assert float(moved[0].sizes.sum()) == 8


def test_no_weight_at_all_gives_finite_centres_of_no_size():
    points = jax.random.normal(jax.random.key(5), (12, 3))
    clusters = cluster(jax.random.key(6), points, jnp.zeros(12), 4)
    assert np.all(np.isfinite(clusters.centres))
    assert not np.any(clusters.sizes)


def test_an_empty_cluster_moves_to_the_farthest_point():
    points = np.array([[0.0], [1.0], [7.0], [2.0]], np.float32)
    centres = np.array([[2.0], [100.0], [200.0]], np.float32)
    moved = _lloyd(points, np.ones(4, np.float32), centres)
    np.testing.assert_allclose(moved, [[2.5], [7.0], [0.0]])


def test_more_clusters_than_points_are_refused():
    with pytest.raises(ValueError, match="9 clusters of 4 points"):
        kmeans(jax.random.key(0), jnp.zeros((4, 2)), jnp.ones(4), 9)
