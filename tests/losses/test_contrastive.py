"""Golden numbers of the foreground contrast (specification msrn H-C1) and its symmetries."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrelic.losses.contrastive import contrast, cosines, foreground_contrast

K = 500
E1, E2 = jnp.eye(3)[0], jnp.eye(3)[1]


def at_cosine(value):
    """A vector whose cosine with E1 is `value`, of some length."""
    return 7.0 * (value * E1 + np.sqrt(1 - value**2) * E2)


def loss(positive, negative, temperature):
    rows = [jnp.tile(at_cosine(cosine), (K, 1)) for cosine in (positive, negative)]
    return float(contrast(3.0 * E1[None], *rows, temperature=temperature)[0])


@pytest.mark.parametrize(
    ("positive", "negative", "temperature", "expected"),
    [
        (0.3, 0.3, 0.99, 6.216606),
        (-1.0, -1.0, 0.07, 6.216606),
        (1.0, 0.0, 0.99, 5.2100),
        (1.0, 0.0, 0.2, 1.4745),
        (1.0, 0.0, 0.07, 0.0003),
        (1.0, -1.0, 0.99, 4.2094),
        (-1.0, 1.0, 0.99, 8.2351),
        (0.9, 0.5, 0.99, 5.8136),
        (0.9, 0.5, 0.2, 4.2293),
        (0.9, 0.5, 0.07, 0.9743),
    ],
)
def test_the_contrast_has_the_values_of_the_specification(
    positive, negative, temperature, expected
):
    assert loss(positive, negative, temperature) == pytest.approx(expected, abs=6e-5)


def test_the_contrast_is_the_mean_over_positives_of_the_printed_fraction():
    rng = np.random.default_rng(0)
    features, positives, negatives = (rng.normal(size=(n, 4)) for n in (2, 5, 6))
    own, other = (
        np.exp(np.asarray(cosines(jnp.float32(features), jnp.float32(rows))) / 0.3)
        for rows in (positives, negatives)
    )
    printed = -np.log(own / (own + other.sum(axis=1, keepdims=True))).mean(axis=1)
    ours = contrast(*map(jnp.float32, (features, positives, negatives)), temperature=0.3)
    np.testing.assert_allclose(ours, printed, rtol=1e-5)


def random_sides():
    """Features of both kinds and what is remembered of both."""
    keys = jax.random.split(jax.random.key(1), 4)
    sizes = (2, 2, 5, 5)
    return [jax.random.normal(key, (size, 4)) for key, size in zip(keys, sizes, strict=True)]


def test_foreground_and_background_may_swap_their_names():
    f, b, bank_f, bank_b = random_sides()
    one_way = foreground_contrast(f, b, bank_f, bank_b, temperature=0.2)
    the_other = foreground_contrast(b, f, bank_b, bank_f, temperature=0.2)
    np.testing.assert_allclose(one_way, the_other, rtol=1e-6)
    wrong = foreground_contrast(f, b, bank_b, bank_f, temperature=0.2)
    assert np.abs(wrong - one_way).max() > 0.1


def test_what_is_remembered_is_constant_and_features_learn():
    sides = random_sides()
    gradients = jax.grad(lambda sides: jnp.sum(foreground_contrast(*sides, temperature=0.2)))(sides)
    assert all(np.any(gradient) for gradient in gradients[:2])
    assert not any(np.any(gradient) for gradient in gradients[2:])


def test_a_feature_of_zeros_and_a_low_temperature_give_finite_gradients():
    _, _, bank_f, bank_b = random_sides()
    zero = jnp.zeros((1, 4))
    value, gradient = jax.value_and_grad(
        lambda x: foreground_contrast(x, x, bank_f, bank_b, temperature=1e-3)[0]
    )(zero)
    assert np.isfinite(value)
    assert np.all(np.isfinite(gradient))
