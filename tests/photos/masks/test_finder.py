"""Foreground perception at inference: maps as large as the photograph, and who is asked."""

import types

import numpy as np
import pytest

from jaxrelic.errors import UserError
from jaxrelic.photos.masks.finder import MaskFinder, MaskPredictor


class Redness(MaskPredictor):
    """Sees category 1 where its 8 x 8 input is red and category 0 where it is not."""

    @property
    def _apply(self):
        def apply(variables, image):
            self.seen.append(np.asarray(image))
            red = np.asarray(image)[..., 0]
            return np.stack([1 - red, 0.1 + 0.2 * red], axis=-1), np.array([[1.0, 2.0]])

        return apply


def mask_predictor():
    made = Redness(config=types.SimpleNamespace(categories=2), image_size=8, variables={})
    object.__setattr__(made, "seen", [])
    return made


def wide():
    """16 x 32, its right half red."""
    rgb = np.zeros((16, 32, 3), np.float32)
    rgb[:, 16:, 0] = 1
    return rgb


def test_the_map_is_stretched_to_one_and_lies_where_its_object_does():
    seer = mask_predictor()
    activation = seer.activation(wide())
    assert activation.shape == (16, 32)
    assert activation.min() == 0
    assert activation.max() == 1  # Raw values are 0.1 and 0.3.
    np.testing.assert_array_equal(activation > 0.5, wide()[..., 0] > 0.5)
    # All of the photograph was looked at, in the middle of a square that repeats its edge.
    assert seer.seen[0].shape == (1, 8, 8, 3)
    np.testing.assert_array_equal(seer.seen[0][0, :, :, 0], [[0] * 4 + [1] * 4] * 8)


def test_a_tall_photograph_is_not_turned_over():
    tall = np.ascontiguousarray(wide().transpose(1, 0, 2))
    np.testing.assert_array_equal(mask_predictor().activation(tall) > 0.5, tall[..., 0] > 0.5)


def test_a_given_category_is_looked_for_whatever_scores_best():
    activation = mask_predictor().activation(wide(), category=0)
    np.testing.assert_array_equal(activation > 0.5, wide()[..., 0] < 0.5)
    with pytest.raises(UserError, match=r"category 2 is not in 0\.\.1"):
        mask_predictor().activation(wide(), category=2)


def test_a_finder_refines_coarse_masks_when_somebody_can():
    everything = np.ones((16, 32), np.float32)
    alone = MaskFinder(coarse=lambda rgb: everything)
    np.testing.assert_array_equal(alone.find(wide()), everything)
    both = MaskFinder(coarse=lambda rgb: everything, mask_predictor=mask_predictor())
    explained = both.explain(wide())
    np.testing.assert_array_equal(explained.coarse, everything)
    assert 16 * 14 < explained.refined.mask.sum() < 16 * 20
    assert not explained.refined.mask[:, :12].any()
    known = np.zeros((16, 32), np.float32)
    assert not both.explain(wide(), known).coarse.any()
