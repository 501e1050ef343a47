import dataclasses
import logging

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrelic.models.msrn.model import MsrnConfig, template
from jaxrelic.models.msrn.shape import DeformationField
from jaxrelic.train.initial.from_sphere import PretrainConfig, pretrained

MODEL = dataclasses.replace(MsrnConfig.compact(), icosphere_level=1, field_units=32)
CONFIG = PretrainConfig(steps=800, learning_rate=3e-3, radius=0.3)


@pytest.fixture(scope="module")
def params():
    still = template(MODEL).vertices
    field = DeformationField(MODEL.field_units).init(jax.random.key(0), still, jnp.zeros((1, 32)))
    return {"deformation": field["params"], "pose": "as it was"}


def radii(params):
    codes = jax.random.normal(jax.random.key(9), (5, 32))
    vertices = DeformationField(MODEL.field_units).apply(
        {"params": params["deformation"]}, template(MODEL).vertices, codes
    )
    return np.linalg.norm(vertices, axis=-1)


def test_any_code_gives_the_sphere_afterwards_and_the_change_is_said(params, caplog):
    assert np.ptp(radii(params)) > 0.1
    with caplog.at_level(logging.INFO):
        after = pretrained(CONFIG, MODEL, params, seed=0)
    np.testing.assert_allclose(radii(after), 0.3, atol=0.03)
    assert after["pose"] == "as it was"
    said = caplog.records[-1].getMessage()
    assert said.startswith("pre-training on a sphere, 800 steps: vertices were 0.0")


def test_it_repeats_and_is_off_by_default(params):
    one, other = (pretrained(CONFIG, MODEL, params, seed=0)["deformation"] for _ in range(2))
    jax.tree.map(np.testing.assert_array_equal, one, other)
    assert pretrained(PretrainConfig(), MODEL, params, seed=0) is params
