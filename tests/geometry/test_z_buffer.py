"""The exact rasterizer against closed forms."""

import subprocess
import sys

import numpy as np
import pytest

from jaxrelic.geometry import cameras, meshes, z_buffer


def square(low, high, depth):
    """Two triangles over [low, high]^2 pixels at one depth."""
    uv = np.array([[low, low], [high, low], [high, high], [low, high]], np.float64)
    return uv, np.full(4, depth), np.array([[0, 1, 2], [0, 2, 3]])


def test_a_pixel_is_covered_when_its_centre_is():
    uv, depth, faces = square(1.0, 3.0, 2.0)
    seen = z_buffer.rasterize(uv, depth, faces, height=4, width=5)
    expected = np.zeros((4, 5), bool)
    expected[1:3, 1:3] = True
    np.testing.assert_array_equal(seen.mask, expected)
    shifted = z_buffer.rasterize(uv + 0.49, depth, faces, height=4, width=5)
    np.testing.assert_array_equal(shifted.mask, expected)
    farther = z_buffer.rasterize(uv + 0.51, depth, faces, height=4, width=5)
    np.testing.assert_array_equal(farther.mask, np.roll(expected, (1, 1), (0, 1)))


def test_the_nearer_square_hides_the_farther_whatever_their_order():
    near, far = square(1.0, 3.0, 1.0), square(0.0, 4.0, 2.0)
    for first, second in ((near, far), (far, near)):
        seen = z_buffer.rasterize(
            np.concatenate([first[0], second[0]]),
            np.concatenate([first[1], second[1]]),
            np.concatenate([first[2], second[2] + 4]),
            height=4,
            width=4,
        )
        expected = np.full((4, 4), 2.0)
        expected[1:3, 1:3] = 1.0
        np.testing.assert_allclose(seen.depth, expected)


def test_depth_is_perspective_correct_on_a_tilted_plane():
    camera = cameras.Camera(
        cam_from_world=np.eye(4, dtype=np.float32), pixel_from_cam=cameras.intrinsics(20, 16, 16)
    )
    # The plane z = 2 + 0.5 x, large enough to fill the picture.
    corners = np.float32([[-3, -3, 0.5], [3, -3, 3.5], [3, 3, 3.5], [-3, 3, 0.5]])
    uv, depth = (np.asarray(x) for x in cameras.project(camera, corners))
    faces = np.array([[0, 1, 2], [0, 2, 3]])
    seen = z_buffer.rasterize(uv, depth, faces, height=16, width=16)
    slope = (np.arange(16) + 0.5 - 8) / 20
    np.testing.assert_allclose(seen.depth, np.tile(2 / (1 - 0.5 * slope), (16, 1)), rtol=1e-5)
    np.testing.assert_allclose(seen.barycentrics.sum(axis=-1), 1.0)


def test_a_sphere_covers_its_disc():
    vertices, faces = meshes.icosphere(4)
    camera = cameras.Camera(
        cam_from_world=np.eye(4, dtype=np.float32), pixel_from_cam=cameras.intrinsics(200, 128, 128)
    )
    uv, depth = cameras.project(camera, 0.4 * vertices + np.float32([0, 0, 2]))
    seen = z_buffer.rasterize(np.asarray(uv), np.asarray(depth), faces, height=128, width=128)
    # A sphere of radius r at distance z projects to a disc of radius f r / sqrt(z^2 - r^2).
    radius = 200 * 0.4 / np.sqrt(4 - 0.16)
    assert seen.mask.sum() == pytest.approx(np.pi * radius**2, rel=0.01)
    assert seen.depth[64, 64] == pytest.approx(1.6, abs=2e-3)


def test_faces_outside_behind_or_without_area_leave_no_trace():
    uv = np.array([[-9.0, -9], [-5, -9], [-5, -5], [1, 1], [3, 1], [1, 3], [2, 2], [np.nan, 0]])
    depth = np.array([1.0, 1, 1, -1, 1, 1, 1, 1])
    faces = np.array([[0, 1, 2], [3, 4, 5], [6, 6, 4], [4, 5, 7]])
    seen = z_buffer.rasterize(uv, depth, faces, height=4, width=4)
    assert not seen.mask.any()
    assert not seen.depth.any()


def test_a_render_process_need_not_wait_for_jax():
    code = "import sys, jaxrelic.geometry.z_buffer; sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
