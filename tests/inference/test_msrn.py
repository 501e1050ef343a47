"""One photograph to a mesh, a camera and pictures."""

import dataclasses
import json

import jax.numpy as jnp
import numpy as np
import PIL.Image
import pytest

import jaxrelic
from jaxrelic.geometry import cameras, meshes
from jaxrelic.inference import previews

SPHERE = meshes.icosphere(2)


@pytest.fixture
def reconstruction(predictor, disc_photo):
    return jaxrelic.reconstruct(disc_photo, predictor)


def test_the_answer_is_one_textured_mesh_and_one_camera(reconstruction):
    assert reconstruction.mesh.vertices.shape == (42, 3)
    assert reconstruction.mesh.texture.shape == (8, 8, 3)
    assert reconstruction.mesh.face_uvs.shape == (80, 3, 2)
    assert reconstruction.camera.cam_from_world.shape == (4, 4)
    assert reconstruction.image.shape == (32, 32, 3)


def test_the_camera_is_the_most_probable_candidate(predictor, reconstruction):
    output = predictor.predict(reconstruction.image[None])
    best = int(np.argmax(output.pose_logits[0]))
    np.testing.assert_array_equal(
        reconstruction.camera.cam_from_world, output.cam_from_world[0, best]
    )


def test_the_camera_of_the_photograph_sees_the_mesh_where_the_network_saw_it(reconstruction):
    result = reconstruction
    points = np.float32(np.asarray(result.mesh.vertices)[:50])
    uv, _ = cameras.project(result.camera, points)
    there, _ = cameras.project(result.camera_of_photograph, points)
    homogeneous = np.concatenate([np.asarray(there), np.ones((len(points), 1))], axis=-1)
    np.testing.assert_allclose((homogeneous @ result.image_from_photo.T)[:, :2], uv, atol=1e-2)


def test_code_entries_that_training_never_opened_stay_closed(predictor, reconstruction):
    output = predictor.predict(reconstruction.image[None])
    assert (np.asarray(output.shape_code)[:, 2:] == 0).all()
    assert (np.asarray(output.shape_code)[:, :2] != 0).any()


def test_inputs_of_another_size_are_refused(predictor):
    with pytest.raises(ValueError, match="takes 32"):
        predictor.predict(np.zeros((1, 16, 16, 3), np.float32))


def test_render_shows_the_mesh_in_the_middle_and_white_around(reconstruction):
    ball = meshes.Mesh(
        vertices=0.3 * SPHERE[0], faces=SPHERE[1], vertex_colours=jnp.zeros_like(SPHERE[0])
    )
    centred = np.asarray(reconstruction.camera.cam_from_world).copy()
    centred[:2, 3] = 0
    camera = reconstruction.camera.replace(cam_from_world=centred)
    picture = jaxrelic.render(ball, camera, image_size=16, camera_size=32)
    assert picture.rgb.shape == (16, 16, 3)
    assert float(picture.alpha[8, 8]) > 0.9
    np.testing.assert_allclose(picture.rgb[0, 0], 1.0)
    np.testing.assert_allclose(picture.depth[8, 8], centred[2, 3] - 0.3, atol=0.05)


def test_previews_are_pictures_that_open(reconstruction, tmp_path, monkeypatch):
    whole = previews.turntable.frames
    monkeypatch.setattr(
        previews.turntable, "frames", lambda mesh, *, size: whole(mesh, size=32, num_frames=2)
    )
    previews.write(reconstruction, tmp_path / "p", photo_name="disc.png", glb_name="disc.glb")
    for name in ("input", "mask", "crop", "silhouette", "render", "depth"):
        with PIL.Image.open(tmp_path / "p" / f"{name}.png") as image:
            assert image.size == (previews.PREVIEW_PX, previews.PREVIEW_PX)
    with PIL.Image.open(tmp_path / "p" / "turntable.gif") as image:
        assert image.n_frames > 1
    facts = json.loads((tmp_path / "p" / previews.PAGE).read_text())
    assert facts["mask_source"] == "alpha"
    assert facts["vertices"] == 42


def test_a_reconstruction_is_frozen(reconstruction):
    with pytest.raises(dataclasses.FrozenInstanceError):
        reconstruction.mask = None
