"""Silhouettes, normals and face indices: what a mesh shows besides its colours."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrelic.geometry import cameras, meshes, z_buffer
from jaxrelic.rendering import views as drawing
from jaxrelic.rendering.soft_rasterizer import (
    CornerColours,
    RasterSettings,
    nearest_face,
    soft_rasterize,
    soft_silhouette,
)

SIZE = (12, 20)
SOFT = RasterSettings(sigma=3e-3)
RADIUS, DISTANCE = 0.4, 1.2


def random_faces(*batch, faces=9):
    rng = np.random.default_rng(0)
    centres = rng.uniform(-1, 1, (*batch, faces, 1, 2))
    corners = centres + rng.normal(0, 0.5, (*batch, faces, 3, 2))
    depth = rng.uniform(1, 3, (*batch, faces, 3, 1))
    return np.concatenate([corners, depth], axis=-1).astype(np.float32)


@pytest.mark.parametrize("path", ["dense", "fast"])
def test_a_silhouette_is_the_alpha_of_the_image_and_so_is_its_gradient(path):
    faces = random_faces(2, 3)
    pull = np.random.default_rng(1).uniform(-1, 1, (2, 3, *SIZE)).astype(np.float32)

    def alone(faces):
        alpha = soft_silhouette(faces, image_size=SIZE, settings=SOFT, path=path)
        return jnp.sum(alpha * pull), alpha

    def coloured(faces):
        colours = CornerColours(jnp.ones_like(faces))
        image = soft_rasterize(faces, colours, image_size=SIZE, settings=SOFT, path="dense")
        return jnp.sum(image.alpha * pull), image.alpha

    gradient, alpha = jax.jit(jax.grad(alone, has_aux=True))(faces)
    expected, expected_alpha = jax.jit(jax.grad(coloured, has_aux=True))(faces)
    np.testing.assert_allclose(alpha, expected_alpha, atol=2e-6)
    np.testing.assert_allclose(gradient, expected, atol=1e-5 * np.abs(expected).max())


def to_pixels(faces):
    """Corners as the z-buffer wants them: one vertex each, in pixels, y down."""
    height, width = SIZE
    uv = (faces[..., :2] * [1, -1] + 1) / 2 * [width, height]
    count = len(faces)
    return uv.reshape(-1, 2), faces[..., 2].reshape(-1), np.arange(3 * count).reshape(-1, 3)


def test_the_nearest_face_is_the_one_an_exact_z_buffer_finds():
    faces = random_faces(2, 2)
    index = nearest_face(faces, image_size=SIZE)
    assert index.dtype == jnp.int32
    for item in np.ndindex(2, 2):
        uv, depth, corners = to_pixels(faces[item].astype(np.float64))
        seen = z_buffer.rasterize(uv, depth, corners, height=SIZE[0], width=SIZE[1])
        np.testing.assert_array_equal(index[item], seen.face)
        assert len(np.unique(seen.face)) > 4


def test_the_nearest_face_keeps_its_rank_when_faces_are_reordered():
    faces = random_faces(2)
    order = np.random.default_rng(2).permutation(faces.shape[1])
    before, after = (nearest_face(x, image_size=SIZE) for x in (faces, faces[:, order]))
    named = np.where(np.asarray(after) < 0, -1, order[after])
    np.testing.assert_array_equal(named, before)


WHOLE = np.array([[-9, -9, 2], [9, -9, 2], [0, 20, 2]], np.float32)


def test_of_equally_near_faces_the_first_is_seen_and_of_absent_ones_none():
    behind_camera, beyond = WHOLE * np.float32([1, 1, -1]), WHOLE * np.float32([1, 1, 100])
    scenes = [[behind_camera, beyond, WHOLE, WHOLE], [behind_camera, beyond] * 2]
    index = nearest_face(np.array(scenes), image_size=3)
    np.testing.assert_array_equal(index, np.stack([np.full((3, 3), 2), np.full((3, 3), -1)]))
    nothing = np.zeros((0, 3, 3), np.float32)
    np.testing.assert_array_equal(nearest_face(nothing, image_size=3), np.full((3, 3), -1))


@pytest.fixture(scope="module")
def sphere():
    """A ball with two cameras, in the shape `render_views` takes."""
    vertices, faces = meshes.icosphere(3)
    zero = np.zeros(2, np.float32)
    pose = cameras.orbit(
        np.float32([0.3, 2.0]), zero + 0.4, zero, np.tile(np.float32([0, 0, DISTANCE]), (2, 1))
    )
    matrix = np.broadcast_to(cameras.intrinsics(35, 32, 32), (2, 3, 3))
    camera = jax.tree.map(lambda x: jnp.asarray(x)[None], cameras.Camera(pose, matrix))
    return meshes.Mesh(vertices=RADIUS * vertices[None], faces=faces), camera


@pytest.fixture(scope="module")
def normals(sphere):
    mesh, camera = sphere
    draw = functools.partial(drawing.render_normals, mesh, camera, image_size=32)
    return {frame: np.asarray(draw(frame=frame).rgb) for frame in ("camera", "world")}


def test_normals_of_a_ball_point_away_from_its_centre(sphere, normals):
    mesh, camera = sphere
    face = np.asarray(drawing.render_face_index(mesh, camera, image_size=32))
    seen = face >= 0
    middle = np.asarray(meshes.face_vertices(mesh.vertices, mesh.faces)).mean(axis=-2)[0]
    outward = middle / np.linalg.norm(middle, axis=-1, keepdims=True)
    cosine = np.sum(normals["world"] * outward[face], axis=-1)[seen]
    assert seen.sum() > 500
    # Corners of a face lie 5 degrees from its middle; at the rim the far side mixes in.
    assert cosine.min() > np.cos(np.deg2rad(11))
    assert np.median(cosine) > np.cos(np.deg2rad(4))
    assert (normals["camera"][seen][:, 2] < 0.15).all()


def test_normals_have_unit_length_where_there_is_a_surface_and_none_elsewhere(sphere, normals):
    alpha = np.asarray(drawing.render_silhouettes(*sphere, image_size=32))
    for image in normals.values():
        length = np.linalg.norm(image, axis=-1)
        np.testing.assert_allclose(length[alpha > 0.01], 1, atol=1e-5)
        np.testing.assert_array_equal(length[alpha == 0], 0)


def test_the_two_frames_differ_by_the_rotation_of_the_camera(sphere, normals):
    rotation = np.asarray(sphere[1].cam_from_world)[..., :3, :3]
    turned = np.einsum("bnij,bnhwj->bnhwi", rotation, normals["world"])
    np.testing.assert_allclose(turned, normals["camera"], atol=1e-5)


def test_the_gradient_of_a_normals_image_is_that_of_the_normals(sphere):
    """One face over the whole image: every pixel shows the same normal."""
    camera = jax.tree.map(lambda x: x[:, :1], sphere[1])
    pull = np.float32([0.3, -0.5, 0.8])
    corners = np.float32([[0, -1.5, -1], [0.1, 1.5, -1], [0.05, 0, 1.6]])
    face = np.array([[0, 1, 2]])

    def shown(vertices):
        mesh = meshes.Mesh(vertices=vertices[None], faces=face)
        image = drawing.render_normals(mesh, camera, image_size=4, frame="world")
        return jnp.mean(image.rgb @ pull)

    def meant(vertices):
        return meshes.vertex_normals(vertices, face)[0] @ pull

    gradient, expected = jax.jit(jax.grad(shown))(corners), jax.grad(meant)(corners)
    np.testing.assert_allclose(gradient, expected, atol=1e-5 * np.abs(expected).max())
