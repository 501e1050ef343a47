"""The texture shows each place in its own colour, on both sides of every seam."""

import sys

import jax.numpy as jnp
import numpy as np
import pytest

from jaxrelic.errors import UserError
from jaxrelic.geometry import meshes, z_buffer
from jaxrelic.inference.surface import colours as surface_colours
from jaxrelic.inference.surface import texture as surface_texture
from jaxrelic.mesh_files import formats
from jaxrelic.rendering.soft import texture

RADIUS = 0.3
SETTINGS = surface_texture.TextureSettings(size=128)


@pytest.fixture(scope="module")
def ball(closed_field, ring_of_views):
    vertices, faces = meshes.icosphere(3)
    vertices = vertices * np.float32(RADIUS)
    views = ring_of_views(vertices, faces, azimuths_deg=[0, 90, 180, 270], elevation_deg=20)
    field = closed_field(
        lambda points: np.linalg.norm(points, axis=-1) - RADIUS / 0.44, views=views
    )
    mesh = meshes.Mesh(vertices=vertices, faces=faces)
    return field, surface_colours.paint(field, mesh, surface_colours.ColourSettings())


@pytest.fixture(scope="module")
def baked(ball):
    pytest.importorskip("xatlas", reason="needs the texture extra")
    field, mesh = ball
    return surface_texture.bake(field, mesh, surface_colours.ColourSettings(), SETTINGS)


def looked_up(mesh, weights):
    """Texture at one point of every face, [f, 3]."""
    uv = np.einsum("k,fkc->fc", weights, np.asarray(mesh.face_uvs))
    return np.asarray(texture.sample_texture(jnp.asarray(mesh.texture), jnp.asarray(uv)))


@pytest.mark.parametrize("weights", [[1, 0, 0], [0.05, 0.9, 0.05], [1 / 3, 1 / 3, 1 / 3]])
def test_every_face_has_the_colours_of_its_places(baked, weights):
    weights = np.float32(weights)
    place = np.einsum("k,fkc->fc", weights, baked.vertices[baked.faces])
    visible = place[:, 2] > -0.15  # Elsewhere colours come from the surroundings.
    expected = (place / 0.44 + 1) / 2
    # A texel is about 0.01 of the world, which is 0.011 of colour.
    error = np.abs(looked_up(baked, weights) - expected)[visible]
    assert error.max() < 0.03
    assert error.mean() < 0.006


def test_no_texel_of_the_surface_is_left_black(baked):
    assert looked_up(baked, np.float32([1 / 3] * 3)).min() > 0.1


def test_coordinates_stay_inside_and_the_mesh_stays_as_it_was(ball, baked):
    np.testing.assert_array_equal(baked.faces, ball[1].faces)
    np.testing.assert_array_equal(baked.vertices, ball[1].vertices)
    assert baked.vertex_colours is None
    assert baked.face_uvs.min() >= 0
    assert baked.face_uvs.max() <= 1


def test_charts_do_not_overlap(baked):
    a, b, c = np.moveaxis(np.asarray(baked.face_uvs, np.float64), 1, 0)
    areas = np.abs(np.linalg.det(np.stack([b - a, c - a], axis=-1))) / 2
    assert 0.3 < areas.sum() < 1
    height, width = baked.texture.shape[:2]
    texels = (baked.face_uvs * [width - 1, height - 1]).astype(np.float64)
    drawn = z_buffer.rasterize(
        texels.reshape(-1, 2),
        np.ones(texels.size // 2),
        np.arange(texels.size // 2).reshape(-1, 3),
        height=height,
        width=width,
    )
    covered = drawn.mask.sum() / (height - 1) / (width - 1)
    assert covered == pytest.approx(areas.sum(), rel=0.05)


def test_small_faces_are_laid_flat_like_large_ones(ball):
    """xatlas leaves out what it takes for nothing, and its corners stay where they were."""
    pytest.importorskip("xatlas", reason="needs the texture extra")
    mesh = ball[1]
    large, small = (
        surface_texture.unwrap(mesh.vertices * scale, mesh.faces, SETTINGS)
        for scale in (np.float32(1), np.float32(2**-12))
    )
    assert (large.height, large.width) == (small.height, small.width)
    np.testing.assert_allclose(small.position, large.position, atol=1e-2)


def test_charts_are_few_and_no_face_is_folded_over(ball):
    _, mesh = ball
    axis = surface_texture.choose_axes(mesh.vertices, mesh.faces)
    chart = surface_texture.number_charts(mesh.faces, axis)
    assert len(np.unique(chart)) == 6
    flat = surface_texture._seen_along(mesh.vertices[mesh.faces].astype(np.float64), axis)
    a, b, c = np.moveaxis(flat, 1, 0)
    assert (np.linalg.det(np.stack([b - a, c - a], axis=-1)) > 0).all()


def test_faces_that_share_a_corner_but_no_edge_are_two_charts():
    faces = np.array([[0, 1, 2], [2, 3, 4], [1, 0, 5], [4, 3, 6]])
    chart = surface_texture.number_charts(faces, np.array([0, 0, 0, 1]))
    assert chart[0] == chart[2]
    assert len(np.unique(chart)) == 3


@pytest.mark.parametrize("suffix", formats.SUFFIXES)
def test_a_textured_mesh_goes_into_every_format(baked, tmp_path, suffix):
    formats.write(baked, tmp_path / f"relic{suffix}")
    assert (tmp_path / f"relic{suffix}").stat().st_size > 1000


def test_without_xatlas_one_line_says_what_to_do(ball, monkeypatch):
    monkeypatch.setitem(sys.modules, "xatlas", None)
    field, mesh = ball
    with pytest.raises(UserError, match=r"jaxrelic\[texture\]"):
        surface_texture.bake(field, mesh, surface_colours.ColourSettings(), SETTINGS)
