import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrelic.data.image_sets.locate import SyntheticImages
from jaxrelic.data.synthetic import SyntheticRelics
from jaxrelic.errors import UserError
from jaxrelic.inference import embed


@pytest.fixture(scope="module")
def images():
    return SyntheticImages(SyntheticRelics(num_relics=1, num_views=5))


def test_every_image_is_embedded_once_in_order_and_the_last_batch_is_filled_up(images):
    sizes = []

    def network(inputs):
        sizes.append(len(inputs))
        return jnp.mean(inputs, axis=(1, 2))

    features = embed.embed(images, lambda item: item["image"] / np.float32(255), network, batch=2)
    assert sizes == [2, 2, 2]
    means = np.stack([item["image"].mean(axis=(0, 1)) for item in images])
    expected = means / np.linalg.norm(means, axis=1, keepdims=True)
    np.testing.assert_allclose(features, expected, rtol=1e-5)


def test_a_run_embeds_by_its_shape_codes_of_the_image_as_it_was_trained_on(images, predictor):
    features = embed.embed_by_run(images, predictor)
    assert features.shape == (5, predictor.config.shape_code)
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, rtol=1e-5)
    halves = images[3]["image"].reshape(32, 2, 32, 2, 3).mean(axis=(1, 3)) / np.float32(255)
    code = predictor.predict(np.repeat(halves[None], 5, axis=0)).shape_code[0]
    np.testing.assert_allclose(features[3], code / np.linalg.norm(code), atol=1e-4)


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_features_that_say_nothing_are_an_error(images, value):
    with pytest.raises(UserError, match="no usable features"):
        embed.embed(images, lambda item: np.zeros(3, np.float32), lambda x: jnp.full_like(x, value))


def test_one_image_without_features_is_not_an_error():
    features = embed.normalise(np.float32([[3, 4], [0, 0]]))
    np.testing.assert_allclose(features, [[0.6, 0.8], [0, 0]], rtol=1e-6)
    assert not isinstance(features, jax.Array)
