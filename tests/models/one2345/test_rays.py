import jax
import jax.numpy as jnp
import numpy as np
import one2345_specification as specification
import pytest

from jaxrelic.geometry import cameras
from jaxrelic.models.one2345 import rays

PIXELS = np.array([[3, 7], [16, 15], [30, 1]])
pixel_rays = jax.jit(rays.pixel_rays, static_argnames=("pixel_centre", "limits"))


@pytest.fixture(scope="module")
def camera():
    cam_from_world, pixel_from_cam = specification.cameras()
    return cameras.Camera(np.float32(cam_from_world[0]), np.float32(pixel_from_cam[0]))


@pytest.mark.parametrize("centre", [0.0, 0.5])
def test_points_of_a_ray_project_to_its_pixel(camera, centre):
    found = pixel_rays(camera, PIXELS, pixel_centre=centre, limits="cube")
    for t in (0.4, 2.0):
        uv, _ = cameras.project(camera, found.origins + t * found.directions)
        np.testing.assert_allclose(uv[:, ::-1], PIXELS + centre, atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(found.directions, axis=-1), 1, rtol=1e-5)


def test_rays_enter_and_leave_the_cube_at_its_faces(camera):
    found = jax.tree.map(np.asarray, pixel_rays(camera, PIXELS, pixel_centre=0.5, limits="cube"))
    at_origin = np.all(np.abs(found.origins) <= 1, axis=-1)
    for t, reached in ((found.near, ~at_origin), (found.far, True)):
        points = found.origins + t[:, None] * found.directions
        on_face = np.isclose(np.max(np.abs(points), axis=-1), 1, atol=1e-4)
        assert np.all(on_face | ~np.broadcast_to(reached, 3))
    away = rays.cube_limits(
        np.array([[3.0, 0, 0]], np.float32), np.array([[0, 1.0, 0]], np.float32)
    )
    assert 0 < away[0][0] < away[1][0]
    np.testing.assert_allclose(away[1] - away[0], rays.MIN_LENGTH, rtol=1e-2)


def test_three_quarters_of_the_pixels_lie_in_the_mask():
    mask = np.zeros((16, 16), bool)
    mask[3:5, 7:9] = True
    choose = jax.jit(rays.choose_pixels, static_argnums=2)
    pixels = np.asarray(choose(jax.random.key(0), mask, 64))
    inside = mask[pixels[:, 0], pixels[:, 1]]
    assert np.all(inside[16:])
    assert inside[:16].mean() < 0.5
    assert len({tuple(pixel) for pixel in pixels[16:]}) == 4
    empty = np.asarray(choose(jax.random.key(0), np.zeros((16, 16), bool), 64))
    assert np.all((empty >= 0) & (empty < 16))


def test_planar_depth_becomes_distance_along_the_ray(camera):
    found = pixel_rays(camera, PIXELS, pixel_centre=0.5, limits="cube")
    planar = np.zeros((32, 32), np.float32)
    planar[PIXELS[:, 0], PIXELS[:, 1]] = [0.7, 1.1, 0.0]
    image = np.random.default_rng(0).random((32, 32, 3), np.float32)
    target = rays.read_targets(
        image, np.float32(planar > 0), planar, camera.pixel_from_cam, jnp.asarray(PIXELS)
    )
    points = found.origins + target.depth[:, None] * found.directions
    _, depth = cameras.project(camera, points)
    np.testing.assert_allclose(depth, [0.7, 1.1, 0.0], atol=1e-5)
    np.testing.assert_array_equal(target.mask, [1, 1, 0])
    np.testing.assert_array_equal(target.rgb, image[PIXELS[:, 0], PIXELS[:, 1]])
