"""Photographs are read in the orientation and size that their poses are about."""

import numpy as np
import PIL.Image
import pytest

from jaxrelic.data import pose_files
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
        folder = posed_folder.Folder(
            pairs=[(path, pose)], masks=[tmp_path / "mask.png"], source="p", find=no_finder
        )
        return folder.read()[0].rgba

    upright, stored = read_as(60, 40), read_as(40, 60)
    assert upright.shape == (40, 60, 4)
    np.testing.assert_array_equal(upright[..., 3] > 0.5, mask > 0)
    assert stored.shape == (60, 40, 4)
    turns = {6: 1, 8: -1}[orientation]
    np.testing.assert_array_equal(stored, np.rot90(upright, turns))


def test_intrinsics_without_a_size_follow_a_picture_that_is_reduced(tmp_path, monkeypatch):
    monkeypatch.setattr(posed_folder, "MAX_SIDE_PX", 30)
    PIL.Image.new("RGB", (60, 40), (250, 250, 250)).save(tmp_path / "a.png")
    mask = np.zeros((40, 60), np.uint8)
    mask[5:15, 30:50] = 255
    PIL.Image.fromarray(mask).save(tmp_path / "mask.png")
    lens = np.array([[50.0, 0, 30], [0, 50, 20], [0, 0, 1]])
    pose = pose_files.PhotographPose(name="a", cam_from_world=np.eye(4), pixel_from_cam=lens)
    folder = posed_folder.Folder(
        pairs=[(tmp_path / "a.png", pose)],
        masks=[tmp_path / "mask.png"],
        source="p",
        find=no_finder,
    )
    (read,) = folder.read()
    assert read.rgba.shape == (20, 30, 4)
    np.testing.assert_allclose(read.pixel_from_cam, [[25, 0, 15], [0, 25, 10], [0, 0, 1]])


def test_a_hundred_pictures_of_another_size_are_told_in_one_line(tmp_path, caplog):
    caplog.set_level("INFO")
    rgba = np.zeros((40, 60, 4), np.uint8)
    rgba[5:15, 30:50] = 255
    pairs = []
    for number in range(100):
        path = tmp_path / f"{number:03}.png"
        PIL.Image.fromarray(rgba).save(path)
        lens = np.array([[100.0, 0, 60], [0, 100, 40], [0, 0, 1]])
        pose = pose_files.PhotographPose(
            name=path.name, cam_from_world=np.eye(4), pixel_from_cam=lens, size=(120, 80)
        )
        pairs.append((path, pose))
    posed_folder.Folder(pairs=pairs, masks=[None] * 100, source="p", find=no_finder).read()
    (line,) = [record.getMessage() for record in caplog.records]
    assert "100 of 100 pictures have another size" in line
    assert "60 x 40 for 120 x 80 px" in line


@pytest.mark.parametrize("of_stored_pixels", [True, False])
def test_a_mask_of_a_turned_picture_is_taken_as_the_pictures_edges_say(tmp_path, of_stored_pixels):
    image = np.full((40, 60, 3), 90, np.uint8)
    image[5:15, 30:50] = 250
    exif = PIL.Image.Exif()
    exif[0x0112] = 3
    PIL.Image.fromarray(image).save(tmp_path / "a.png", exif=exif)
    mask = np.uint8(255 * (image[..., 0] > 200))
    written = mask if of_stored_pixels else mask[::-1, ::-1]
    PIL.Image.fromarray(written).save(tmp_path / "mask.png")
    lens = np.array([[50.0, 0, 30], [0, 50, 20], [0, 0, 1]])
    pose = pose_files.PhotographPose(name="a", cam_from_world=np.eye(4), pixel_from_cam=lens)
    folder = posed_folder.Folder(
        pairs=[(tmp_path / "a.png", pose)],
        masks=[tmp_path / "mask.png"],
        source="p",
        find=no_finder,
    )
    read = folder.read()
    np.testing.assert_array_equal(read[0].rgba[..., 3] > 0.5, mask > 0)
    (upright,) = folder.upright(read)
    np.testing.assert_array_equal(upright.rgba[..., 3] > 0.5, mask[::-1, ::-1] > 0)
    np.testing.assert_array_equal(upright.rgba[..., :3], read[0].rgba[::-1, ::-1, :3])
