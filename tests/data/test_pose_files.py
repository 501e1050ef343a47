"""Every format says the same about the same cameras, and what it cannot say is refused."""

import json

import cv2
import numpy as np
import posed_folders
import pytest

from jaxrelic.data import pose_files
from jaxrelic.data.pose_files import records
from jaxrelic.errors import UserError

SHOTS = posed_folders.shots(count=3, size=32)


def written(folder, kind):
    write = {
        "schema": posed_folders.write_schema,
        "transforms": posed_folders.write_transforms,
        "colmap": posed_folders.write_colmap,
    }[kind]
    return write(folder / f"{kind}.data", SHOTS)


@pytest.mark.parametrize("kind", ["schema", "transforms", "colmap"])
def test_every_format_gives_the_cameras_that_were_written(tmp_path, kind):
    found = pose_files.read(written(tmp_path, kind))
    assert len(found.poses) == 3
    for pose, shot in zip(found.poses, SHOTS, strict=True):
        assert shot.name in pose.name
        np.testing.assert_allclose(pose.cam_from_world, shot.cam_from_world, atol=1e-9)
        np.testing.assert_allclose(pose.intrinsics(32, 32), shot.pixel_from_cam, atol=1e-9)
        np.testing.assert_allclose(pose.intrinsics(64, 64)[:2], 2 * shot.pixel_from_cam[:2])
    np.testing.assert_equal(found.up, None if kind == "colmap" else [0, 0, 1])


def test_the_published_file_has_forty_cameras_at_one_point_two(pytestconfig):
    path = pytestconfig.rootpath.parent / "shared/data/poses/One2345_training_pose.json"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    found = pose_files.read(path)
    assert len(found.poses) == 40
    for pose in found.poses:
        np.testing.assert_allclose(pose.cam_from_world[:3, 3], [0, 0, 1.2], atol=1e-6)
        assert pose.size == (256, 256)


def test_colmap_lists_points_or_a_blank_line_or_nothing_after_a_pose(tmp_path):
    for number, points in enumerate(["", None, "1.5 2.5 -1 3 4 17", "1 2 3 4 5 6 7 8 9 1 2 3"]):
        folder = posed_folders.write_colmap(tmp_path / str(number), SHOTS, points=points)
        names = [pose.name for pose in pose_files.read(folder).poses]
        assert names == ["shot_0.png", "shot_1.png", "shot_2.png"]


@pytest.mark.parametrize(
    ("camera", "distortion"),
    [
        ("SIMPLE_PINHOLE 64 48 50 32 24", ()),
        ("SIMPLE_RADIAL 64 48 50 32 24 0.1", (0.1,)),
        ("RADIAL 64 48 50 32 24 0.1 0.2", (0.1, 0.2)),
        ("OPENCV 64 48 50 50 32 24 0.1 0.2 0.3 0.4", (0.1, 0.2, 0.3, 0.4)),
        ("FULL_OPENCV 64 48 50 50 32 24 1 2 3 4 5 6 7 8", (1, 2, 3, 4, 5, 6, 7, 8)),
    ],
)
def test_colmaps_lenses_become_opencvs_numbers(tmp_path, camera, distortion):
    folder = posed_folders.write_colmap(tmp_path, SHOTS, camera=camera)
    pose = pose_files.read(folder).poses[0]
    np.testing.assert_equal(pose.intrinsics(64, 48), [[50, 0, 32], [0, 50, 24], [0, 0, 1]])
    np.testing.assert_equal(np.trim_zeros(pose.distortion, "b"), distortion)


def test_an_angle_of_view_is_as_good_as_a_focal_length(tmp_path):
    angle = 2 * np.arctan(32 / 2 / SHOTS[0].pixel_from_cam[0, 0])
    nothing = dict.fromkeys(["fl_x", "fl_y", "cx", "cy", "w", "h"])
    path = posed_folders.write_transforms(
        tmp_path / "nerf.json", SHOTS, camera_angle_x=angle, **nothing
    )
    pose = pose_files.read(path).poses[0]
    np.testing.assert_allclose(pose.intrinsics(32, 32), SHOTS[0].pixel_from_cam, rtol=1e-6)


def test_a_frames_own_lens_wins_over_the_lens_of_all(tmp_path):
    path = posed_folders.write_transforms(tmp_path / "t.json", SHOTS)
    content = json.loads(path.read_text())
    content["frames"][1] |= {"fl_x": 99.0, "fl_y": 98.0}
    path.write_text(json.dumps(content))
    poses = pose_files.read(path).poses
    assert [pose.pixel_from_cam[0, 0] == 99 for pose in poses] == [False, True, False]
    assert poses[1].pixel_from_cam[1, 1] == 98


