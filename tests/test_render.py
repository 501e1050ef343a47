"""The public `render`, as people call it at a prompt."""

import textwrap

import jax
import numpy as np
import pytest

import jaxrelic
from jaxrelic import api as module
from jaxrelic.geometry import cameras, meshes

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
