"""Photographs with backgrounds: folders as they are, cut-outs before clutter."""

import dataclasses

import cv2
import numpy as np
import pytest

from jaxrelic.data.foreground import batches as foreground_batches
from jaxrelic.data.foreground import clutter
from jaxrelic.data.foreground.batches import BackgroundData
from jaxrelic.errors import UserError

CUTOUTS = BackgroundData(path="synthetic", source="cutouts", batch_size=4, image_size=32)


def test_batches_repeat_with_their_seed_and_differ_without():
    first, again, other = (foreground_batches.batches(CUTOUTS, seed=seed)[3] for seed in (0, 0, 1))
    for name, array in first.items():
        np.testing.assert_array_equal(array, again[name])
    assert np.abs(first["image"] - other["image"]).mean() > 0.01
    assert {name: (x.shape, x.dtype) for name, x in first.items()} == {
        "image": ((4, 32, 32, 3), np.float32),
        "mask": ((4, 32, 32), np.float32),
        "category": ((4,), np.int32),
    }


def test_splits_of_synthetic_cutouts_share_no_shape():
    splits = [foreground_batches.SyntheticCutouts(split) for split in ("train", "test")]
    uids = [{relic["uid"] for relic in split._relics} for split in splits]
    assert not uids[0] & uids[1]
    assert {int(splits[0][i]["category"]) for i in (0, 8)} == {0, 1}
    with pytest.raises(UserError, match=r"no split 'dev'; set data\.split"):
        foreground_batches.SyntheticCutouts("dev")


def cutout():
    """An L of 20 x 30 pixels off the middle of a picture, orange."""
    rgba = np.zeros((60, 50, 4), np.float32)
    rgba[10:40, 5:10], rgba[30:40, 5:25] = (1, 0.5, 0, 1), (1, 0.5, 0, 1)
    return rgba


def test_a_placed_object_is_whole_and_of_the_size_that_was_drawn():
    rng = np.random.default_rng(0)
    area = cutout()[..., 3].sum()
    for _ in range(20):
        placed = clutter.place(cutout(), 64, rng, share=(0.5, 0.5))
        # The longer side, 30 px, becomes 32 px.
        assert placed[..., 3].sum() == pytest.approx(area * (32 / 30) ** 2, rel=0.03)
        ratio = placed[..., 1].sum() / placed[..., 0].sum()
        assert ratio == pytest.approx(0.5, rel=1e-4)


def test_objects_are_placed_everywhere_and_mirrored():
    rng = np.random.default_rng(0)
    placed = [clutter.place(cutout(), 32, rng, share=(0.5, 0.5))[..., 3] for _ in range(60)]
    reached = np.max(placed, axis=0)
    # The outermost pixel may be touched by blurred edges alone.
    assert min(reached.max(axis=0)[1:-1].min(), reached.max(axis=1)[1:-1].min()) > 0.9
    # The long arm of the L is on the left, or on the right once mirrored.
    tall = [
        np.argmax(mask.sum(axis=0)) < np.mean(np.flatnonzero(mask.any(axis=0))) for mask in placed
    ]
    assert 10 < sum(tall) < 50


def test_an_object_covers_its_background_and_nothing_else():
    rng = np.random.default_rng(0)
    placed, behind = clutter.place(cutout(), 32, rng), clutter.background(32, rng)
    picture = clutter.compose(placed, behind)
    np.testing.assert_array_equal(picture[placed[..., 3] == 0], behind[placed[..., 3] == 0])
    np.testing.assert_allclose(picture[placed[..., 3] == 1][:, 2], 0, atol=1e-6)
    assert behind.std(axis=(0, 1)).min() > 0.03


def write_folders(root):
    rng = np.random.default_rng(0)
    for category, count in (("chair", 3), ("bed", 2), ("empty", 0)):
        (root / category).mkdir()
        for number in range(count):
            image = np.full((20, 30, 3), (0, 0, 255 if category == "chair" else 0), np.uint8)
            image[: rng.integers(5, 10)] = 200
            cv2.imwrite(str(root / category / f"{number}.png"), image)
    (root / "chair" / "notes.txt").write_text("no picture")


def test_folders_of_photographs_are_numbered_by_name(tmp_path):
    write_folders(tmp_path)
    photographs = foreground_batches.PhotographFolders(tmp_path)
    assert photographs.categories == ("bed", "chair")
    assert len(photographs) == 5
    assert photographs[4]["rgb"][-1, -1].tolist() == [255, 0, 0]  # RGB, not OpenCV's order.
    batch = foreground_batches.batches(
        BackgroundData(path=str(tmp_path), batch_size=5, image_size=14), seed=0
    )[0]
    assert sorted(batch["category"]) == [0, 0, 1, 1, 1]
    assert batch["image"].shape == (5, 14, 14, 3)
    for image, category in zip(batch["image"], batch["category"], strict=True):
        assert (image[-1, -1, 0] > 0.9) == (category == 1)


def test_folders_without_photographs_are_named(tmp_path):
    with pytest.raises(UserError, match=r"no photographs at .*absent"):
        foreground_batches.open_photographs(BackgroundData(path=str(tmp_path / "absent")))
    with pytest.raises(UserError, match="it needs a folder per category"):
        foreground_batches.open_photographs(BackgroundData(path=str(tmp_path)))
    (tmp_path / "chair").mkdir()
    (tmp_path / "chair" / "broken.jpg").write_text("<html>")
    with pytest.raises(UserError, match=r"broken\.jpg is not a picture"):
        foreground_batches.open_photographs(BackgroundData(path=str(tmp_path)))[0]
    with pytest.raises(UserError, match="batch_size is 0"):
        foreground_batches.batches(dataclasses.replace(CUTOUTS, batch_size=0), seed=0)
