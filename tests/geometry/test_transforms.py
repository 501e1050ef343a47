"""Rigid transforms compose, invert and act like matrices."""

import jax
import jax.numpy as jnp
import numpy as np
from scipy.spatial.transform import Rotation

from jaxrelic.geometry import transforms

RNG = np.random.default_rng(0)


def rigid(*batch):
    count = int(np.prod(batch))
    rotation = Rotation.random(count, random_state=1).as_matrix().reshape(*batch, 3, 3)
    translation = RNG.normal(size=(*batch, 3))
    return transforms.from_rotation_translation(jnp.float32(rotation), jnp.float32(translation))


POINTS = jnp.float32(RNG.normal(size=(2, 5, 3)))


def test_a_chain_acts_like_its_links_one_after_the_other():
    a_from_b, b_from_c = rigid(2), rigid(2)[::-1]
    chained = transforms.transform_points(transforms.compose(a_from_b, b_from_c), POINTS)
    stepwise = transforms.transform_points(a_from_b, transforms.transform_points(b_from_c, POINTS))
    np.testing.assert_allclose(chained, stepwise, atol=1e-5)


def test_the_inverse_undoes_the_transform():
    a_from_b = rigid(2)
    identity = transforms.compose(transforms.invert_rigid(a_from_b), a_from_b)
    np.testing.assert_allclose(identity, np.broadcast_to(np.eye(4), (2, 4, 4)), atol=1e-6)


def test_points_are_rotated_before_they_are_moved():
    quarter_turn = jnp.asarray([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    moved = transforms.from_rotation_translation(quarter_turn, jnp.asarray([10.0, 0, 0]))
    np.testing.assert_allclose(
        transforms.transform_points(moved, jnp.asarray([[1.0, 2, 3]])), [[8, 1, 3]]
    )


def test_one_rotation_serves_a_batch_of_translations():
    both = transforms.from_rotation_translation(jnp.eye(3), jnp.float32(RNG.normal(size=(4, 3))))
    assert both.shape == (4, 4, 4)
    np.testing.assert_array_equal(both[:, 3], [[0, 0, 0, 1]] * 4)


def test_transforming_is_free_of_batch_axes():
    a_from_b = rigid(2)
    mapped = jax.vmap(transforms.transform_points)(a_from_b, POINTS)
    np.testing.assert_allclose(mapped, transforms.transform_points(a_from_b, POINTS), rtol=1e-6)
