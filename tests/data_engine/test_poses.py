import json
import pathlib

import numpy as np
import pytest

from data_engine.errors import UserError
from data_engine.rendering import poses
from jaxrelic.geometry import cameras

GOLDEN = pathlib.Path(__file__).parents[3] / "shared/data/poses/One2345_training_pose.json"


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


@pytest.mark.parametrize("spec", ["one2345", "ring:5@-12.5", "sphere:7"])
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
    elevations = pose_set.elevations_deg()
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
        (lambda content: content.pop("views"), "views"),
    ],
)
def test_an_unusable_pose_file_is_refused_with_its_fault(tmp_path, spoil, complaint):
    content = json.loads(json.dumps(poses.sphere(2).as_json()))
    spoil(content)
    path = tmp_path / "poses.json"
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match=complaint):
        poses.read_poses(path)


@pytest.mark.parametrize("spec", ["ring:0@10", "sphere:0", "sphere:x", "no-such-file.json"])
def test_an_unknown_pose_set_is_a_user_error(spec):
    with pytest.raises(UserError, match=spec):
        poses.load_poses(spec)
