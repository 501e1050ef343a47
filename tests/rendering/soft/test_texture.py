"""UV lookups (specification msrn A.5)."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrelic.rendering.soft.texture import sample_texture

HEIGHT, WIDTH = 4, 6


@pytest.fixture(scope="module")
def texture():
    return np.random.default_rng(0).uniform(size=(HEIGHT, WIDTH, 3)).astype(np.float32)


def uv_of(row, column):
    return jnp.array([column / (WIDTH - 1), 1 - row / (HEIGHT - 1)], jnp.float32)


def test_uv_runs_between_the_centres_of_the_outer_texels_with_v_up(texture):
    for row, column in [(0, 0), (0, WIDTH - 1), (HEIGHT - 1, 0), (HEIGHT - 1, WIDTH - 1), (2, 3)]:
        sample = sample_texture(texture, uv_of(row, column))
        np.testing.assert_allclose(sample, texture[row, column], atol=1e-6)


def test_halfway_between_four_texels_is_their_mean(texture):
    sample = sample_texture(texture, uv_of(1.5, 2.5))
    np.testing.assert_allclose(sample, texture[1:3, 2:4].mean(axis=(0, 1)), atol=1e-6)


def test_outside_the_map_the_border_repeats(texture):
    outside = jnp.array([[-0.3, 0.5], [1.4, 0.5], [0.2, 1.7], [0.2, -5.0]])
    border = jnp.clip(outside, 0, 1)
    np.testing.assert_array_equal(sample_texture(texture, outside), sample_texture(texture, border))


def test_a_single_texel_colours_everything():
    texel = jnp.array([[[0.1, 0.2, 0.3]]])
    uv = jax.random.uniform(jax.random.key(0), (5, 2))
    np.testing.assert_allclose(sample_texture(texel, uv), np.tile(texel[0], (5, 1)), rtol=1e-6)


def test_the_gradient_gives_each_sample_to_four_texels_once(texture):
    uv = jax.random.uniform(jax.random.key(0), (7, 2))
    gradient = jax.grad(lambda texture: sample_texture(texture, uv).sum())(texture)
    np.testing.assert_allclose(gradient.sum(axis=(0, 1)), 7, rtol=1e-5)
    assert (gradient >= 0).all()
