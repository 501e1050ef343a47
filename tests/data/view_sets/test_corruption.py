"""Sources spoiled in the place of predictions: by as much as was asked, and nothing else."""

import dataclasses

import numpy as np
import pytest

from jaxrelic.data import posed_view, synthetic
from jaxrelic.data.view_sets import corruption
from jaxrelic.data.view_sets.corruption import CorruptionConfig, corrupt
from jaxrelic.errors import UserError

SIZE = 32
COLOUR = np.float32([0.8, 0.4, 0.2])


def view(alpha=None):
    """An object of one colour with soft edges, off the middle."""
    if alpha is None:
        alpha = np.zeros((SIZE, SIZE), np.float32)
        alpha[8:20, 10:26], alpha[7, 10:26] = 1, 0.25
    rgba = np.concatenate([alpha[..., None] * COLOUR, alpha[..., None]], axis=-1)
    pose = synthetic.view_poses(5)[3]
    return posed_view.View(
        rgba=rgba, depth=alpha, cam_from_world=pose, pixel_from_cam=np.eye(3, dtype=np.float32)
    )


def many(config, count=400):
    rng = np.random.default_rng(0)
    return [corrupt(view(), config, rng) for _ in range(count)]


def same(a, b):
    fields = [field.name for field in dataclasses.fields(a)]
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in fields)


@pytest.mark.parametrize(
    "config",
    [CorruptionConfig(), dataclasses.replace(CorruptionConfig.moderate(), probability=0.0)],
    ids=["no strength", "no probability"],
)
def test_without_strength_or_probability_a_view_stays_bitwise_the_same(config):
    assert all(same(each, view()) for each in many(config, 20))


@pytest.mark.parametrize("kind", ["gain", "bias", "gamma", "warp", "blur"])
def test_one_kind_changes_pixels_and_leaves_camera_and_depth(kind):
    config = CorruptionConfig(**{kind: 0.2})
    changed = corrupt(view(), config, np.random.default_rng(0))
    assert np.abs(changed.rgba - view().rgba).max() > 1e-3
    assert same(dataclasses.replace(changed, rgba=view().rgba), view())
    assert changed.rgba.dtype == np.float32


def test_views_are_spoiled_as_often_as_asked():
    config = dataclasses.replace(CorruptionConfig.moderate(), probability=0.3)
    touched = [not same(each, view()) for each in many(config, 200)]
    assert np.mean(touched) == pytest.approx(0.3, abs=0.1)


def test_switching_one_kind_off_leaves_the_others_as_they_were():
    everything = CorruptionConfig.moderate()
    only_pose = CorruptionConfig(pose_deg=everything.pose_deg, distance=everything.distance)
    for a, b in zip(many(everything, 5), many(only_pose, 5), strict=True):
        np.testing.assert_array_equal(a.cam_from_world, b.cam_from_world)


def centre(cam_from_world):
    return -cam_from_world[:3, :3].T @ cam_from_world[:3, 3]


def test_cameras_are_off_by_the_asked_angles_and_distance():
    exact = view().cam_from_world
    away = centre(exact) / np.linalg.norm(centre(exact))
    along_azimuth = np.cross([0, 0, 1], away) / np.linalg.norm(np.cross([0, 0, 1], away))
    along_elevation = np.cross(away, along_azimuth)
    moved = [each.cam_from_world for each in many(CorruptionConfig(pose_deg=2.0, distance=0.03))]
    centres = np.array([centre(each) for each in moved])
    distances = np.linalg.norm(centres, axis=-1)
    directions = centres / distances[:, None]
    # The standard error of a deviation from 400 draws is 3.5 %.
    for along in (along_azimuth, along_elevation):
        angles = np.rad2deg(np.arcsin(directions @ along))
        assert np.std(angles) == pytest.approx(2.0, rel=0.12)
        assert np.mean(angles) == pytest.approx(0, abs=0.3)
    assert np.std(np.log(distances)) == pytest.approx(0.03, rel=0.12)
    assert np.mean(distances) == pytest.approx(synthetic.RADIUS, rel=0.01)


