"""Photographs of a folder find their poses and masks, and no other file is opened."""

import pathlib
import unicodedata

import numpy as np
import PIL.Image
import pytest

from jaxrelic.data import pose_files
from jaxrelic.errors import UserError
from jaxrelic.photos import matching


def write_folder(tmp_path, names):
    folder = tmp_path / "views"
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        PIL.Image.new("RGB", (32, 32)).save(folder / name)
    return folder


def file_of(names, **fields):
    poses = tuple(pose_files.PhotographPose(name=name, cam_from_world=np.eye(4)) for name in names)
    fixed = {"format": "", "reading": "world-to-camera, OpenCV axes", "up": None}
    return pose_files.PoseFile(path=pathlib.Path("poses.json"), poses=poses, **fixed, **fields)


def matched(folder, names, **fields):
    pairs = matching.match(folder, file_of(names, **fields))
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
    assert len(matched(folder, ["0", "1", "2"])) == 3
    with pytest.raises(UserError, match=r"1 of 8 photographs in .* have a pose; without: .*5.png"):
        matched(folder, ["0", "x", "y"])
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
        matching.masks_of([folder / "a.png", folder / "b.png"], folder, masks)


def test_two_cameras_may_number_their_photographs_alike(tmp_path):
    folder = write_folder(tmp_path, ["front/0.jpg", "back/0.jpg", "front/1.jpg"])
    names = ["images/front/0.jpg", "images/back/0.jpg", "/home/me/images/front/1.jpg"]
    assert matched(folder, names) == {
        "front/0.jpg": names[0],
        "back/0.jpg": names[1],
        "front/1.jpg": names[2],
    }


def test_case_and_accents_do_not_matter_where_the_exact_name_is_not_there(tmp_path):
    composed = "Müze.png"
    folder = write_folder(tmp_path, ["IMG_1.JPG", "img_2.jpg", "IMG_2.JPG", composed])
    names = ["img_1.jpg", "IMG_2.JPG", "img_2.jpg", unicodedata.normalize("NFD", composed)]
    found = matched(folder, names)
    assert found == {
        "IMG_1.JPG": "img_1.jpg",
        "IMG_2.JPG": "IMG_2.JPG",
        "img_2.jpg": "img_2.jpg",
        composed: names[3],
    }


def test_a_project_has_photographs_of_its_own_folder_only(tmp_path):
    names = ["images/a.png", "images/b.png", "dense/images/a.png", "dense/images/b.png"]
    folder = write_folder(tmp_path, names)
    assert list(matched(folder, ["a.png", "b.png"])) == ["images/a.png", "images/b.png"]
    dense = matched(folder, ["a.png", "b.png"], folders=(folder / "dense" / "images",))
    assert list(dense) == ["dense/images/a.png", "dense/images/b.png"]


def test_masks_and_depth_maps_of_the_same_names_are_no_photographs(tmp_path, caplog):
    names = [f"{part}/{name}.png" for part in ("depth", "images", "masks") for name in "ab"]
    folder = write_folder(tmp_path, names)
    assert list(matched(folder, ["a.png", "b"])) == ["images/a.png", "images/b.png"]
    assert not caplog.records


def test_pictures_beside_that_the_file_names_as_depth_are_no_photographs(tmp_path, caplog):
    folder = write_folder(tmp_path, ["a.png", "b.png", "a_depth.png", "b_depth.png"])
    poses = tuple(
        pose_files.PhotographPose(
            name=name, cam_from_world=np.eye(4), depth_name=f"depth/{name}_depth.png"
        )
        for name in "ab"
    )
    file = pose_files.PoseFile(
        path=tmp_path, format="", reading="world-to-camera, OpenCV axes", up=None, poses=poses
    )
    assert len(matching.match(folder, file)) == 2
    assert not caplog.records


@pytest.mark.parametrize("name", ["a.png", "a.jpg.png", "A.PNG", "a_mask.png", "a.mask.png"])
def test_masks_are_called_after_their_photographs(tmp_path, name):
    folder = write_folder(tmp_path, ["a.jpg"])
    masks = write_folder(tmp_path / "m", [name])
    assert matching.masks_of([folder / "a.jpg"], folder, masks) == [masks / name]


def test_masks_of_two_cameras_lie_in_like_folders(tmp_path):
    photographs = ["front/0.jpg", "back/0.jpg"]
    folder = write_folder(tmp_path, photographs)
    masks = write_folder(tmp_path / "m", ["back/0.jpg.png", "front/0.jpg.png"])
    found = matching.masks_of([folder / name for name in photographs], folder, masks)
    assert found == [masks / f"{name}.png" for name in photographs]
    one = write_folder(tmp_path / "one", ["0.png"])
    with pytest.raises(UserError, match=r"would be that of .*front/0\.jpg and of .*back/0\.jpg"):
        matching.masks_of([folder / name for name in photographs], folder, one)


def test_a_mask_that_the_pose_file_names_is_looked_for_beside_it_and_not_outside(tmp_path):
    folder = write_folder(tmp_path, ["images/a.png", "masks/a.png"])
    PIL.Image.new("L", (32, 32)).save(tmp_path / "secret.png")

    def named(mask):
        pose = pose_files.PhotographPose(
            name="images/a.png", cam_from_world=np.eye(4), mask_name=mask
        )
        file = file_of([])
        object.__setattr__(file, "path", folder / "transforms.json")
        return matching.named_mask(pose, file, folder / "images")

    for name in ("masks/a.png", "/home/me/scan/masks/a.png", "..\\masks\\a.png"):
        assert named(name) == folder / "masks/a.png"
    assert named("../secret.png") is None
    assert named(str(tmp_path / "secret.png")) is None
    assert named(None) is None
