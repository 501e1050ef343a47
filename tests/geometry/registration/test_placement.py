"""What one camera sees, put before another."""

import numpy as np
import pytest
import trimesh

from jaxrelic.geometry import cameras
from jaxrelic.geometry.registration import alignment, placement

POINTS = np.random.default_rng(0).uniform(-0.3, 0.3, (40, 3))


def pose(degrees, axis, distance):
    matrix = trimesh.transformations.rotation_matrix(np.deg2rad(degrees), axis)
    matrix[:3, 3] = [0.02, -0.05, distance]
    return matrix


def pixels(camera, points):
    return np.asarray(cameras.project(camera, np.float32(points)[None])[0][0])


def as_batch(camera):
    return cameras.Camera(
        cam_from_world=np.float32(camera.cam_from_world)[None],
        pixel_from_cam=np.float32(camera.pixel_from_cam)[None],
    )


def test_with_equal_lenses_it_is_the_published_formula():
    lens = cameras.intrinsics(70, 64, 64)
    predicted = cameras.Camera(pose(40, [1, 2, 3], 1.2), lens)
    true = cameras.Camera(pose(-100, [3, 1, 1], 1.4), lens)
    expected = np.linalg.inv(true.cam_from_world) @ predicted.cam_from_world
    for correct_lens in (True, False):
        found = placement.world_from_prediction(
            predicted, true, [0.1, 0.2, -0.1], correct_lens=correct_lens
        )
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_cropped_picture_is_explained_by_a_smaller_shape_behind_the_same_pixels():
    predicted = cameras.Camera(pose(40, [1, 2, 3], 1.2), cameras.intrinsics(70, 64, 64))
    true = cameras.Camera(
        pose(-100, [3, 1, 1], 1.2), cameras.intrinsics(105, 64, 64, centre_px=(20.0, 45.0))
    )
    centre = POINTS.mean(axis=0)
    small = centre + 0.02 * (POINTS - centre)  # Perspective is a similarity only nearby.
    world = placement.world_from_prediction(predicted, true, centre)
    seen = pixels(as_batch(true), alignment.apply(world, small))
    np.testing.assert_allclose(seen, pixels(as_batch(predicted), small), atol=0.02)
    assert np.cbrt(np.linalg.det(world[:3, :3])) == pytest.approx(70 / 105)
