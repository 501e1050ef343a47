"""Meshes seen by posed cameras."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrelic.geometry import cameras, meshes
from jaxrelic.rendering.soft_rasterizer import RasterSettings
from jaxrelic.rendering.views import project_to_ndc, render_views

SIZE = 16


def orbit_cameras(num_views, height=SIZE, width=SIZE):
    azimuth = jnp.linspace(0.3, 2.0, num_views)
    zero = jnp.zeros(num_views)
    pose = cameras.orbit(
        azimuth, zero + 0.4, zero, jnp.tile(jnp.array([0.0, 0, 1.2]), (num_views, 1))
    )
    pixel_from_cam = cameras.intrinsics(280 * SIZE / 256, width, height)
    return cameras.Camera(pose, jnp.broadcast_to(pixel_from_cam, (num_views, 3, 3)))


def textured_sphere(batch, texture_size=8):
    directions, faces = meshes.icosphere(1)
    texture = jax.random.uniform(jax.random.key(0), (batch, texture_size, texture_size, 3))
    return meshes.Mesh(
        vertices=jnp.stack([0.4 * s * directions for s in np.linspace(1, 0.7, batch)]),
        faces=faces,
        face_uvs=meshes.sphere_uv(directions)[faces].astype(np.float32),
        texture=texture,
    )


def per_item(camera, batch):
    return jax.tree.map(lambda x: jnp.broadcast_to(x, (batch, *x.shape)), camera)


@pytest.fixture(scope="module")
def views():
    return jax.jit(lambda mesh, camera: render_views(mesh, camera, image_size=SIZE))(
        textured_sphere(2), per_item(orbit_cameras(3), 2)
    )


def test_every_mesh_is_seen_by_every_one_of_its_cameras(views):
    assert views.rgb.shape == (2, 3, SIZE, SIZE, 3)
    assert views.alpha.shape == views.depth.shape == (2, 3, SIZE, SIZE)
    assert views.dropped.shape == (2, 3)


def test_views_are_composited_over_the_background(views):
    empty = np.asarray(views.alpha) == 0
    assert empty.any()
    np.testing.assert_array_equal(np.asarray(views.rgb)[empty], 1.0)


def test_the_centre_of_a_sphere_lies_a_radius_nearer_than_its_middle(views):
    # The level-1 icosphere's faces cut up to 6 % of the radius off.
    depth = np.asarray(views.depth)[0, :, SIZE // 2, SIZE // 2]
    assert (depth > 0.8 - 1e-3).all()
    assert (depth < 0.85).all()
    np.testing.assert_array_equal(np.asarray(views.depth)[np.asarray(views.alpha) == 0], 0.0)


def test_ndc_is_the_pixel_the_camera_projects_to():
    camera = orbit_cameras(1, height=SIZE, width=2 * SIZE)
    point = jnp.array([[[0.1, -0.2, 0.15]]])
    ndc = project_to_ndc(point, camera, SIZE, 2 * SIZE)
    uv, depth = cameras.project(camera, point)
    np.testing.assert_allclose((ndc[..., 0] + 1) * SIZE, uv[..., 0], rtol=1e-5)
    np.testing.assert_allclose((1 - ndc[..., 1]) * SIZE / 2, uv[..., 1], rtol=1e-5)
    np.testing.assert_array_equal(ndc[..., 2], depth)


def test_a_wide_image_shows_the_square_one_in_its_middle():
    camera, wide = orbit_cameras(1), orbit_cameras(1, width=2 * SIZE)
    mesh = textured_sphere(1)
    # Lengths are in NDC of the longer side, which spans twice as many pixels here.
    half, same = RasterSettings(sigma=0.25e-4), RasterSettings(sigma=1e-4)
    square = render_views(mesh, per_item(camera, 1), image_size=SIZE, settings=same)
    wide = render_views(mesh, per_item(wide, 1), image_size=(SIZE, 2 * SIZE), settings=half)
    middle = wide.alpha[..., SIZE // 2 : 3 * SIZE // 2]
    np.testing.assert_allclose(middle, square.alpha, atol=1e-4)


def test_a_mesh_without_colours_is_refused_with_the_remedy():
    mesh = textured_sphere(1).replace(texture=None)
    with pytest.raises(ValueError, match="give it vertex_colours"):
        render_views(mesh, per_item(orbit_cameras(1), 1), image_size=SIZE)
