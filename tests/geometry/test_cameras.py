"""Cameras: the published poses, projection round trips, and what crops and resizes do."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from places import SHARED_DATA

from jaxrelic.geometry import cameras, transforms

POSES = SHARED_DATA / "poses" / "One2345_training_pose.json"
RNG = np.random.default_rng(0)
ANCHORS_DEG = [(30, 300), (30, 30), (30, 120), (30, 210), (0, 330), (0, 60), (0, 150), (0, 240)]
NEIGHBOURS_DEG = [(10, 0), (-10, 0), (0, -10), (0, 10)]


def camera(azimuth=0.3, elevation=0.4, roll=0.2, radius=1.2):
    cam_from_world = cameras.orbit(
        *(jnp.float32(angle) for angle in (azimuth, elevation, roll)),
        jnp.asarray([0.0, 0.0, radius], jnp.float32),
    )
    return cameras.Camera(
        cam_from_world=cam_from_world, pixel_from_cam=jnp.asarray(cameras.intrinsics(280, 256, 256))
    )


def test_orbit_reproduces_the_forty_published_poses():
    if not POSES.exists():
        pytest.skip(f"no {POSES.name} beside this checkout; place shared/data next to it")
    published = np.array(list(json.loads(POSES.read_text())["c2ws"].values()))
    degrees = [*ANCHORS_DEG]
    degrees += [(e + de, a + da) for e, a in ANCHORS_DEG for de, da in NEIGHBOURS_DEG]
    elevation, azimuth = np.float32(np.deg2rad(degrees)).T
    translation = np.tile(np.float32([0, 0, 1.2]), (40, 1))
    ours = cameras.orbit(azimuth, elevation, np.zeros_like(azimuth), translation)
    np.testing.assert_allclose(ours, cameras.cam_from_world_from_blender(published), atol=1e-6)


def test_a_blender_camera_looks_down_its_negative_z():
    world_from_cam = np.eye(4)
    world_from_cam[:3, 3] = [0, 0, 5]
    cam_from_world = cameras.cam_from_world_from_blender(world_from_cam)
    # A point five units ahead, one up and one to the right: x right, y down, z forward.
    np.testing.assert_allclose(cam_from_world @ [1, 1, 0, 1], [1, -1, 5, 1])


def test_the_world_origin_projects_to_the_centre_at_the_orbit_radius():
    uv, depth = cameras.project(camera(), jnp.zeros((1, 3)))
    np.testing.assert_allclose(uv, [[128, 128]], atol=1e-4)
    np.testing.assert_allclose(depth, [1.2], rtol=1e-6)


def test_up_in_the_world_is_up_in_the_picture_without_roll():
    uv, _ = cameras.project(camera(roll=0.0), jnp.asarray([[0, 0, 0], [0, 0, 0.2]]))
    assert uv[1, 1] < uv[0, 1]
    np.testing.assert_allclose(uv[1, 0], uv[0, 0], atol=1e-4)


def test_roll_turns_the_camera_about_its_axis():
    level, rolled = camera(roll=0.0), camera(roll=0.5)
    turn = transforms.compose(rolled.cam_from_world, transforms.invert_rigid(level.cam_from_world))
    c, s = np.cos(0.5), np.sin(0.5)
    np.testing.assert_allclose(turn[:3, :3], [[c, -s, 0], [s, c, 0], [0, 0, 1]], atol=1e-6)


def test_unproject_undoes_project():
    points = jnp.float32(RNG.uniform(-0.4, 0.4, size=(7, 3)))
    uv, depth = cameras.project(camera(), points)
    np.testing.assert_allclose(cameras.unproject(camera(), uv, depth), points, atol=1e-5)


def test_projection_stays_finite_at_and_behind_the_camera():
    posed = camera()
    centre = transforms.invert_rigid(posed.cam_from_world)[:3, 3]
    points = jnp.stack([centre, 2 * centre])
    uv, depth = cameras.project(posed, points)
    assert jnp.isfinite(uv).all()
    assert depth[1] < 0
    grads = jax.grad(lambda p: jnp.sum(cameras.project(posed, p)[0]))(points)
    assert jnp.isfinite(grads).all()


def test_cropped_and_resized_pixels_still_belong_to_their_points():
    points = jnp.float32(RNG.uniform(-0.3, 0.3, size=(6, 3)))
    posed = camera()
    uv, _ = cameras.project(posed, points)
    cropped = cameras.crop_intrinsics(np.asarray(posed.pixel_from_cam), 40.0, 12.5)
    resized = cameras.resize_intrinsics(cropped, 0.25, 0.5)
    after, _ = cameras.project(posed.replace(pixel_from_cam=jnp.asarray(resized)), points)
    np.testing.assert_allclose(after, (np.asarray(uv) - [40, 12.5]) * [0.25, 0.5], atol=1e-4)
    assert resized.dtype == np.float32


def test_the_default_field_of_view_is_that_of_the_published_cameras():
    matrix = cameras.intrinsics(280, 256, 256)
    assert 2 * np.rad2deg(np.arctan(128 / matrix[0, 0])) == pytest.approx(49.134, abs=1e-3)
