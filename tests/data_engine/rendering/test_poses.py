import json

import numpy as np
import pytest
from places import SHARED_DATA

from data_engine.cli import main
from data_engine.errors import UserError
from data_engine.rendering import poses
from jaxrelic.geometry import cameras

GOLDEN = SHARED_DATA / "poses/One2345_training_pose.json"


def elevations_deg(pose_set):
    """Elevation of each camera above the xy plane, [n]."""
    positions = pose_set.world_from_cam[:, :3, 3]
    return np.degrees(np.arcsin(positions[:, 2] / np.linalg.norm(positions, axis=-1)))


@pytest.fixture
def golden():
    if not GOLDEN.is_file():
        pytest.skip(f"{GOLDEN} is absent; the published poses cannot be compared")
    return poses.read_poses(GOLDEN)


def test_generated_one2345_poses_are_the_published_ones(golden):
    ours = poses.one2345()
    assert ours.names == golden.names
    assert (ours.anchor, ours.neighbour) == (golden.anchor, golden.neighbour)
    np.testing.assert_allclose(ours.world_from_cam, golden.world_from_cam, atol=1e-6)
    np.testing.assert_array_equal(ours.pixel_from_cam, golden.pixel_from_cam)
    np.testing.assert_allclose(ours.near_far, golden.near_far)


@pytest.mark.parametrize(
    "spec",
    [
        "one2345",
        "one2345_eval",
        "ring:5@-12.5",
        "sphere:7",
        "random:9@1",
        "zero123:5",
        "zero123:40",
    ],
)
def test_every_camera_sees_the_origin_upright_at_the_image_centre(spec):
    pose_set = poses.load_poses(spec).scaled(64)
    for cam_from_world in pose_set.cam_from_world():
        np.testing.assert_allclose(cam_from_world[:3, 3], [0, 0, poses.RADIUS], atol=1e-12)
        up_in_camera = cam_from_world[:3, 2]
        assert abs(up_in_camera[0]) < 1e-12
        assert up_in_camera[1] < 0  # World up is image up; camera y points down
    np.testing.assert_array_equal(pose_set.pixel_from_cam, [[70, 0, 32], [0, 70, 32], [0, 0, 1]])


def test_poses_agree_with_the_camera_orbit_of_the_library():
    e, a = np.radians(25.0), np.radians(140.0)
    orbit = cameras.orbit(*np.float32([[a], [e], [0]]), np.float32([[0, 0, poses.RADIUS]]))
    ours = cameras.cam_from_world_from_blender(poses.orbit_pose(25.0, 140.0))
    np.testing.assert_allclose(ours, orbit[0], atol=1e-6)


@pytest.mark.parametrize("num_views", [2, 12, 40])
def test_sphere_views_stay_in_their_band_and_apart_from_each_other(num_views):
    pose_set = poses.sphere(num_views)
    elevations = elevations_deg(pose_set)
    assert elevations.min() >= -10
    assert elevations.max() <= 50
    directions = pose_set.world_from_cam[:, :3, 2]
    cosines = directions @ directions.T - 2 * np.eye(num_views)
    band_area = 2 * np.pi * np.ptp(np.sin(np.radians(poses.SPHERE_ELEVATIONS_DEG)))
    # Half the spacing of an ideal square lattice of as many points on the band.
    assert np.arccos(cosines.max()) > 0.5 * np.sqrt(band_area / num_views)


def test_a_pose_file_reads_back_exactly_and_in_order(tmp_path):
    written = poses.one2345().scaled(100)
    poses.write_poses(tmp_path / "poses.json", written)
    read = poses.load_poses(str(tmp_path / "poses.json"))
    assert read.as_json() == written.as_json()
    np.testing.assert_array_equal(read.world_from_cam, written.world_from_cam)


def test_scaling_back_restores_the_intrinsics():
    original = poses.sphere(2)
    np.testing.assert_array_equal(
        original.scaled(64).scaled(256).pixel_from_cam, original.pixel_from_cam
    )


def test_the_evaluation_set_is_two_rings_of_twelve():
    pose_set = poses.load_poses("one2345_eval")
    np.testing.assert_allclose(elevations_deg(pose_set), [30.0] * 12 + [0.0] * 12, atol=1e-9)
    x, y = pose_set.world_from_cam[:, :2, 3].T
    azimuths = np.degrees(np.arctan2(y, x)) % 360
    steps = (azimuths - np.tile(np.arange(0, 360, 30), 2) + 180) % 360 - 180
    np.testing.assert_allclose(steps, 0, atol=1e-9)


def test_a_photograph_from_30_degrees_has_the_training_views_as_its_zero123_views():
    np.testing.assert_allclose(
        poses.load_poses("zero123:30").world_from_cam, poses.one2345().world_from_cam, atol=1e-12
    )


@pytest.mark.parametrize(("elevation", "second"), [(20.0, -10.0), (15.0, -15.0), (14.0, 44.0)])
def test_the_second_zero123_ring_is_lower_unless_the_photograph_is_from_low_down(elevation, second):
    pose_set = poses.zero123(elevation)
    elevations = elevations_deg(pose_set)
    np.testing.assert_allclose(elevations[:8], [elevation] * 4 + [second] * 4, atol=1e-9)
    cosine = np.cos(np.radians(10.0))  # Up and down are ten degrees of arc, sideways are less
    for view in range(8, 40, 4):
        anchor = pose_set.world_from_cam[pose_set.anchor[view], :3, 2]
        ups_and_downs = pose_set.world_from_cam[view : view + 2, :3, 2]
        np.testing.assert_allclose(ups_and_downs @ anchor, cosine, atol=1e-12)


