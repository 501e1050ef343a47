import numpy as np
import pytest
from places import GOLDENS

from jaxrelic.data.image_sets import tower_inputs

GOLDEN = GOLDENS / "tower_inputs.npz"


@pytest.mark.parametrize("name", ["clip", "dino"])
def test_pictures_are_prepared_as_the_published_processors_do(name):
    golden = np.load(GOLDEN)
    prepared = getattr(tower_inputs, f"{name}_input")().prepare(golden["image"])
    assert prepared.shape == (224, 224, 3)
    np.testing.assert_allclose(prepared[::37, ::37], golden[name], atol=1e-5)


def test_one_colour_stays_one_colour_whatever_the_size():
    image = np.full((300, 64, 3), [255, 0, 51], np.uint8)
    prepared = tower_inputs.clip_input(28).prepare(image)
    assert prepared.shape == (28, 28, 3)
    assert prepared.dtype == np.float32
    wanted = [(1 - 0.48145466) / 0.26862954, -0.4578275 / 0.26130258, None]
    wanted[2] = (0.2 - 0.40821073) / 0.27577711
    np.testing.assert_allclose(prepared, np.broadcast_to(wanted, prepared.shape), atol=1e-5)
