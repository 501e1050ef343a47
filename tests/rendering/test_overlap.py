"""Intersection over union against counted pixels."""

import numpy as np
import pytest

from jaxrelic.rendering import overlap


def test_overlap_counts_pixels():
    mask, alpha = np.zeros((2, 8, 8), np.float32)
    mask[2:5, 2:5] = 1
    alpha[3:6, 4:7] = 0.9
    alpha[0, 0] = 0.2
    np.testing.assert_allclose(overlap.mask_iou(alpha, mask), 2 / 16)
    np.testing.assert_allclose(overlap.soft_iou(alpha, mask), 1.8 / (8.3 + 9 - 1.8), rtol=1e-6)


def test_empty_masks_agree_and_every_mask_agrees_with_itself():
    empty, full = np.zeros((2, 4, 4), np.float32), np.ones((2, 4, 4), np.float32)
    for measure in (overlap.soft_iou, overlap.mask_iou):
        np.testing.assert_array_equal(measure(empty, empty), [1, 1])
        np.testing.assert_array_equal(measure(full, full), [1, 1])
        np.testing.assert_array_equal(measure(empty, full), [0, 0])


@pytest.mark.parametrize("side", [1, 4, 7])
def test_a_square_shifted_by_one_pixel_overlaps_like_e7(side):
    """(n - 1) / (n + 1), as for the boxes of specification msrn H-E7."""
    mask = np.zeros((16, 16), np.float32)
    mask[3 : 3 + side, 5 : 5 + side] = 1
    shifted = np.roll(mask, 1, axis=1)
    expected = (side - 1) / (side + 1)
    np.testing.assert_allclose(overlap.mask_iou(shifted, mask), expected, rtol=1e-6)
    np.testing.assert_allclose(overlap.soft_iou(shifted, mask), expected, rtol=1e-6)
