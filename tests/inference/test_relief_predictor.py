"""The relief network at work; untrained it is the inflation of the outline."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import trimesh

import jaxrelic
from jaxrelic import shipped
from jaxrelic.inference import relief
from jaxrelic.inference.relief import ReliefSettings
from jaxrelic.inference.relief_predictor import ReliefPredictor
from jaxrelic.models.relief.inputs import INPUTS, abstract_inputs
from jaxrelic.models.relief.model import THINNEST, ReliefConfig, ReliefNet
from jaxrelic.photos.photo import Photo
from jaxrelic.saved import export, load

TINY = ReliefConfig(widths=(4, 4), blocks=(1, 1), code=4)


@pytest.fixture(scope="module")
def untrained():
    zeros = {name: jnp.zeros(like.shape) for name, like in abstract_inputs().items()}
    variables = ReliefNet(TINY).init(jax.random.key(0), *(zeros[name] for name in INPUTS))
    return ReliefPredictor(config=TINY, variables=jax.tree.map(np.asarray, variables))


@pytest.fixture(scope="module")
def photo():
    y, x = np.mgrid[:240, :320] + 0.5
    mask = np.float32((x - 160) ** 2 + (y - 120) ** 2 < 80**2)
    rgb = np.float32(np.stack([x / 320, y / 240, 0 * x + 0.4], axis=-1))
    return Photo(rgb=rgb, mask=mask, mask_source="file")


def test_untrained_layers_are_the_inflated_outline(untrained, photo):
    layers = untrained.layers(photo)
    # A disc of radius R: h^2 = (R^2 - r^2) / 2 solves lap(h^2) = -2; here R is half a crop / 1.1.
    radius = 0.5 / relief.CROP_MARGIN
    assert layers.thickness[32, 32] == pytest.approx(2 * (radius / 2**0.5 + THINNEST), rel=0.03)
    np.testing.assert_allclose(layers.front + layers.thickness / 2, 0, atol=0.02)
    assert abs(layers.elevation_deg) < 3


def test_a_mesh_is_closed_and_what_the_photographer_knows_wins(untrained, photo):
    result = untrained.reconstruct(photo, settings=ReliefSettings(elevation_deg=30.0))
    assert trimesh.Trimesh(result.mesh.vertices, result.mesh.faces).is_volume
    down = np.asarray(result.camera.cam_from_world)[2, 2]
    assert np.degrees(np.arcsin(-down)) == pytest.approx(30, abs=0.01)


def test_the_mirror_image_of_a_photograph_has_mirrored_layers(photo):
    zeros = {name: jnp.zeros(like.shape) for name, like in abstract_inputs().items()}
    net = ReliefNet(TINY)
    random = net.init(jax.random.key(0), *(zeros[name] for name in INPUTS))
    rng = np.random.default_rng(0)
    shaken = jax.tree.map(lambda x: x + np.float32(0.05 * rng.normal(size=x.shape)), random)
    predictor = ReliefPredictor(config=TINY, variables=shaken)
    turned = Photo(rgb=photo.rgb[:, ::-1], mask=photo.mask[:, ::-1], mask_source="file")
    one, other = predictor.layers(photo), predictor.layers(turned)
    assert np.ptp(one.front) > 0.01
    np.testing.assert_allclose(other.front, one.front[:, ::-1], atol=1e-4)
    np.testing.assert_allclose(other.thickness, one.thickness[:, ::-1], atol=1e-4)
    assert other.elevation_deg == pytest.approx(one.elevation_deg, abs=0.01)


def test_its_program_gives_the_same_layers(untrained, photo, tmp_path):
    export.save(tmp_path / "net", untrained, training={}, data={})
    again = load.load(tmp_path / "net", role="one photograph into a mesh")
    np.testing.assert_array_equal(again.layers(photo).front, untrained.layers(photo).front)
    program = jax.export.deserialize(
        bytearray((tmp_path / "net" / "programs" / "layers.jax_export").read_bytes())
    )
    inputs = {name: np.ones(like.shape, np.float32) for name, like in abstract_inputs().items()}
    found = program.call(inputs)
    expected = ReliefNet(TINY).apply(untrained.variables, *(inputs[name] for name in INPUTS))
    np.testing.assert_allclose(found["front"], expected.front, atol=1e-5)


def test_without_a_model_the_network_of_the_install_is_taken(photo, tmp_path):
    import PIL.Image

    rgba = np.concatenate([photo.rgb, photo.mask[..., None]], axis=-1)
    PIL.Image.fromarray(np.uint8(255 * rgba)).save(tmp_path / "photo.png")
    ours = jaxrelic.reconstruct(tmp_path / "photo.png")
    theirs = jaxrelic.reconstruct(tmp_path / "photo.png", shipped.RELIEF)
    np.testing.assert_array_equal(ours.mesh.vertices, theirs.mesh.vertices)
    told = jaxrelic.reconstruct(tmp_path / "photo.png", elevation_deg=30.0)
    assert np.degrees(np.arcsin(-np.asarray(told.camera.cam_from_world)[2, 2])) > 29