def test_a_world_that_was_turned_has_no_up_and_a_way_back(tmp_path):
    turned = [[1, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 5]]
    path = posed_folders.write_transforms(
        tmp_path / "t.json", SHOTS, applied_transform=turned, applied_scale=2.0
    )
    found = pose_files.read(path)
    assert found.up is None
    # 2 x (x, z, -y + 5) was made of (x, y, z).
    np.testing.assert_allclose(found.before_from_world @ [2, 6, 6, 1], [1, 2, 3, 1])
    path = posed_folders.write_transforms(tmp_path / "u.json", SHOTS)
    assert pose_files.read(path).before_from_world is None


@pytest.mark.parametrize(
    ("lens", "distortion"),
    [
        ({"camera_model": "SIMPLE_RADIAL", "k1": -0.1}, (-0.1, 0, 0, 0, 0)),
        ({"camera_model": "RADIAL", "k1": -0.1, "k2": 0.2}, (-0.1, 0.2, 0, 0, 0)),
        (
            {"camera_model": "FULL_OPENCV", "k1": 1, "k2": 2, "k3": 3, "k4": 4, "k5": 5, "k6": 6},
            (1, 2, 0, 0, 3, 4, 5, 6),
        ),
    ],
)
def test_models_that_are_a_part_of_opencvs_are_read(tmp_path, lens, distortion):
    path = posed_folders.write_transforms(tmp_path / "t.json", SHOTS, **lens)
    assert pose_files.read(path).poses[0].distortion == distortion


def test_two_answers_of_one_file_are_named_and_the_frames_own_wins(tmp_path, caplog):
    path = posed_folders.write_transforms(tmp_path / "t.json", SHOTS, fl_x=50.0, fl_y=50.0)
    content = json.loads(path.read_text())
    angle = 2 * np.arctan(32 / 2 / SHOTS[0].pixel_from_cam[0, 0])
    for frame in content["frames"]:
        frame["camera_angle_x"] = angle
    path.write_text(json.dumps(content))
    for pose in pose_files.read(path).poses:
        np.testing.assert_allclose(pose.intrinsics(32, 32), SHOTS[0].pixel_from_cam, rtol=1e-6)
    (line,) = [record.getMessage() for record in caplog.records]
    assert "contradicting intrinsics for 3 photographs (images/shot_0.png: " in line
    assert "50 px" in line


def test_two_answers_that_agree_are_nothing(tmp_path, caplog):
    angle = 2 * np.arctan(32 / 2 / SHOTS[0].pixel_from_cam[0, 0])
    path = posed_folders.write_transforms(tmp_path / "t.json", SHOTS, camera_angle_x=angle)
    pose = pose_files.read(path).poses[0]
    np.testing.assert_allclose(pose.intrinsics(32, 32), SHOTS[0].pixel_from_cam)
    assert not caplog.records


def test_masks_and_depth_maps_are_named_by_their_frames(tmp_path):
    path = posed_folders.write_transforms(tmp_path / "t.json", SHOTS)
    content = json.loads(path.read_text())
    content["frames"][1] |= {"mask_path": "masks/a.png", "depth_file_path": "depth/a.png"}
    path.write_text(json.dumps(content))
    poses = pose_files.read(path).poses
    assert [pose.mask_name for pose in poses] == [None, "masks/a.png", None]
    assert [pose.depth_name for pose in poses] == [None, "depth/a.png", None]


def test_rereading_gives_what_another_reading_would_have_given():
    rng = np.random.default_rng(0)
    matrix = SHOTS[0].cam_from_world @ posed_folders.FLIP
    matrix[:3, 3] += rng.normal(size=3)
    for was in records.READINGS:
        ours = records.cam_from_world(matrix, was)
        for other in records.READINGS:
            np.testing.assert_allclose(
                records.reread(ours, was, other),
                records.cam_from_world(matrix, other),
                atol=1e-12,
            )


def test_a_bent_point_comes_back_to_where_a_straight_lens_puts_it():
    lens = np.array([[40.0, 0, 50], [0, 44, 38], [0, 0, 1]])
    k1, k2, p1, p2 = 0.3, 0.1, 0.03, -0.02
    x, y = 0.7, -0.5
    r2 = x * x + y * y
    radial = 1 + k1 * r2 + k2 * r2**2
    bent = [
        x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x),
        y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y,
    ]
    centres = np.stack(np.meshgrid(np.arange(100) + 0.5, np.arange(80) + 0.5), axis=-1)
    away = np.linalg.norm(centres - (lens @ [*bent, 1])[:2], axis=-1)
    image = np.float32(np.exp(-(away**2) / 8))[..., None].repeat(2, axis=-1)
    straight = records.undistort(image, lens, (k1, k2, p1, p2))[..., 0]
    found = np.sum(straight[..., None] * centres, axis=(0, 1)) / straight.sum()
    # A lens half a pixel off would be 0.5 px off less what the magnification takes away.
    np.testing.assert_allclose(found, (lens @ [x, y, 1])[:2], atol=0.1)


