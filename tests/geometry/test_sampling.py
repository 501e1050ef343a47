"""Samples are uniform by area and lie on the surface."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxrelic.geometry import sampling

# A small triangle (area 1/2) and a large one (area 9/2) in parallel planes, and one without area.
VERTICES = jnp.asarray(
    [[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 2], [3, 0, 2], [0, 3, 2], [9, 9, 9]]
)
FACES = jnp.asarray([[0, 1, 2], [3, 5, 4], [6, 6, 6]])
COUNT = 20_000


def draw(seed=0):
    points, normals = sampling.sample_surface(jax.random.key(seed), VERTICES, FACES, COUNT)
    return np.asarray(points), np.asarray(normals)


def test_each_face_gets_its_share_of_the_area():
    points, _ = draw()
    share = np.mean(points[:, 2] > 1)
    # Three standard deviations of a binomial with 20,000 trials.
    assert abs(share - 0.9) < 3 * np.sqrt(0.9 * 0.1 / COUNT)
    np.testing.assert_allclose(points[:, 2], np.where(points[:, 2] > 1, 2.0, 0.0), atol=1e-6)


def test_points_are_uniform_within_a_face():
    points = draw()[0]
    upper = points[points[:, 2] > 1]
    np.testing.assert_allclose(upper[:, :2].mean(axis=0), [1.0, 1.0], atol=0.02)
    inside_similar_half_size = np.mean(upper[:, :2].sum(axis=-1) < 1.5)
    assert abs(inside_similar_half_size - 0.25) < 0.01


def test_normals_follow_the_winding_of_their_face():
    points, normals = draw()
    facing = np.where(points[:, 2] > 1, -1.0, 1.0)
    np.testing.assert_allclose(normals, facing[:, None] * [[0.0, 0.0, 1.0]])


def test_the_same_key_draws_the_same_points():
    np.testing.assert_array_equal(draw(seed=3)[0], draw(seed=3)[0])
    assert not np.array_equal(draw(seed=3)[0], draw(seed=4)[0])
