"""Fields of a tiny network: the same as the network asked directly, whatever the number."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrelic.data import posed_view, synthetic
from jaxrelic.data.view_sets.posed_views import PosedViews
from jaxrelic.geometry import cameras
from jaxrelic.geometry.image_crops import OPAQUE
from jaxrelic.inference.one2345 import _programs
from jaxrelic.models.one2345 import rays, render
from jaxrelic.models.one2345.model import One2345

SIDE = 24


def posed_views(record, indices, size=SIDE):
    views = [posed_view.resize(posed_view.decode_view(record, i), size) for i in indices]
    alpha = np.stack([view.rgba[..., 3] for view in views])
    return PosedViews(
        rgb=np.stack([view.rgba[..., :3] for view in views]) + 1 - alpha[..., None],
        mask=alpha,
        camera=cameras.Camera(
            cam_from_world=np.stack([view.cam_from_world for view in views]),
            pixel_from_cam=np.stack([view.pixel_from_cam for view in views]),
        ),
        names=tuple(f"view {i}" for i in indices),
    )


RELIC = synthetic.SyntheticRelics(num_relics=1, num_views=6, image_size=48)[0]


@pytest.fixture(scope="module")
def field(one2345_predictor):
    return one2345_predictor.read(posed_views(RELIC, [0, 1, 2, 4]))


@pytest.fixture(scope="module")
def points():
    return np.random.default_rng(1).uniform(-0.8, 0.8, (1001, 3)).astype(np.float32)


def quick(function):
    """Compiled for one use: optimising would cost more than it saves."""
    return jax.jit(function, compiler_options={"xla_backend_optimization_level": 0})


def directly(field, points, method, *rest):
    apply = quick(lambda *x: One2345(field.config).apply(*x, method=method))
    return apply(field.variables, field.encoded, points, *rest)


def rays_of(field, camera, pixels):
    return rays.pixel_rays(
        field.cube.cameras(camera), pixels, pixel_centre=0.5, limits=field.config.ray_limits
    )


def drawn_directly(field, chosen):
    draw = quick(lambda *x: render.render_rays(One2345(field.config), *x))
    return draw(field.variables, field.encoded, chosen)


def test_distances_of_more_points_than_a_block_are_those_of_the_network(field, points):
    expected = directly(field, points, "sdf")[0]
    assert np.ptp(expected) > 0.05
    np.testing.assert_allclose(field.distances(points), expected, atol=1e-5)


def test_no_points_have_no_distances_normals_and_colours(field):
    none = np.zeros((0, 3), np.float32)
    assert field.distances(none).shape == (0,)
    assert field.normals(none).shape == (0, 3)
    assert field.known(none).shape == (0,)
    rgb, visible = field.colours(none, none)
    assert (rgb.shape, visible.shape) == ((0, 3), (4, 0))


def test_normals_are_unit_and_point_where_the_distance_grows(field, points):
    normals = field.normals(points)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=-1), 1, atol=1e-5)
    step = np.float32(2e-3)
    there, back = (field.distances(points + sign * step * normals) for sign in (1, -1))
    # Trilinear cells have kinks: a few points lie at one.
    assert np.mean(there > back) > 0.98


def test_a_point_is_known_where_its_voxel_is_active(field):
    axis = np.linspace(-1, 1, field.config.volume_size, dtype=np.float32)
    nodes = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)
    known = field.known(nodes.reshape(-1, 3)).reshape(nodes.shape[:3])
    np.testing.assert_array_equal(known, field.encoded.active)
    assert 0 < known.mean() < 1


def test_colours_use_the_normal_in_place_of_the_direction_to_a_camera(field, points):
    normals = field.normals(points)
    rgb, visible = field.colours(points, normals)
    expected, expected_visible = directly(field, points, "blend", normals)
    np.testing.assert_allclose(rgb, expected, atol=1e-5)
    np.testing.assert_array_equal(visible, expected_visible)
    assert 0 < visible.mean() < 1
    assert np.abs(rgb - field.colours(points, -normals)[0]).max() > 1e-4


@pytest.fixture(scope="module")
def camera():
    return jax.tree.map(lambda x: jnp.asarray(x[3]), posed_views(RELIC, range(6)).camera)


def test_a_drawn_picture_is_that_of_its_rays_and_its_depth_is_planar(field, camera):
    drawn = field.draw(camera, SIDE)
    chosen = rays_of(field, camera, np.mgrid[:SIDE, :SIDE].reshape(2, -1).T)
    expected = drawn_directly(field, chosen)
    # Where a sample falls into a voxel or beside it is decided by rounding, for a ray or two.
    assert np.mean(np.abs(drawn.mask.reshape(-1) - expected.opacity) < 1e-4) > 0.99
    near = np.abs(drawn.rgb.reshape(-1, 3) - expected.rgb).max(axis=-1) < 1e-4
    assert near.mean() > 0.99
    covered = np.asarray(expected.opacity) >= OPAQUE
    assert 0.02 < covered.mean() < 0.98
    distance = np.asarray(expected.depth / expected.opacity)[:, None]
    surface = np.asarray(chosen.origins + chosen.directions * distance)
    _, depth = cameras.project(camera, np.asarray(field.cube.to_world(surface)))
    difference = np.abs(drawn.depth.reshape(-1) - np.where(covered, depth, 0))
    assert np.mean(difference < 1e-4) > 0.99


def test_a_hidden_view_gives_no_colour(field, points):
    normals = field.normals(points)
    hidden = np.zeros((4, len(points)), bool)
    hidden[0] = True
    _, visible = field.colours(points, normals, hidden=hidden)
    np.testing.assert_array_equal(visible, field.colours(points, normals)[1] & ~hidden)
    maps = field.encoded.maps.at[0, ..., :3].set(np.float32([1, 0, 0]))
    painted = dataclasses.replace(field, encoded=field.encoded.replace(maps=maps))
    np.testing.assert_array_equal(
        painted.colours(points, normals, hidden=hidden)[0],
        field.colours(points, normals, hidden=hidden)[0],
    )
    assert (
        np.abs(painted.colours(points, normals)[0] - field.colours(points, normals)[0]).max() > 0.1
    )


def test_turning_the_world_turns_the_normals_and_leaves_the_picture(
    one2345_predictor, field, camera
):
    turn = np.eye(4, dtype=np.float32)
    turn[:3, :3] = [[0, -0.8, -0.6], [1, 0, 0], [0, -0.6, 0.8]]

    def turned(camera):
        return camera.replace(cam_from_world=camera.cam_from_world @ turn.T)

    cube = field.cube.replace(world_from_cube=turn @ field.cube.world_from_cube)
    views = dataclasses.replace(field.views, camera=turned(field.views.camera))
    there, here = (
        one2345_predictor.read(views, cube=cube).draw(turned(camera), SIDE),
        field.draw(camera, SIDE),
    )
    same = np.abs(there.rgb - here.rgb).max(axis=-1) < 1e-4
    assert same.mean() > 0.98
    assert np.abs(here.normals).max() > 0.03
    np.testing.assert_allclose(there.normals[same], here.normals[same] @ turn[:3, :3].T, atol=1e-4)


def test_another_relic_and_other_weights_compile_nothing_anew(one2345_predictor, field, points):
    programs = _programs(field.config)
    other = dataclasses.replace(
        one2345_predictor, variables=jax.tree.map(np.negative, one2345_predictor.variables)
    )
    before = field.distances(points[:10])
    compiled = programs.encode._cache_size(), programs.distances._cache_size()
    assert np.abs(other.read(field.views).distances(points[:10]) - before).max() > 1e-3
    assert (programs.encode._cache_size(), programs.distances._cache_size()) == compiled


def test_views_of_another_size_are_refused_with_both_sizes(one2345_predictor):
    with pytest.raises(ValueError, match=r"views are 20 px a side, this network reads 24"):
        one2345_predictor.read(posed_views(RELIC, [0, 1], size=20))