def refusal(path):
    with pytest.raises(UserError) as refused:
        pose_files.read(path)
    message = str(refused.value)
    assert "\n" not in message
    assert str(path) in message
    return message


@pytest.mark.parametrize(
    ("camera", "words"),
    [
        ("OPENCV_FISHEYE 64 48 50 50 32 24 0 0 0 0", "model OPENCV_FISHEYE.*image_undistorter"),
        ("FOV 64 48 50 50 32 24 1", "model FOV"),
        ("PINHOLE 64 48 50 50 32", "PINHOLE has 4 parameters, here are 3"),
        ("PINHOLE 64 48 0 50 32 24", "focal lengths 0, 50 px"),
        ("PINHOLE wide 48 50 50 32 24", "line 2"),
    ],
)
def test_lenses_that_cannot_be_used_are_named(tmp_path, camera, words):
    folder = posed_folders.write_colmap(tmp_path / "model", SHOTS, camera=camera)
    with pytest.raises(UserError, match=words):
        pose_files.read(folder)
    refusal(folder)


def test_a_damaged_binary_model_is_refused_with_its_record(tmp_path):
    (tmp_path / "cameras.bin").write_bytes(b"\0")
    (tmp_path / "images.bin").write_bytes(b"\0")
    assert "cameras.bin, record 0" in refusal(tmp_path)


def test_a_folder_without_a_model_says_what_it_should_hold(tmp_path):
    assert "cameras.txt and images.txt" in refusal(tmp_path)


def test_an_image_of_an_unknown_camera_is_refused_with_its_line(tmp_path):
    folder = posed_folders.write_colmap(tmp_path, SHOTS)
    (folder / "cameras.txt").write_text("1 PINHOLE 64 48 50 50 32 24\n")
    assert "images.txt, line 2: camera 7 is not in cameras.txt" in refusal(folder)


def changed(number, value):
    matrix = np.array(posed_folders.world_from_cam(SHOTS[0]))
    matrix.flat[number] = value
    return [{"file_path": "shot_0.png", "transform_matrix": matrix.tolist()}]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"frames": changed(3, float("nan"))}, "frame shot_0.png: .*not finite"),
        ({"frames": changed(0, 9.0)}, "off orthonormal"),
        ({"frames": changed(14, 1.0)}, "last row"),
        ({"frames": [{"transform_matrix": np.eye(4).tolist()}]}, "frame 0 has no file_path"),
        ({"frames": [{"file_path": "a"}]}, "transform_matrix"),
        ({"frames": []}, "no poses"),
        ({"frames": 3}, "int"),
        ({"camera_model": "OPENCV_FISHEYE"}, "camera model OPENCV_FISHEYE"),
        ({"camera_model": "EQUIRECTANGULAR"}, "undistort the photographs first"),
        ({"is_fisheye": True}, "a fisheye"),
        ({"k4": 0.1}, "k4 is 0.1"),
        ({"fl_x": None}, "neither fl_x nor camera_angle_x"),
        ({"w": 0}, "width and height are 0 and 32"),
    ],
)
def test_transforms_that_cannot_be_used_are_refused_with_the_reason(tmp_path, changes, words):
    path = posed_folders.write_transforms(tmp_path / "transforms.json", SHOTS, **changes)
    with pytest.raises(UserError, match=words):
        pose_files.read(path)
    refusal(path)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"schema": "jaxrelic.poses/2"}, "not 'jaxrelic.poses/1'"),
        ({"camera_axes": "right-down-forward"}, "must be 'right-up-back', 'z'"),
        ({"pixel_from_cam": [[1, 2, 3], [0, 1, 2], [0, 0, 1]]}, "skew"),
        ({"views": []}, "no poses"),
    ],
)
def test_our_schema_is_checked(tmp_path, changes, words):
    path = posed_folders.write_schema(tmp_path / "poses.json", SHOTS, **changes)
    with pytest.raises(UserError, match=words):
        pose_files.read(path)
    refusal(path)


@pytest.mark.parametrize("text", ["[1, 2]", "{", "", "{}", "\0\1", "[" * 100_000, '{"a": 1}'])
def test_files_of_no_format_say_which_there_are(tmp_path, text):
    (tmp_path / "poses.json").write_text(text)
    assert "transforms.json" in refusal(tmp_path / "poses.json")


def test_opencv_is_asked_only_about_lenses_that_bend(monkeypatch):
    monkeypatch.setattr(cv2, "remap", None)
    image = np.zeros((4, 4, 1), np.float32)
    assert records.undistort(image, np.eye(3), (0.0, 0.0)) is image
