"""Posed sets after public reports land where their body is, or are refused for the right reason.

The inputs are the developers' (../shared/field/library, README there); tests of the same kinds on
data made here are in test_matching.py, test_inversion.py, test_posed.py and test_pose_files.py.
"""

import json

import cv2
import numpy as np
import places
import pytest

from jaxrelic.errors import UserError
from jaxrelic.photos import photo, posed

FOLDER = places.ROOT.parent / "shared" / "field" / "library"
REFERENCE = "b05"
"""Exact masks and poses; the others have the same body and the same cameras."""

pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason=f"{FOLDER} is not there: inputs of the developers"
)

LANDS = {
    "a02": (),
    "a05": ("has no pose of 16 of 24 photographs, which are left out",),
    "a10": (),
    "a11": (),
    "a18": ("contradicting intrinsics for 8 photographs",),
    "a21": (),
    "b05": (),
    "b08b": ("has no pose of 12 of 20 photographs, which are left out",),
    "b09": (),
    "c07": ("EXIF orientation 3",),
}
"""What is warned of, beside the cameras that see nothing of the back."""

REFUSED = {
    "a08": r"come without a size \(w, h\): .*203 x 152 px, and these are 160 x 120",
    "d01": r"masks are the other way round in 8 of 8 pictures",
}


def read(case):
    truth = json.loads((FOLDER / case / "TRUTH.json").read_text())
    masks = None if truth["masks"] is None else FOLDER / truth["masks"]
    views, poses = FOLDER / truth["views"], FOLDER / truth["poses"]
    return posed.read(views, poses, image_size=128, masks=masks), truth


@pytest.fixture(scope="module")
def reference():
    return read(REFERENCE)[0]


def pixel_from_world(found, number):
    """Takes directions in the world of the pose file to pixels of a view, [3, 3]."""
    camera = found.views.camera
    turn = found.world_from_ours[:3, :3] / np.cbrt(np.linalg.det(found.world_from_ours[:3, :3]))
    rotation = np.asarray(camera.cam_from_world, np.float64)[number, :3, :3]
    return np.asarray(camera.pixel_from_cam, np.float64)[number] @ rotation @ turn.T


def overlap(found, number, reference, other):
    """IoU of two masks of one camera, whose views were cut and turned by their own hulls."""
    ours_from_its = pixel_from_world(found, number) @ np.linalg.inv(
        pixel_from_world(reference, other)
    )
    size = found.views.mask.shape[1]
    half = np.array([[1, 0, -0.5], [0, 1, -0.5], [0, 0, 1]])
    moved = half @ ours_from_its @ np.linalg.inv(half)
    true = cv2.warpPerspective(reference.views.mask[other], moved, (size, size)) > 0.5
    ours = found.views.mask[number] > 0.5
    return np.sum(ours & true) / np.sum(ours | true)


def places_of(found):
    """Where the cameras are, in the world of the pose file, [n, 3]."""
    cam_from_ours = np.asarray(found.views.camera.cam_from_world, np.float64)
    ours = np.linalg.inv(cam_from_ours)[:, :, 3]
    return (ours @ found.world_from_ours.T)[:, :3]


@pytest.mark.parametrize("case", LANDS)
def test_a_set_lands(case, reference, caplog):
    found, truth = read(case)
    low, high = np.array(truth["box_low"]), np.array(truth["box_high"])
    longest = np.max(high - low)
    side = 0.8 * np.cbrt(np.linalg.det(found.world_from_ours[:3, :3]))
    assert side == pytest.approx(longest, rel=0.03)
    # No camera is below the body, so that the hull goes on under it: by the same for all.
    middle = found.world_from_ours[:3, 3]
    np.testing.assert_allclose(middle[:2], (low + high)[:2] / 2, atol=0.03 * longest)
    assert middle[2] == pytest.approx(reference.world_from_ours[2, 3], abs=0.01 * longest)
    away = np.linalg.norm(places_of(found)[:, None] - places_of(reference), axis=-1)
    assert away.min(axis=1).max() < 0.01
    for number, other in enumerate(away.argmin(axis=1)):
        assert overlap(found, number, reference, other) >= 0.95
    warned = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    warned = [message for message in warned if "its back will be a guess" not in message]
    assert len(warned) == len(LANDS[case])
    for message, words in zip(warned, LANDS[case], strict=True):
        assert words in message


@pytest.mark.parametrize("case", REFUSED)
def test_a_set_is_refused_for_the_right_reason(case):
    with pytest.raises(UserError, match=REFUSED[case]):
        read(case)


def test_a_mask_that_is_black_on_the_object_is_refused():
    path = FOLDER / "photo" / "p01.jpg"
    photo.read_photo(path, FOLDER / "photo" / "p01_true_mask.png")
    with pytest.raises(UserError, match=r"p01_inverted_mask\.png is the other way round"):
        photo.read_photo(path, FOLDER / "photo" / "p01_inverted_mask.png")
