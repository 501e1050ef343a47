"""Folders in the layout that One-2-3-45 trains on, with the names its authors published."""

import json
import logging
import pathlib
import shutil

import cv2
import numpy as np
import pytest
from places import SHARED_DATA

from jaxrelic.data import synthetic
from jaxrelic.data.view_sets import batches as view_sets
from jaxrelic.data.view_sets.batches import ViewSetData, one2345_folder
from jaxrelic.errors import UserError
from jaxrelic.geometry import cameras

PUBLISHED = SHARED_DATA / "poses/One2345_training_pose.json"
SIZE = 24
HALF_SIDES = {"jar": (0.25, 0.15, 0.3), "box": (0.2, 0.3, 0.12)}
ANCHORS_DEG = [(30, azimuth) for azimuth in (300, 30, 120, 210)]
ANCHORS_DEG += [(0, azimuth) for azimuth in (330, 60, 150, 240)]
STEPS_DEG = [(10, 0), (-10, 0), (0, -10), (0, 10)]


def rule():
    """Names and cam_from_world of the forty views, from the rule that made the published file."""
    angles = {f"view_{i}": anchor for i, anchor in enumerate(ANCHORS_DEG)}
    for i, (elevation, azimuth) in enumerate(ANCHORS_DEG):
        for j, (up, around) in enumerate(STEPS_DEG):
            angles[f"view_{i}_{j}_10"] = elevation + up, azimuth + around
    elevation, azimuth = np.deg2rad(np.float32(list(angles.values()))).T
    sight = np.tile(np.float32([0, 0, 1.2]), (40, 1))
    poses = cameras.orbit(azimuth, elevation, np.zeros_like(azimuth), sight)
    return list(angles), np.asarray(poses)


NAMES, POSES = rule()


def pose_file(poses=POSES, size=SIZE):
    world_from_cam = np.linalg.inv(poses) @ np.diag([1, -1, -1, 1])
    return {
        "intrinsics": [[280 / 256 * size, 0, size / 2], [0, 280 / 256 * size, size / 2], [0, 0, 1]],
        "near_far": [0.5, 1.8],
        "c2ws": dict(zip(NAMES, world_from_cam.tolist(), strict=True)),
    }


def drawing(uid, pose):
    """BGR over white and depth in thousandths of a unit; the colour is the place."""
    pixel_from_cam = cameras.intrinsics(280 / 256 * SIZE, SIZE, SIZE)
    half_sides = np.array(HALF_SIDES[uid])
    hits, depth = synthetic._cast(half_sides, uid == "box", pose, pixel_from_cam, SIZE)
    bgr = np.rint(255 * np.clip(0.5 + hits[..., ::-1], 0, 0.9)).astype(np.uint8)
    return np.where(depth[..., None] > 0, bgr, 255).astype(np.uint8), np.uint16(
        np.rint(1000 * depth)
    )


