"""Masks that are black on the object are recognised, and masks of close objects are not blamed."""

import dataclasses
import pathlib

import numpy as np
import posed_folders
import pytest

from jaxrelic.errors import UserError
from jaxrelic.geometry import carving
from jaxrelic.photos import inversion


@pytest.fixture(scope="module")
def box():
    return [
        carving.Outline(
            mask=shot.mask,
            cam_from_world=shot.cam_from_world,
            pixel_from_cam=shot.pixel_from_cam,
            whole=True,
        )
        for shot in posed_folders.shots(index=1, count=8)
    ]


def check(outlines):
    names = [f"{number}.png" for number in range(len(outlines))]
    inversion.check_all(names, outlines, source="poses.json")


def turned(outline):
    return dataclasses.replace(outline, mask=~outline.mask, whole=False)


def cut(outline, share):
    """The middle of a picture, so that the object reaches its rim."""
    height, width = outline.mask.shape
    rows, columns = round(height * share / 2), round(width * share / 2)
    lens = outline.pixel_from_cam.copy()
    lens[0, 2], lens[1, 2] = lens[0, 2] - columns, lens[1, 2] - rows
    mask = outline.mask[rows : height - rows, columns : width - columns]
    return dataclasses.replace(
        outline, mask=mask, pixel_from_cam=lens, whole=carving.is_whole(mask)
    )


def test_a_set_of_inverted_masks_is_refused(box):
    check(box)
    with pytest.raises(UserError, match=r"other way round in 8 of 8 pictures \(first: 0\.png\)"):
        check([turned(each) for each in box])


def test_one_inverted_mask_is_named(box):
    with pytest.raises(UserError, match=r"in 1 of 8 pictures \(first: 3\.png\)"):
        check([*box[:3], turned(box[3]), *box[4:]])


def test_the_hull_tells_where_the_rim_does_not(box):
    """Of a small object that each picture cuts off, the background covers a part of the rim."""
    close = [cut(each, 0.45) for each in box]
    shares = [inversion.rim_share(turned(each).mask) for each in close]
    assert 0.3 < min(shares) < inversion.SURE
    check(close)
    with pytest.raises(UserError, match="masks are the other way round"):
        check([turned(each) for each in close])


def test_objects_that_fill_their_pictures_are_no_background(box):
    close = [cut(each, 0.75) for each in box]
    assert all(each.mask.mean() > 0.3 for each in close)
    check(close)  # It raises where masks are the other way round.


def test_one_mask_is_judged_by_its_rim():
    mask = np.zeros((40, 60), bool)
    mask[10:30, 20:40] = True
    inversion.check_one(mask, pathlib.Path("m.png"))
    with pytest.raises(
        UserError, match=r"mask m\.png is the other way round: it is white along 100%"
    ):
        inversion.check_one(~mask, pathlib.Path("m.png"))
    assert inversion.rim_share(np.ones((3, 4), bool)) == 1
    bottom = np.zeros((40, 60), bool)
    bottom[20:] = True
    assert inversion.rim_share(bottom) == pytest.approx((60 + 38) / 196, abs=0.02)


def test_the_photograph_tells_where_the_rim_does_not():
    """The object reaches the lower rim and most of the sides."""
    mask = np.zeros((40, 60), bool)
    mask[25:, 5:55] = True
    assert inversion.DOUBTFUL < inversion.rim_share(~mask) < inversion.SURE
    path = pathlib.Path("m.png")
    inversion.check_one(~mask, path)
    inversion.check_one(~mask, path, lambda: ~mask)
    inversion.check_one(mask, path, lambda: pytest.fail("its rim leaves no doubt"))
    with pytest.raises(UserError, match="the other way round"):
        inversion.check_one(~mask, path, lambda: mask)
