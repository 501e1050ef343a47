"""A tiny network with random weights: enough to be saved, loaded and applied."""

import jax
import numpy as np
import pytest

from jaxrelic.inference import export
from jaxrelic.inference.photo import Preprocessing
from jaxrelic.inference.reconstruct import Reconstructor
from jaxrelic.models.msrn.model import MsrnConfig

TINY = MsrnConfig(
    shared_encoder=True,
    encoder_widths=(4, 8),
    encoder_blocks=1,
    shape_code=4,
    texture_code=8,
    shape_milestones=((0, 2), (10, 4)),
    texture_milestones=((0, 8),),
    icosphere_level=1,
    field_units=8,
    texture_size=8,
    texture_min_channels=4,
)
PREPROCESSING = Preprocessing(image_size=32, crop_margin=1.2, background=(1.0, 1.0, 1.0))


def random_variables(config, side):
    """Small weights without compiling an initialiser; batch norm starts as the identity."""
    rng = np.random.default_rng(0)

    def draw(path, shape):
        if path[0].key == "batch_stats":
            return np.full(shape.shape, float(path[-1].key == "var"), shape.dtype)
        return rng.normal(scale=0.1, size=shape.shape).astype(shape.dtype)

    return jax.tree_util.tree_map_with_path(draw, dict(export.abstract_variables(config, side)))


@pytest.fixture(scope="session")
def reconstructor():
    return Reconstructor(
        config=TINY,
        preprocessing=PREPROCESSING,
        variables=random_variables(TINY, PREPROCESSING.image_size),
        shape_size=2,
        texture_size=8,
    )


@pytest.fixture
def disc_photo(tmp_path):
    """A red disc on a transparent ground, off centre."""
    import PIL.Image

    rows, columns = np.mgrid[:60, :80]
    inside = (rows - 25) ** 2 + (columns - 50) ** 2 < 15**2
    rgba = np.zeros((60, 80, 4), np.uint8)
    rgba[inside] = [200, 30, 20, 255]
    path = tmp_path / "disc.png"
    PIL.Image.fromarray(rgba).save(path)
    return path
