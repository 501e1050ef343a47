"""The public `render`, as people call it at a prompt."""

import textwrap

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxrelic
from jaxrelic import api as module
from jaxrelic.errors import UserError
from jaxrelic.geometry import cameras, meshes
from jaxrelic.mesh_files import glb_writer
from jaxrelic.rendering import native, views
from jaxrelic.rendering.soft_rasterizer import (
    CornerColours,
    RasterSettings,
    soft_rasterize,
    soft_silhouette,
)

SIZE = 32


def ball(**colours):
    vertices, faces = meshes.icosphere(2)
    return meshes.Mesh(vertices=0.4 * vertices, faces=faces, **colours)


@pytest.fixture
def camera():
    pose = cameras.orbit(
        *(np.array(x, np.float32) for x in (0.3, 0.4, 0.0)), np.float32([0, 0, 1.2])
    )
    return cameras.Camera(cam_from_world=pose, pixel_from_cam=cameras.intrinsics(35, SIZE, SIZE))


def test_normals_and_faces_come_with_the_picture_when_asked_for(camera):
    mesh = ball(vertex_colours=np.full((162, 3), 0.5, np.float32))
    image = jaxrelic.render(mesh, camera, image_size=SIZE, normals="camera", face_index=True)
    assert image.normals.shape == image.rgb.shape == (SIZE, SIZE, 3)
    assert image.face_index.shape == image.alpha.shape == (SIZE, SIZE)
    centre = SIZE // 2, SIZE // 2
    assert image.normals[centre][2] < -0.95
    corners = mesh.vertices[mesh.faces[image.face_index[centre]]]
    depth = (corners @ np.asarray(camera.cam_from_world)[2, :3] + 1.2).mean()
    assert depth == pytest.approx(float(image.depth[centre]), abs=0.02)
    assert image.face_index[0, 0] == -1
    plain = jaxrelic.render(mesh, camera, image_size=SIZE)
    assert plain.normals is None
    assert plain.face_index is None
    np.testing.assert_array_equal(plain.rgb, image.rgb)


def test_a_mesh_without_colours_is_clay_lit_from_the_upper_left(camera):
    image = jaxrelic.render(ball(), camera, image_size=SIZE, background=(0.0, 0.0, 1.0))
    rgb = np.asarray(image.rgb)
    np.testing.assert_allclose(rgb[0, 0], [0, 0, 1])
    assert rgb[11, 12].sum() > 1.3 * rgb[21, 20].sum()
    red, green, blue = rgb[16, 16]
    assert red > green > blue > 0.2


def test_clay_can_be_fitted_to_a_picture(camera):
    def darkness(vertices):
        mesh = meshes.Mesh(vertices=vertices, faces=ball().faces)
        return -jaxrelic.render(mesh, camera, image_size=SIZE).rgb.mean()

    gradient = jax.jit(jax.grad(darkness))(ball().vertices)
    assert np.isfinite(gradient).all()
    # The clay is darker than the white behind it: growing darkens the picture.
    assert np.sum(gradient * ball().vertices) > 0


def test_the_example_of_the_documentation_runs():
    lines = [line for line in module.__doc__.splitlines() if line.startswith("    ")]
    names = {"jaxrelic": jaxrelic, "meshes": meshes, "cameras": cameras, "np": np}
    exec(textwrap.dedent("\n".join(lines)), names)  # noqa: S102 - our own words
    image = names["image"]
    shown = (image.rgb, image.alpha, image.depth, image.normals, image.face_index)
    assert {x.shape[:2] for x in shown} == {(64, 64)}
    # The camera is 1.2 from a ball of radius 0.4 whose nearest point faces it.
    assert float(image.depth[32, 32]) == pytest.approx(0.8, abs=0.01)
    np.testing.assert_allclose(image.normals[32, 32], [0, 0, -1], atol=0.1)