def test_random_views_cover_the_sphere_evenly_and_repeat_with_their_seed():
    first, again, other = (poses.load_poses(f"random:2000@{seed}") for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.world_from_cam, again.world_from_cam)
    assert not np.allclose(first.world_from_cam, other.world_from_cam)
    directions = first.world_from_cam[:, :3, 2]
    # Uniform on the sphere: mean 0 and covariance 1 / 3, here to three standard errors.
    np.testing.assert_allclose(directions.mean(axis=0), 0, atol=3 / np.sqrt(3 * 2000))
    np.testing.assert_allclose(directions.T @ directions / 2000, np.eye(3) / 3, atol=0.03)


def test_shell_views_fill_the_distances_and_depth_bounds_hold_the_relic():
    pose_set = poses.load_poses("shell:300@4")
    radii = np.linalg.norm(pose_set.world_from_cam[:, :3, 3], axis=-1)
    assert 1.5 <= radii.min() < 1.52 < 2.18 < radii.max() <= 2.2
    near, far = pose_set.near_far
    assert near < radii.min() - 0.5
    assert far > radii.max() + 0.5


def test_the_command_writes_a_file_with_the_size_focal_lengths_and_radius_asked_for(tmp_path):
    path = tmp_path / "new" / "poses.json"
    words = ["ring:6@10", "-o", str(path), "--size", "128", "--fx", "150", "--fy", "170"]
    assert main(["poses", *words, "--radius", "2.5"]) == 0
    pose_set = poses.read_poses(path)
    assert (len(pose_set), pose_set.size) == (6, 128)
    np.testing.assert_allclose(pose_set.pixel_from_cam, [[150, 0, 64], [0, 170, 64], [0, 0, 1]])
    np.testing.assert_allclose(pose_set.cam_from_world()[:, :3, 3], [[0, 0, 2.5]] * 6, atol=1e-9)
    assert main(["poses", str(path), "-o", str(path), "--size", "64"]) == 0
    assert poses.read_poses(path).pixel_from_cam[0, 0] == 75


@pytest.mark.parametrize("words", [["--fx", "-1"], ["--size", "0"], ["--radius", "nan"]])
def test_the_command_refuses_impossible_cameras(tmp_path, capsys, words):
    assert main(["poses", "one2345", "-o", str(tmp_path / "poses.json"), *words]) == 2
    assert words[0].strip("-") in capsys.readouterr().err


def test_a_camera_that_misses_the_origin_is_read_with_a_warning(tmp_path, caplog):
    for shift, warned in ((0.0009, False), (0.0011, True)):
        caplog.clear()
        aside = poses.sphere(3)
        aside.world_from_cam[1, :3, 3] += shift * aside.world_from_cam[1, :3, 0]
        poses.write_poses(tmp_path / "poses.json", aside)
        poses.read_poses(tmp_path / "poses.json")
        assert ("1 of 3 views miss the origin" in caplog.text) == warned


def set_skew(content):
    content["pixel_from_cam"][0][1] = 0.5


def set_focal(content):
    content["pixel_from_cam"][1][1] = -280


def set_bottom_row(content):
    content["views"][1]["world_from_cam"][3] = [0, 0, 0.001, 1]


def set_nan(content):
    content["views"][1]["world_from_cam"][0][3] = float("nan")


def set_near(content):
    content["near_far"] = [2.0, 1.0]


def set_width(content):
    content["width"] = content["height"] = 10**9


def mirror(content):
    for row in content["views"][1]["world_from_cam"]:
        row[0] = -row[0]


def scale_rotation(content):
    content["views"][0]["world_from_cam"][1][0] *= 1.1


def repeat_name(content):
    content["views"][1]["name"] = content["views"][0]["name"]


def escape_folder(content):
    content["views"][0]["name"] = "../view"


def forget_anchor(content):
    content["views"][0]["anchor"] = 2


def other_axes(content):
    content["camera_axes"] = "right-down-forward"


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (mirror, "mirror"),
        (scale_rotation, "orthonormal"),
        (repeat_name, "same name"),
        (escape_folder, "view name"),
        (forget_anchor, "anchor"),
        (other_axes, "camera_axes"),
        (set_skew, "skew"),
        (set_focal, "focal"),
        (set_bottom_row, "view_001: the last row"),
        (set_nan, "view_001"),
        (set_near, "near_far"),
        (set_width, "width"),
        (lambda content: content.pop("views"), "views"),
        (lambda content: content.update(views=[1]), "views|subscriptable"),
    ],
)
def test_an_unusable_pose_file_is_refused_with_its_fault(tmp_path, spoil, complaint):
    content = json.loads(json.dumps(poses.sphere(2).as_json()))
    spoil(content)
    path = tmp_path / "poses.json"
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match=complaint):
        poses.read_poses(path)


@pytest.mark.parametrize("text", ["[]", "7", '"c2ws"', "{", "", "{}", '{"c2ws": {}}'])
def test_a_file_that_holds_no_poses_is_a_user_error(tmp_path, text):
    (tmp_path / "poses.json").write_text(text)
    with pytest.raises(UserError, match=r"poses\.json"):
        poses.load_poses(str(tmp_path / "poses.json"))


@pytest.mark.parametrize("spec", ["ring:0@10", "sphere:0", "sphere:x", "no-such-file.json"])
def test_an_unknown_pose_set_is_a_user_error(spec):
    with pytest.raises(UserError, match=spec):
        poses.load_poses(spec)
