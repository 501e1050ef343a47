import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from jaxrelic.nn import convolution
from jaxrelic.nn.convolution import Conv

# Every (kernel, stride, padding) of the ResNet trunk and the texture decoder, and their map sizes.
CASES = [
    *[(7, 2, 3, 12), (3, 1, 1, 5), (3, 2, 1, 6), (3, 2, 1, 5), (1, 2, 0, 6), (1, 2, 0, 5)],
    *[(3, 1, 1, 1), (3, 1, 1, 2), (3, 2, 1, 2), (1, 1, 0, 3)],
]


def value_and_gradients(form, kernel_size, stride, padding, x):
    layer = Conv(5, (kernel_size, kernel_size), strides=stride, padding=padding, form=form)
    params = layer.init(jax.random.key(1), x)
    weights = jax.random.normal(jax.random.key(2), layer.apply(params, x).shape)

    def weighted(params, x):
        y = layer.apply(params, x)
        return jnp.sum(weights * y), y

    step = jax.jit(jax.value_and_grad(weighted, argnums=(0, 1), has_aux=True))
    (_, y), gradients = step(params, x)
    return y, gradients


@pytest.mark.parametrize(("kernel_size", "stride", "padding", "side"), CASES)
def test_patches_and_direct_agree_in_value_and_gradient(kernel_size, stride, padding, side):
    x = jax.random.normal(jax.random.key(0), (2, side, side + 1, 3))
    patches = value_and_gradients("patches", kernel_size, stride, padding, x)
    direct = value_and_gradients("direct", kernel_size, stride, padding, x)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=2e-5), patches, direct)


def test_parameters_and_values_are_those_of_flax():
    x = jax.random.normal(jax.random.key(0), (2, 6, 7, 3))
    theirs = nn.Conv(5, (3, 3), strides=2, padding=1)
    variables = theirs.init(jax.random.key(1), x)
    ours = Conv(5, (3, 3), strides=2, padding=1, form="patches")
    shapes = jax.tree.map(jnp.shape, ours.init(jax.random.key(3), x))
    assert shapes == jax.tree.map(jnp.shape, variables)
    np.testing.assert_allclose(
        ours.apply(variables, x), theirs.apply(variables, x), rtol=1e-5, atol=1e-5
    )


def primitives(layer, x):
    variables = layer.init(jax.random.key(0), x)
    return str(jax.make_jaxpr(layer.apply)(variables, x))


def test_only_small_maps_on_a_cpu_take_the_patch_form(monkeypatch):
    small = jnp.zeros((1, convolution.SMALL_MAP, convolution.SMALL_MAP, 2))
    large = jnp.zeros((1, convolution.SMALL_MAP + 1, 4, 2))
    layer = Conv(3, padding=1)
    assert "conv_general_dilated" not in primitives(layer, small)
    assert "conv_general_dilated" in primitives(layer, large)
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert "conv_general_dilated" in primitives(layer, small)


def test_a_product_in_bfloat16_rounds_its_factors_and_those_of_its_gradients():
    rng = np.random.default_rng(0)
    x, y, by = (rng.normal(size=size).astype(np.float32) for size in ((6, 5), (5, 4), (6, 4)))
    product, pull_back = jax.vjp(convolution.product_bfloat16, x, y)
    by_x, by_y = pull_back(by)
    x, y, by = (np.asarray(jnp.asarray(a, jnp.bfloat16), np.float64) for a in (x, y, by))
    np.testing.assert_allclose(product, x @ y, atol=1e-5)
    np.testing.assert_allclose(by_x, by @ y.T, atol=1e-5)
    np.testing.assert_allclose(by_y, x.T @ by, atol=1e-5)