def write_relic(folder, uid, *, alpha):
    folder.mkdir(parents=True)
    for name, pose in zip(NAMES, POSES, strict=True):
        bgr, depth_mm = drawing(uid, pose)
        opaque = np.dstack([bgr, np.where(depth_mm > 0, 255, 0).astype(np.uint8)])
        rendered = name if name.count("_") == 1 else f"{name}_gt"
        cv2.imwrite(str(folder / f"{rendered}.png"), opaque if alpha else bgr)
        cv2.imwrite(str(folder / f"{rendered}_depth_mm.png"), depth_mm)
        if rendered != name:
            # A prediction is darker, has no alpha, and its white is not quite white.
            predicted = np.where(depth_mm[..., None] > 0, bgr // 2, 253).astype(np.uint8)
            cv2.imwrite(str(folder / f"{name}.png"), predicted)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Two relics to train with, one with alpha and one without; a third is listed and missing."""
    tmp_path = tmp_path_factory.mktemp("one2345")
    write_relic(tmp_path / "zero12345_narrow/000-000/jar", "jar", alpha=True)
    write_relic(tmp_path / "zero12345_narrow/000-001/box", "box", alpha=False)
    (tmp_path / "One2345_training_pose.json").write_text(json.dumps(pose_file()))
    relics = [("000-000", "jar"), ("000-000", "gone"), ("000-001", "box")]
    listed = [{"folder_id": group, "uid": uid} for group, uid in relics]
    split = {"train": listed, "val": []}
    (tmp_path / "lvis_split_cc_by.json").write_text(json.dumps(split))
    return tmp_path


@pytest.fixture
def root(whole, tmp_path):
    """A copy that a test may break."""
    return pathlib.Path(shutil.copytree(whole, tmp_path / "one2345"))


def config(root, **changes):
    settings = {"path": str(root), "batch_size": 2, "image_size": SIZE, "num_sources": 32}
    return ViewSetData(**(settings | changes))


def test_the_published_poses_are_read_as_the_rule_that_made_them():
    if not PUBLISHED.is_file():
        pytest.skip(f"{PUBLISHED} is not there")
    poses = one2345_folder.read_poses(PUBLISHED)
    assert list(poses.names) == NAMES
    assert poses.neighbour.tolist() == [-1] * 8 + [0, 1, 2, 3] * 8
    np.testing.assert_allclose(poses.cam_from_world, POSES, atol=1e-6)
    np.testing.assert_array_equal(poses.pixel_from_cam, [[280, 0, 128], [0, 280, 128], [0, 0, 1]])
    assert poses.size == 256


def test_predictions_are_sources_and_renders_are_targets(root):
    batch = view_sets.batches(config(root), seed=0)[0]
    uids = [view_sets.open_view_sets(config(root))[i].uid for i in batch["relic_index"]]
    assert set(uids) == {"jar", "box"}
    for i, uid in enumerate(uids):
        np.testing.assert_allclose(batch["sources_cam_from_world"][i], POSES[8:], atol=1e-6)
        for v, pose in enumerate(POSES[8:]):
            bgr, depth_mm = drawing(uid, pose)
            shown = depth_mm > 0
            np.testing.assert_array_equal(batch["sources_mask"][i, v], shown)
            wanted = np.where(shown[..., None], bgr[..., ::-1] // 2, 253) / 255
            np.testing.assert_allclose(batch["sources_rgb"][i, v], wanted, atol=1e-6)
        distances = np.abs(POSES[:8] - batch["target_cam_from_world"][i]).max(axis=(1, 2))
        bgr, depth_mm = drawing(uid, POSES[np.argmin(distances)])
        assert distances.min() < 1e-6
        np.testing.assert_allclose(batch["target_rgb"][i], bgr[..., ::-1] / 255, atol=1e-6)
        np.testing.assert_array_equal(batch["target_mask"][i], depth_mm > 0)
        np.testing.assert_allclose(batch["target_depth"][i], depth_mm / 1000, atol=1e-6)


def test_renders_of_the_neighbours_are_sources_without_predictions(root):
    batch = view_sets.batches(config(root, predictions="none", num_sources=8), seed=0)[0]
    uids = [view_sets.open_view_sets(config(root))[i].uid for i in batch["relic_index"]]
    for i, uid in enumerate(uids):
        for v, pose in enumerate(POSES[8::4]):
            bgr, depth_mm = drawing(uid, pose)
            np.testing.assert_allclose(batch["sources_rgb"][i, v], bgr[..., ::-1] / 255, atol=1e-6)
            np.testing.assert_array_equal(batch["sources_mask"][i, v], depth_mm > 0)


@pytest.mark.parametrize("predictions", ["folder", "none"])
def test_what_the_target_shows_lies_inside_every_source(root, predictions):
    settings = config(root, predictions=predictions, num_sources=8)
    batch = view_sets.batches(settings, seed=1)[0]
    for i in range(2):
        rows, columns = np.nonzero(batch["target_depth"][i])
        uv = np.stack([columns + 0.5, rows + 0.5, np.ones(len(rows))], axis=-1)
        rays = uv @ np.linalg.inv(batch["target_pixel_from_cam"][i]).T
        pose = batch["target_cam_from_world"][i]
        points = (rays * batch["target_depth"][i][rows, columns][:, None] - pose[:3, 3]) @ pose[
            :3, :3
        ]
        for v in range(8):
            pose = batch["sources_cam_from_world"][i, v]
            seen = (points @ pose[:3, :3].T + pose[:3, 3]) @ batch["sources_pixel_from_cam"][i, v].T
            column, row = np.floor(seen[:, :2] / seen[:, 2:]).astype(int).T
            outline = cv2.dilate(batch["sources_mask"][i, v], np.ones((3, 3)))
            assert outline[row, column].all()


def test_batches_repeat_after_the_folder_is_opened_again(root):
    first, again = (view_sets.batches(config(root, num_sources=3), seed=5)[4] for _ in range(2))
    for name, array in first.items():
        np.testing.assert_array_equal(array, again[name])


def test_relics_that_are_listed_and_missing_are_counted(root, caplog):
    with caplog.at_level(logging.WARNING):
        assert len(view_sets.open_view_sets(config(root))) == 2
    assert "2 of 3 relics are in" in caplog.text


JAR = "zero12345_narrow/000-000/jar"


def lose_prediction(root):
    (root / JAR / "view_3_2_10.png").unlink()


def lose_depth(root):
    (root / JAR / "view_7_depth_mm.png").unlink()


def break_json(root):
    (root / "One2345_training_pose.json").write_text("{")


def lose_poses(root):
    (root / "One2345_training_pose.json").unlink()


def scale_pose(root):
    (root / "One2345_training_pose.json").write_text(json.dumps(pose_file(2 * POSES)))


def rename_view(root):
    content = pose_file()
    content["c2ws"]["front"] = content["c2ws"].pop("view_7")
    (root / "One2345_training_pose.json").write_text(json.dumps(content))


def lose_splits(root):
    (root / "lvis_split_cc_by.json").unlink()


def break_splits(root):
    (root / "lvis_split_cc_by.json").write_text('{"train": ["jar"]}')


def lose_views(root):
    (root / "zero12345_narrow").rename(root / "views")


def name_absent(root):
    listed = [{"folder_id": "000-009", "uid": "gone"}]
    (root / "lvis_split_cc_by.json").write_text(json.dumps({"train": listed}))


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lose_prediction, r"jar/view_3_2_10\.png is missing"),
        (lose_depth, r"jar/view_7_depth_mm\.png is missing"),
        (break_json, r"One2345_training_pose\.json is not JSON"),
        (lose_poses, r"One2345_training_pose\.json cannot be read: No such file"),
        (scale_pose, r"One2345_training_pose\.json holds a pose that is no rigid transform"),
        (rename_view, r"One2345_training_pose\.json names a view 'front'"),
        (lose_splits, r"lvis_split_cc_by\.json cannot be read: No such file"),
        (break_splits, r"lvis_split_cc_by\.json is not a split file"),
        (lose_views, r"has no folder zero12345_narrow; .* `data-engine import-one2345`"),
        (name_absent, r"none of the 1 relics .* no .*000-009/gone"),
    ],
)
def test_a_broken_folder_is_refused_at_once_with_the_file(root, break_it, message):
    break_it(root)
    with pytest.raises(UserError, match=message):
        view_sets.batches(config(root), seed=0)


def test_a_split_without_relics_is_named(root):
    with pytest.raises(
        UserError, match=r"no relics as 'val'; set data\.split to one of \['train'\]"
    ):
        view_sets.batches(config(root, split="val"), seed=0)


def test_predictions_alone_cannot_be_read_as_renders(root):
    for name in NAMES[8:]:
        (root / JAR / f"{name}_gt.png").unlink()
    with pytest.raises(UserError, match=r"view_0_0_10_gt\.png is missing; set data\.predictions"):
        view_sets.batches(config(root, predictions="none"), seed=0)


def test_predictions_are_never_targets(root):
    with pytest.raises(UserError, match=r"any would draw predicted views as targets"):
        view_sets.batches(config(root, selection="any"), seed=0)
    batch = view_sets.batches(config(root, selection="any", predictions="none"), seed=0)[0]
    assert (batch["target_depth"] > 0).any(axis=(1, 2)).all()


def truncated(path):
    path.write_bytes(path.read_bytes()[:40])


def emptied(path):
    path.write_bytes(b"")


def resized(path):
    cv2.imwrite(str(path), np.zeros((8, 12, 3), np.uint8))


@pytest.mark.parametrize(
    ("break_it", "complaint"),
    [
        (truncated, "is not a PNG"),
        (emptied, "is not a PNG"),
        (resized, "is 12 x 8, and the intrinsics"),
        (pathlib.Path.unlink, "cannot be read: No such file"),
    ],
)
def test_a_relic_with_a_broken_image_is_passed_over_by_name(root, caplog, break_it, complaint):
    break_it(root / "zero12345_narrow/000-001/box/view_2_1_10.png")
    with caplog.at_level(logging.WARNING):
        dataset = view_sets.batches(config(root), seed=0)
        caplog.clear()
        assert [list(dataset[k]["relic_index"]) for k in range(2)] == [[0, 0], [0, 0]]
    (message,) = caplog.messages
    assert "relic box has 31 views fit for 32 as sources" in message
    assert "view_2_1_10.png" in message
    assert complaint in message
