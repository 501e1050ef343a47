"""Photographs of a folder find their poses and masks, and no other file is opened."""

import numpy as np
import PIL.Image
import pytest

from jaxrelic.data import pose_files
from jaxrelic.errors import UserError
from jaxrelic.photos import posed_folder


def no_finder(rgb):
    raise AssertionError("the object is known")


def exif_turned(path, orientation):
    """A file whose stored pixels are turned, with the note that turns them upright."""
    image = PIL.Image.open(path)
    undo = {6: PIL.Image.Transpose.ROTATE_90, 8: PIL.Image.Transpose.ROTATE_270}[orientation]
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    image.transpose(undo).save(path, exif=exif)


@pytest.mark.parametrize("orientation", [6, 8])
def test_poses_are_about_stored_pixels_unless_sizes_say_otherwise(tmp_path, orientation):
    image = np.zeros((40, 60, 3), np.uint8)
    image[:10, :20] = 250
    path = tmp_path / "a.png"
    PIL.Image.fromarray(image).save(path)
    exif_turned(path, orientation)
    mask = np.zeros((40, 60), np.uint8)
    mask[5:15, 30:50] = 255
    PIL.Image.fromarray(mask).save(tmp_path / "mask.png")

    def read_as(width, height):
        lens = np.array([[50.0, 0, width / 2], [0, 50, height / 2], [0, 0, 1]])
        pose = pose_files.PhotographPose(
            name="a", cam_from_world=np.eye(4), pixel_from_cam=lens, size=(width, height)
        )
        arguments = {"find": no_finder, "source": "p"}
        return posed_folder._read(path, pose, tmp_path / "mask.png", **arguments).rgba

    upright, stored = read_as(60, 40), read_as(40, 60)
    assert upright.shape == (40, 60, 4)
    np.testing.assert_array_equal(upright[..., 3] > 0.5, mask > 0)
    assert stored.shape == (60, 40, 4)
    turns = {6: 1, 8: -1}[orientation]
    np.testing.assert_array_equal(stored, np.rot90(upright, turns))


def write_folder(tmp_path, names):
    folder = tmp_path / "views"
    folder.mkdir()
    for name in names:
        PIL.Image.new("RGB", (32, 32)).save(folder / name)
    return folder


def matched(folder, names):
    poses = tuple(pose_files.PhotographPose(name=name, cam_from_world=np.eye(4)) for name in names)
    file = pose_files.PoseFile(
        path="poses.json", format="", reading="world-to-camera, OpenCV axes", up=None, poses=poses
    )
    pairs = posed_folder.match(folder, file)
    return {path.relative_to(folder).as_posix(): pose.name for path, pose in pairs}


def test_names_match_by_path_then_name_then_stem(tmp_path):
    folder = write_folder(tmp_path, ["a.png", "b.jpg", "c.jpg"])
    (folder / "left").mkdir()
    PIL.Image.new("RGB", (32, 32)).save(folder / "left" / "a.png")
    found = matched(folder, ["left/a.png", "./images/a.png", "images/b", "c.png"])
    assert found == {
        "left/a.png": "left/a.png",
        "a.png": "./images/a.png",
        "b.jpg": "images/b",
        "c.jpg": "c.png",
    }
    with pytest.raises(UserError, match="are both a pose of"):
        matched(folder, ["a.png", "./a", "b", "c"])


def test_a_pose_file_opens_no_file_outside_the_folder(tmp_path):
    folder = write_folder(tmp_path, ["a.png", "b.png"])
    PIL.Image.new("RGB", (32, 32)).save(tmp_path / "c.png")
    for name in ("../c.png", str(tmp_path / "c.png")):
        assert list(matched(folder, ["a", "b", name])) == ["a.png", "b.png"]


def test_a_few_leftovers_are_warned_of_and_many_are_refused(tmp_path, caplog):
    folder = write_folder(tmp_path, [f"{n}.png" for n in range(8)])
    assert len(matched(folder, ["0", "1", "2", "3", "4", "other"])) == 5
    assert "has no pose of 3 of 8 photographs, which are left out" in caplog.text
    assert "1 poses without a photograph" in caplog.text
    with pytest.raises(UserError, match=r"3 of 8 photographs in .* have a pose; without: .*5.png"):
        matched(folder, ["0", "1", "2"])
    with pytest.raises(UserError, match=r"0 of 8 photographs .* 7\.png|and 3 more"):
        matched(folder, [f"frame_{n}" for n in range(9)])


def test_photographs_that_may_be_the_same_are_refused(tmp_path):
    folder = write_folder(tmp_path, ["a.png", "a.jpg", "b.png"])
    with pytest.raises(UserError, match="may all be a; keep one"):
        matched(folder, ["a", "b"])


def test_masks_are_asked_for_by_name(tmp_path):
    folder = write_folder(tmp_path, ["a.png", "b.png"])
    masks = tmp_path / "masks"
    masks.mkdir()
    PIL.Image.new("L", (32, 32)).save(masks / "a.png")
    with pytest.raises(UserError, match=r"has no mask of .*b\.png"):
        posed_folder._masks_of([folder / "a.png", folder / "b.png"], masks)
