"""Normalisation by image extent (specification msrn H-E8) and the search of all rotations."""

import numpy as np
import pytest
import scipy.spatial

from jaxrelic.geometry.registration import alignment, rotation_search

RNG = np.random.default_rng(0)


def bent_box(count):
    """Two plates of different size at a right angle: no symmetry but one mirror."""
    flat = RNG.uniform(-0.5, 0.5, (count, 3)) * [1.0, 0.6, 0.05]
    upright = RNG.uniform(-0.5, 0.5, (count, 3)) * [0.05, 0.4, 0.7] + [0.45, 0.1, 0.35]
    return RNG.permutation(np.concatenate([flat, upright]))


def normalised(points):
    return alignment.apply(rotation_search.image_extent_normalisation(points), points)


def test_e8_the_wider_of_x_and_y_becomes_one_the_mean_zero_and_z_may_be_longer():
    points = normalised(bent_box(500) * [0.3, 0.5, 2.0] + [3.0, -2, 5])
    assert np.ptp(points[:, :2], axis=0).max() == pytest.approx(1.0, abs=1e-6)
    np.testing.assert_allclose(points.mean(axis=0), 0, atol=1e-12)
    assert np.ptp(points[:, 2]) > 1


def test_all_rotations_are_rotations_and_the_first_is_none():
    turns = rotation_search.rotations()
    assert turns.shape == (24 * 24 * 12, 3, 3)
    np.testing.assert_array_equal(turns[0], np.eye(3))
    np.testing.assert_allclose(np.linalg.det(turns), 1.0)
    # Only where elevation is a right angle do azimuth and roll turn about one axis.
    assert len(np.unique(turns.round(6).reshape(-1, 9), axis=0)) == 24 * (23 * 12 + 1)


@pytest.mark.parametrize("index", [0, 5678])
def test_the_search_undoes_a_rotation_of_the_grid_and_a_size(index):
    target = normalised(bent_box(1500))
    source = 0.3 * target @ rotation_search.rotations()[index] + [1.0, 2, 3]
    found = rotation_search.brute_force(source, target)
    np.testing.assert_allclose(alignment.apply(found, source), target, atol=1e-6)


def test_the_search_finds_what_measuring_every_rotation_finds():
    target = normalised(bent_box(25))
    turn = scipy.spatial.transform.Rotation.from_rotvec([0.9, -0.5, 1.7]).as_matrix()
    source = bent_box(25) @ turn.T * [1.0, 0.9, 1.1]

    def chamfer(moved):
        gaps = scipy.spatial.distance.cdist(moved, target)
        return gaps.min(axis=0).mean() + gaps.min(axis=1).mean()

    every = (source - source.mean(axis=0)) @ np.swapaxes(rotation_search.rotations(), 1, 2)
    every /= np.ptp(every[..., :2], axis=1).max(axis=-1)[:, None, None]
    found = alignment.apply(rotation_search.brute_force(source, target), source)
    assert chamfer(found) == pytest.approx(min(map(chamfer, every)), rel=1e-6)


def test_a_flat_cloud_has_extents_after_every_rotation():
    flat = bent_box(50) * [1, 1, 0]
    turned = flat @ np.swapaxes(rotation_search.rotations(), 1, 2)
    expected = 1 / np.ptp(turned[..., :2], axis=1).max(axis=-1)
    np.testing.assert_allclose(rotation_search._scales(flat), expected, rtol=1e-5)
