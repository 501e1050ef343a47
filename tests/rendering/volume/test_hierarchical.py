import jax
import numpy as np
from scipy.special import expit

from jaxrelic.rendering.volume import hierarchical

inverse_cdf = jax.jit(hierarchical.inverse_cdf, static_argnums=2)
section_alpha = jax.jit(hierarchical.section_alpha)
surface_weights = jax.jit(hierarchical.surface_weights)


def test_quantiles_are_those_of_the_specification():
    edges = 0.5 + 1.5 * np.arange(9)[None] / 8
    weights = np.array([[0.01, 0.02, 0.3, 0.4, 0.1, 0.05, 0.01, 0]])
    with jax.enable_x64(True):
        found = inverse_cdf(edges, weights, 6)
    expected = [0.902594914, 0.99530849, 1.081641709, 1.151177471, 1.220713232, 1.410983902]
    np.testing.assert_allclose(found[0], expected, atol=1e-9)


def test_without_weight_samples_are_even():
    edges = np.array([[0.0, 1.0, 3.0, 4.0]], np.float32)
    # Three bins of equal weight: the wide one gets no more samples than the narrow ones.
    found = inverse_cdf(edges, np.zeros((1, 3), np.float32), 6)
    np.testing.assert_allclose(found[0], [0.25, 0.75, 1.5, 2.5, 3.25, 3.75], rtol=1e-5)


def test_what_is_not_composited_is_the_background():
    alpha = np.random.default_rng(0).random((3, 9), np.float32)
    weights = np.asarray(jax.jit(hierarchical.compositing_weights)(alpha))
    np.testing.assert_allclose(weights.sum(-1) + np.prod(1 - alpha, axis=-1), 1, atol=1e-5)


def test_sections_of_a_plane_multiply_to_the_ratio_of_its_sigmoids():
    # NeuS eq. 13 telescopes where the distance is linear: what passes is sigmoid over sigmoid.
    t = np.linspace(0.2, 1.9, 40, dtype=np.float32)[None]
    middle, length = (t[:, 1:] + t[:, :-1]) / 2, t[:, 1:] - t[:, :-1]
    slope = np.full_like(middle, -0.7)
    inside = np.ones(middle.shape, bool)
    alpha = section_alpha(0.7 * (1.1 - middle), slope, length, inside, 9.0)
    expected = expit(9 * 0.7 * (1.1 - 1.9)) / expit(9 * 0.7 * (1.1 - 0.2))
    np.testing.assert_allclose(np.prod(1 - np.asarray(alpha)), expected, rtol=0.05)
    assert not np.any(section_alpha(0.7 * (1.1 - middle), slope, length, ~inside, 9.0))


def test_weights_of_samples_peak_where_the_distance_changes_sign():
    t = np.linspace(0.0, 2.0, 33, dtype=np.float32)[None]
    weights = surface_weights(t, 1.03 - t, np.ones(t.shape, bool), 256.0)
    section = int(np.argmax(weights[0]))
    assert t[0, section] < 1.03 < t[0, section + 1]
    hidden = surface_weights(t, 1.03 - t, t < 0.9, 256.0)
    assert np.max(hidden) < 1e-3


def test_jitter_moves_samples_within_their_own_stretches():
    near, far = np.array([[0.5, 1.0], [1.5, 4.0]], np.float32)
    samples = jax.jit(hierarchical.even_samples, static_argnums=2)
    still = np.asarray(samples(near, far, 8, None))
    jitter = np.random.default_rng(0).random((2, 8), np.float32)
    moved = np.asarray(samples(near, far, 8, jitter))
    spacing = (far - near)[:, None] / 7
    assert np.all(np.abs(moved - still) <= spacing / 2 + 1e-6)
    assert np.all(np.diff(moved) > 0)
    assert np.any(moved != still)
    np.testing.assert_allclose(still[:, [0, -1]], np.stack([near, far], axis=-1), rtol=1e-6)
