"""Inflation against the closed forms of a strip and a disc."""

import numpy as np

from jaxrelic.geometry import inflation
from jaxrelic.geometry.inflation import inflate


def centres(size):
    """x and y of pixel centres from the middle, in pixels."""
    axis = np.arange(size) + 0.5 - size / 2
    return np.meshgrid(axis, axis)


def test_a_long_strip_becomes_a_round_rod():
    x, _ = centres(96)
    half_width = 11
    height = 96 * inflate(np.abs(x) < half_width)
    expected = np.sqrt(np.maximum(half_width**2 - x**2, 0))
    # Along the middle row the ends, where the strip meets the border, are four widths away.
    np.testing.assert_allclose(height[48], expected[48], atol=0.05)


def test_a_disc_becomes_an_ellipsoid_of_half_the_squared_radius():
    x, y = centres(80)
    radius = 30
    squared = (80 * inflate(x**2 + y**2 < radius**2)) ** 2
    expected = np.maximum(radius**2 - x**2 - y**2, 0) / 2
    np.testing.assert_allclose(squared, expected, atol=0.025 * radius**2)


def test_height_is_zero_outside_and_positive_inside_and_holes_stay_open():
    x, y = centres(40)
    radius = np.hypot(x, y)
    ring = (radius < 17) & (radius > 7)
    height = inflate(ring)
    assert (height[ring] > 0).all()
    assert (height[~ring] == 0).all()


def test_height_scales_with_the_object_and_not_with_the_resolution():
    x, y = centres(32)
    coarse = inflate((x / 12) ** 2 + (y / 6) ** 2 < 1)
    x, y = centres(96)
    fine = inflate((x / 36) ** 2 + (y / 18) ** 2 < 1)
    assert abs(coarse.max() - fine.max()) < 0.02 * fine.max()


def test_an_empty_mask_gives_a_flat_picture():
    assert not inflate(np.zeros((5, 7), bool)).any()


def test_both_solvers_find_the_same(monkeypatch):
    mask = np.random.default_rng(0).random((30, 40)) < 0.8
    banded = inflate(mask)
    monkeypatch.setattr(inflation, "LARGEST_BAND", 0)
    np.testing.assert_allclose(inflate(mask), banded, atol=1e-6)
