"""Good sets of views pass, and each way to spoil one is refused with a message of its own."""

import dataclasses

import numpy as np
import posed_folders
import pytest

from jaxrelic.data.pose_files import records
from jaxrelic.data.view_sets.posed_views import PosedViews
from jaxrelic.errors import UserError
from jaxrelic.geometry import cameras, carving
from jaxrelic.photos import checks, outline_agreement

OURS = "world-to-camera, OpenCV axes"


def outlines_of(taken):
    return [
        carving.Outline(
            mask=shot.mask,
            cam_from_world=shot.cam_from_world,
            pixel_from_cam=shot.pixel_from_cam,
            whole=True,
        )
        for shot in taken
    ]


def names_of(outlines):
    return [f"shot_{number}.png" for number in range(len(outlines))]


def check(outlines, reading=None):
    return checks.check_outlines(names_of(outlines), outlines, source="poses.json", reading=reading)


def refusal(outlines, reading=None):
    with pytest.raises(UserError) as refused:
        check(outlines, reading)
    message = str(refused.value)
    assert message.startswith("poses.json: ")
    assert "\n" not in message
    return message


@pytest.fixture(scope="module")
def box():
    return outlines_of(posed_folders.shots(index=1, count=8))


def moved(outline, **changes):
    return dataclasses.replace(outline, **changes)


@pytest.mark.parametrize(("index", "count", "size"), [(0, 3, 96), (1, 8, 96), (2, 5, 48)])
def test_true_cameras_agree_surely_and_without_a_word(index, count, size, caplog):
    agreement = check(outlines_of(posed_folders.shots(index=index, count=count, size=size)))
    assert agreement.overlaps(range(count)).min() >= outline_agreement.AGREES
    assert agreement.culprits() == []
    assert not caplog.records


def test_the_volume_holds_the_relic_closely(box):
    agreement = outline_agreement.measure(box)
    record = posed_folders.synthetic.SyntheticRelics(1, 8, 96, first=1)[0]
    points = posed_folders.to_world(record["points"])
    outside = np.abs(points - agreement.centre).max(axis=-1) - agreement.half_side
    assert outside.max() < 0
    assert agreement.half_side < 1.5 * np.abs(points - posed_folders.CENTRE).max()


def test_a_ray_that_is_far_off_does_not_draw_the_centre_away(box):
    pose = box[2].cam_from_world.copy()
    pose[0, 3] += 2 * posed_folders.SCALE
    wrong = [*box[:2], moved(box[2], cam_from_world=pose), *box[3:]]
    found = outline_agreement.nearest_point(wrong)
    assert np.linalg.norm(found - posed_folders.CENTRE) < 0.05 * posed_folders.SCALE


def test_one_view_is_too_few(box):
    assert "too few views: 1 photograph has a pose" in refusal(box[:1])


def test_cameras_on_one_side_are_refused_and_on_one_half_warned_of(caplog):
    """The first record has cameras all around; these are taken close to its first one."""

    def fan(step_deg):
        first = posed_folders.shots(index=0, count=2)[0]
        views = []
        for number in range(4):
            turn = np.eye(4)
            angle = np.deg2rad(step_deg * number)
            turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
            about = np.eye(4)
            about[:3, 3] = posed_folders.CENTRE
            turned = about @ turn @ np.linalg.inv(about)
            views.append(dataclasses.replace(first, cam_from_world=first.cam_from_world @ turned))
        return outlines_of(views)

    message = refusal(fan(8.0))
    assert "all cameras on one side: the 4 cameras are within 1" in message
    assert "30 are needed" in message
    wide = fan(27.0)
    centre = outline_agreement.measure(wide).centre
    assert 30 < checks.cone_deg(wide, centre) < 75
    checks.check_outlines(names_of(wide), wide, source="poses.json")
    assert "its back will be a guess" in caplog.text


def test_cameras_opposite_each_other_see_one_outline():
    opposite = outlines_of(posed_folders.shots(index=0, count=2))
    pose = opposite[0].cam_from_world.copy()
    half_turn = np.diag([-1.0, 1.0, -1.0, 1.0])
    pose[:3, 3] = 0, 0, 3 * 1.2
    about = np.eye(4)
    front = carving.Outline(
        mask=opposite[0].mask, cam_from_world=pose, pixel_from_cam=opposite[0].pixel_from_cam
    )
    # The same place seen from the other side, through the point 3.6 in front of the camera.
    there = np.eye(4)
    there[2, 3] = -3.6
    about = np.linalg.inv(there) @ half_turn @ there
    back = moved(front, mask=front.mask[:, ::-1], cam_from_world=about @ pose)
    assert "all cameras on one line" in refusal([front, back])


