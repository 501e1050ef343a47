"""Inflation against the closed forms of a strip and a disc."""

import numpy as np

from jaxrelic.geometry.relief import inflation
from jaxrelic.geometry.relief.inflation import inflate, symmetry_axis_px, turned


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


def test_a_turned_cylinder_is_as_deep_as_it_is_wide():
    mask = np.zeros((40, 64), bool)
    mask[5:35, 10:50] = True
    x = np.arange(10, 50) + 0.5 - 30
    expected = np.sqrt(20.0**2 - x**2) / 64
    np.testing.assert_allclose(turned(mask)[20, 10:50], expected, atol=1e-6)
    assert not turned(mask)[2].any()


def test_the_axis_is_the_one_on_which_the_flip_agrees_best():
    mask = np.zeros((30, 50), bool)
    mask[5:25, 8:21] = True
    assert symmetry_axis_px(mask) == 14.5
    mask[10:14, 21:30] = True  # A handle does not move it.
    assert symmetry_axis_px(mask) == 14.5


def test_both_solvers_find_the_same(monkeypatch):
    mask = np.random.default_rng(0).random((30, 40)) < 0.8
    banded = inflate(mask)
    monkeypatch.setattr(inflation, "LARGEST_BAND", 0)
    np.testing.assert_allclose(inflate(mask), banded, atol=1e-6)