def test_a_picture_may_be_wider_than_it_is_high(camera):
    """The wide one shows the square one in its middle, with more background on both sides."""
    square = jaxrelic.render(ball(), camera, image_size=SIZE, normals="world", face_index=True)
    moved = np.array([[1, 0, SIZE / 2], [0, 1, 0], [0, 0, 1]], np.float32) @ camera.pixel_from_cam
    wide = camera.replace(pixel_from_cam=moved)
    image = jaxrelic.render(
        ball(), wide, image_size=(SIZE, 2 * SIZE), normals="world", face_index=True
    )
    assert image.rgb.shape == image.normals.shape == (SIZE, 2 * SIZE, 3)
    middle = slice(SIZE // 2, 3 * SIZE // 2)
    for name in ("rgb", "alpha", "depth"):
        np.testing.assert_allclose(
            getattr(image, name)[:, middle], getattr(square, name), atol=2e-3
        )
    np.testing.assert_array_equal(image.face_index[:, middle], square.face_index)
    assert not np.asarray(image.alpha)[:, [0, -1]].any()
    half = jaxrelic.render(ball(), wide, image_size=(SIZE // 2, SIZE), camera_size=(SIZE, 2 * SIZE))
    smaller = np.asarray(image.alpha).reshape(SIZE // 2, 2, SIZE, 2).mean(axis=(1, 3))
    assert np.abs(half.alpha - smaller).mean() < 0.03


@pytest.mark.parametrize("size", [0, (8,), (8, -2), 8.5])
def test_what_is_no_size_is_refused(camera, size):
    with pytest.raises(ValueError, match="give whole pixels"):
        jaxrelic.render(ball(), camera, image_size=size)


@pytest.mark.parametrize("index", [162, -1])
def test_a_face_of_no_vertex_is_refused(camera, index):
    faces = np.array(ball().faces)
    faces[7, 1] = index
    broken = ball().replace(faces=faces)
    with pytest.raises(UserError, match=r"1 faces with an index out of range \(first: face 7"):
        jaxrelic.render(broken, camera, image_size=SIZE)
    with pytest.raises(UserError, match="index out of range"):
        glb_writer.to_trimesh(broken)


@pytest.mark.parametrize(("size", "level"), [(64, 3), (64, 5), (256, 4), (1024, 4)])
def test_a_ball_has_its_radius_within_half_a_pixel_at_every_size(size, level):
    vertices, faces = meshes.icosphere(level)
    pose = cameras.orbit(*np.float32([[0.5], [0.3], [0.0]]), np.float32([[0, 0, 1.2]]))[0]
    lens = cameras.intrinsics(280 / 256 * size, size, size)
    batch = meshes.Mesh(vertices=0.4 * vertices[None], faces=faces)
    seen_by = cameras.Camera(pose[None, None], lens[None, None])
    alpha = np.asarray(views.render_silhouettes(batch, seen_by, image_size=size))[0, 0]
    true = lens[0, 0] * 0.4 / np.sqrt(1.2**2 - 0.4**2)
    for covered in (alpha.sum(), (alpha > 0.5).sum()):
        assert np.sqrt(covered / np.pi) == pytest.approx(true, abs=0.5)


def test_a_sigma_for_small_pictures_is_warned_of_in_large_ones(camera, caplog):
    soft = RasterSettings(sigma=1e-4)
    jaxrelic.render(ball(), camera, image_size=SIZE, settings=soft)
    jaxrelic.render(ball(), camera, image_size=512, camera_size=SIZE)
    assert not caplog.records
    jaxrelic.render(ball(), camera, image_size=512, camera_size=SIZE, settings=soft)
    assert "sigma 0.0001 blurs edges by 2.6 px in a picture of 512 px" in caplog.text


@pytest.mark.parametrize("path", ["dense", "fast", "native"])
def test_gradients_are_finite_at_sigma_0(camera, path):
    """Also where a pixel centre lies on an edge, and through every implementation."""
    corners = np.float32([[[-0.5, -0.5, 2], [0.5, -0.5, 2], [0, 0.625, 2.5]]])
    hard = RasterSettings(sigma=0.0)
    colours = CornerColours(np.float32([[[1, 0, 0], [0, 1, 0], [0, 0, 1]]]))
    if path == "native" and native.unavailable(RasterSettings(), np.dtype(np.float32)):
        pytest.skip("the native rasterizer was not built")

    def shown(corners):
        image = soft_rasterize(corners, colours, image_size=16, settings=hard, path=path)
        return image.alpha.sum() + image.rgb.sum() + image.depth.sum(), image.alpha

    (_, alpha), slope = jax.value_and_grad(shown, has_aux=True)(jnp.asarray(corners))
    assert np.isfinite(slope).all()
    assert set(np.unique(np.asarray(alpha).round(3))) <= {0, 0.5, 1}
    traced = jax.jit(
        lambda sigma: soft_silhouette(corners, image_size=16, settings=RasterSettings(sigma=sigma))
    )
    np.testing.assert_allclose(traced(0.0), alpha, atol=1e-3)
    with pytest.raises(ValueError, match="sigma is -1"):
        soft_silhouette(corners, image_size=16, settings=RasterSettings(sigma=-1.0))