def test_a_wrong_focal_length_of_one_view_is_traced_to_it(box):
    lens = box[3].pixel_from_cam.copy()
    lens[[0, 1], [0, 1]] *= 1.6
    message = refusal([*box[:3], moved(box[3], pixel_from_cam=lens), *box[4:]])
    assert "poses do not match the images: without shot_3.png the other 7 views agree" in message


def test_a_camera_that_has_moved_is_traced(box):
    pose = box[5].cam_from_world.copy()
    pose[0, 3] += 0.25 * posed_folders.SCALE
    message = refusal([*box[:5], moved(box[5], cam_from_world=pose), *box[6:]])
    assert "without shot_5.png the other 7 views agree" in message


def test_shuffled_views_are_refused_without_blame(box):
    shuffled = [moved(view, mask=box[(3 * n + 1) % 8].mask) for n, view in enumerate(box)]
    message = refusal(shuffled, OURS)
    assert "poses do not match the images: the outlines of" in message
    assert "(worst: shot_" in message
    assert "No other reading of the matrices (world-to-camera, OpenCV axes) fits" in message


@pytest.mark.parametrize("true", records.READINGS)
def test_matrices_of_another_convention_are_recognised(box, true):
    if true == OURS:
        return
    # What is in the file means `true` and was read as ours.
    wrong = [
        moved(view, cam_from_world=records.reread(view.cam_from_world, true, OURS)) for view in box
    ]
    message = refusal(wrong, OURS)
    assert f"The matrices were read as {OURS}; as {true} they fit with overlap 1.00" in message
    assert message.endswith("convert them")


def without_top(outline, share):
    mask = outline.mask.copy()
    rows = np.flatnonzero(mask.any(axis=1))
    mask[: rows[0] + round(share * len(rows))] = False
    return moved(outline, mask=mask)


def test_a_mask_that_lost_a_part_is_warned_of_and_one_that_lost_half_refused(box, caplog):
    check([*box[:4], without_top(box[4], 0.25), *box[5:]])
    assert "the outline in shot_4.png fits the other views badly" in caplog.text
    message = refusal([*box[:4], without_top(box[4], 0.5), *box[5:]])
    assert "without shot_4.png the other 7 views agree" in message


def test_an_object_that_is_cut_off_may_be_larger_than_the_picture(box, caplog):
    """The lower half of one picture is missing, and with it a part of the object."""
    seen = box[4].mask[:48]
    assert seen[-1].any()
    cut = moved(box[4], mask=seen, whole=carving.is_whole(seen))
    agreement = check([*box[:4], cut, *box[5:]])
    assert agreement.overlaps(range(8)).min() >= outline_agreement.AGREES
    assert "the object reaches the rim of 1 of 8 pictures (first: shot_4.png)" in caplog.text
    assert "overlap" in refusal([*box[:4], moved(cut, whole=True), *box[5:]])


def posed_views(outlines, masks=None):
    count, side = len(outlines), len(outlines[0].mask)
    return PosedViews(
        rgb=np.ones((count, side, side, 3), np.float32),
        mask=np.float32([view.mask for view in outlines] if masks is None else masks),
        camera=cameras.Camera(
            cam_from_world=np.float32([view.cam_from_world for view in outlines]),
            pixel_from_cam=np.float32([view.pixel_from_cam for view in outlines]),
        ),
        names=tuple(names_of(outlines)),
    )


def test_posed_views_are_checked_as_they_are(box):
    checks.check(posed_views(box), source="views")
    empty = np.float32([view.mask for view in box])
    empty[6] = 0
    with pytest.raises(UserError, match=r"shot_6\.png: empty mask"):
        checks.check(posed_views(box, empty), source="views")
    with pytest.raises(UserError, match=r"shot_0\.png: full mask"):
        checks.check(posed_views(box, np.ones_like(empty)), source="views")


@pytest.mark.parametrize("focal", [5.0, 9000.0])
def test_absurd_focal_lengths_are_wrong_intrinsics(focal):
    lens = cameras.intrinsics(focal, 96, 64)
    with pytest.raises(UserError, match=r"a\.png: wrong intrinsics: poses gives a focal length"):
        checks.check_lens("a.png", lens, (64, 96), source="poses")
    checks.check_lens("a.png", cameras.intrinsics(100, 96, 64), (64, 96), source="poses")


@pytest.mark.parametrize("centre", [(-1.0, 30.0), (48.0, 64.0), (200.0, 30.0)])
def test_a_principal_point_outside_the_picture_is_wrong_intrinsics(centre):
    lens = cameras.intrinsics(100, 96, 64, centre_px=centre)
    with pytest.raises(UserError, match=r"a\.png: wrong intrinsics: p puts the principal point"):
        checks.check_principal_point("a.png", lens, (64, 96), source="p")
    good = cameras.intrinsics(100, 96, 64)
    checks.check_principal_point("a.png", good, (64, 96), source="p")