def test_a_moved_camera_still_looks_at_the_relic_and_does_not_roll():
    exact = view().cam_from_world
    for each in many(CorruptionConfig(pose_deg=3.0), 20):
        moved = each.cam_from_world
        np.testing.assert_allclose(moved[:3, :3] @ moved[:3, :3].T, np.eye(3), atol=1e-6)
        np.testing.assert_allclose(moved[:3, 3], exact[:3, 3], atol=1e-6)
        # A turn about the optical axis would show here in first order, 0.05; others in second.
        turn = moved[:3, :3] @ exact[:3, :3].T
        assert abs(turn[1, 0] - turn[0, 1]) < 1e-6


def test_colours_follow_their_formula_and_what_is_behind_stays_white():
    gain, bias = np.array([0.5, 1.5, 1.0]), np.array([0.0, 0.1, -0.5])
    changed = corruption.change_colours(view().rgba, gain=gain, bias=bias, gamma=2.0)
    wanted = np.clip(gain * COLOUR**2 + bias, 0, 1)
    alpha = view().rgba[..., 3]
    np.testing.assert_allclose(changed[..., :3], alpha[..., None] * wanted, atol=1e-6)
    np.testing.assert_array_equal(changed[..., 3], alpha)


def test_a_warp_with_equal_shifts_moves_image_and_mask_by_them():
    shifts = np.tile(np.float32([3, -2]), (4, 4, 1))
    warped = corruption.warp(view().rgba, shifts)
    exact = view().rgba
    np.testing.assert_allclose(warped[2:, :-3], exact[:-2, 3:], atol=1e-5)
    assert not warped[:2].any()
    assert not warped[:, -3:].any()


@pytest.mark.parametrize("kind", ["warp", "blur"])
def test_image_and_mask_stay_aligned(kind):
    changed = many(CorruptionConfig(**{kind: 0.05}), 10)
    assert max(np.abs(each.rgba - view().rgba).max() for each in changed) > 0.3
    for each in changed:
        alpha = each.rgba[..., 3:]
        np.testing.assert_allclose(each.rgba[..., :3], alpha * COLOUR, atol=1e-5)


def test_a_warp_displaces_by_the_asked_part_of_the_side():
    """A ramp of colour tells where each pixel came from."""
    ramp = np.broadcast_to(np.arange(SIZE, dtype=np.float32) / SIZE, (SIZE, SIZE))
    rgba = np.stack([ramp, ramp.T, ramp, np.ones_like(ramp)], axis=-1)
    exact = dataclasses.replace(view(), rgba=rgba)
    rng, config = np.random.default_rng(0), CorruptionConfig(warp=0.02)
    warped = np.stack([corrupt(exact, config, rng).rgba for _ in range(100)])
    # Where the shifts are drawn, at an eighth, three eighths ... of the side.
    nodes = np.ix_(range(100), (12, 20), (12, 20))
    for channel in (0, 1):
        shifts = (warped - rgba)[..., channel][nodes]
        assert np.std(shifts) == pytest.approx(0.02, rel=0.15)


def test_a_blur_spreads_without_adding():
    wide = corrupt(view(), CorruptionConfig(blur=0.05), np.random.default_rng(0)).rgba[..., 3]
    assert wide.sum() == pytest.approx(view().rgba[..., 3].sum(), rel=1e-3)
    assert (wide > 0).sum() > (view().rgba[..., 3] > 0).sum()


def test_strengths_that_make_no_sense_are_refused():
    with pytest.raises(UserError, match=r"corruption\.pose_deg is -1"):
        CorruptionConfig(pose_deg=-1)
    with pytest.raises(UserError, match=r"corruption\.warp is nan"):
        CorruptionConfig(warp=float("nan"))
    with pytest.raises(UserError, match=r"corruption\.probability is 1\.5"):
        CorruptionConfig(probability=1.5)
