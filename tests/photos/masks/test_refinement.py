"""Refinement of coarse masks (M-SRN eq. 18), in closed form."""

import numpy as np
import pytest

from jaxrelic.photos.masks import refinement
from jaxrelic.photos.masks.refinement import RefineSettings, refine


def blank():
    return np.zeros((8, 10), np.float32)


def test_the_paper_s_rule_is_a_threshold_that_keeps_soft_values():
    rng = np.random.default_rng(0)
    coarse, activation = rng.uniform(size=(2, 6, 7)).astype(np.float32)
    activation[0, :2] = 0.4, 0.39999
    refined = refine(coarse, activation, RefineSettings.literal())
    np.testing.assert_array_equal(refined.mask, np.where(activation >= 0.4, coarse, 0))
    assert refined.mask[0, 0] == coarse[0, 0]
    assert refined.mask[0, 1] == 0


def bystander():
    """An object, a larger bystander, and an activation that knows the object."""
    coarse, activation = blank(), blank()
    coarse[1:4, 1:4] = 0.8
    coarse[4:8, 5:10] = 0.9
    activation[0:5, 0:5] = 1.0
    activation[4:8, 5:10] = 0.3
    return coarse, activation


def test_a_bystander_goes_and_the_object_keeps_its_outline():
    coarse, activation = bystander()
    refined = refine(coarse, activation, RefineSettings())
    np.testing.assert_array_equal(refined.mask, (coarse == np.float32(0.8)).astype(np.float32))
    assert not refined.fell_back


def test_of_several_pieces_the_largest_that_meets_the_box_is_kept():
    coarse = blank()
    coarse[1:3, 1:3], coarse[5:8, 5:10], coarse[0, 9] = 1.0, 1.0, 1.0
    whole = np.ones_like(coarse)
    assert refine(coarse, whole, RefineSettings()).mask.sum() == 15
    assert refine(coarse, whole, RefineSettings(), box=(0, 0, 4, 4)).mask.sum() == 4
    assert refine(coarse, whole, RefineSettings(pieces="all")).mask.sum() == 20


def test_pieces_are_counted_after_the_threshold():
    """A bridge of low activation does not hold two objects together."""
    coarse, activation = blank(), np.ones((8, 10), np.float32)
    coarse[2:5, 0:10] = 1.0
    activation[:, 4] = 0.0
    assert refine(coarse, activation, RefineSettings()).mask[:, :5].sum() == 0


@pytest.mark.parametrize(("share", "fell_back"), [(0.01, False), (0.05, True)])
def test_too_small_a_rest_falls_back_to_the_coarse_mask(share, fell_back):
    coarse, activation = blank(), blank()
    coarse[2:6, 2:7] = 0.7
    activation[2, 2] = 1.0
    # One pixel of the box's 5 * 9 = 45 is 0.022.
    settings = RefineSettings(min_share=share)
    refined = refine(coarse, activation, settings, box=(1, 2, 10, 7))
    assert refined.fell_back == fell_back
    assert refined.mask.sum() == (20 if fell_back else 1)


def test_without_a_box_the_coarse_mask_is_the_yardstick():
    coarse, activation = blank(), blank()
    coarse[2:6, 2:7] = 0.7
    assert refine(coarse, activation, RefineSettings()).fell_back
    activation[2, 2] = 1.0
    assert not refine(coarse, activation, RefineSettings()).fell_back
    assert refine(coarse, activation, RefineSettings(min_share=0.06)).fell_back


def test_an_empty_coarse_mask_stays_empty():
    assert not refine(blank(), blank() + 1, RefineSettings()).mask.any()


def test_the_largest_piece_is_counted_whole_even_if_the_box_sees_little_of_it():
    mask = blank() > 0
    mask[0:2, 0:2], mask[3:8, 3:10] = True, True
    inside = blank() > 0
    inside[0:4, 0:4] = True
    assert refinement.largest_piece(mask, inside).sum() == 35
    assert not refinement.largest_piece(mask, blank() > 0).any()
