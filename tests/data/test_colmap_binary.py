"""COLMAP's binary model says what its text model says, wherever it lies in a project."""

import struct

import numpy as np
import posed_folders
import pytest
import scipy.spatial.transform

from jaxrelic.data import pose_files
from jaxrelic.errors import UserError

SHOTS = posed_folders.shots(count=3, size=32)
IDENTITY = (1.0, 0, 0, 0, 0, 0, 0)


def numbers_of(pose):
    x, y, z, w = scipy.spatial.transform.Rotation.from_matrix(pose[:3, :3]).as_quat()
    return (w, x, y, z, *pose[:3, 3])


def write_binary(folder, taken, *, camera=(1, 4), poses=None, suffix=".png"):
    """cameras.bin and images.bin by the layout of COLMAP's documentation."""
    folder.mkdir(parents=True, exist_ok=True)
    (fx, _, cx), (_, fy, cy), _ = taken[0].pixel_from_cam.tolist()
    kind, count = camera
    lens = [fx, fy, cx, cy, 0.1, 0.2, 0.3, 0.4][:count]
    head = struct.pack("<QIiQQ", 1, 7, kind, 32, 32)
    (folder / "cameras.bin").write_bytes(head + struct.pack(f"<{count}d", *lens))
    data = struct.pack("<Q", len(taken))
    for number, shot in enumerate(taken):
        pose = shot.cam_from_world if poses is None else poses[number]
        data += struct.pack("<I7dI", number + 1, *numbers_of(pose), 7)
        data += f"{shot.name}{suffix}".encode() + b"\0"
        data += struct.pack("<Q", number)
        data += struct.pack("<ddq", 1.5, 2.5, -1) * number
    (folder / "images.bin").write_bytes(data)
    return folder


def write_rig(folder, taken, cam_from_rig):
    """rigs.bin and frames.bin of COLMAP 3.12: the camera is the second sensor of its rig."""
    rig = struct.pack("<QIIiI", 1, 3, 3, 0, 9)
    rig += struct.pack("<iIB7d", 0, 7, 1, *numbers_of(cam_from_rig))
    rig += struct.pack("<iIB", 1, 2, 0)  # An inertial sensor whose pose nobody knows.
    (folder / "rigs.bin").write_bytes(rig)
    data = struct.pack("<Q", len(taken))
    for number, shot in enumerate(taken):
        rig_from_world = np.linalg.inv(cam_from_rig) @ shot.cam_from_world
        data += struct.pack("<II7dI", number + 1, 3, *numbers_of(rig_from_world), 2)
        data += struct.pack("<iIQ", 1, 2, number + 1)
        data += struct.pack("<iIQ", 0, 7, number + 1)
    (folder / "frames.bin").write_bytes(data)


def check_same(found, other):
    assert [pose.name for pose in found.poses] == [pose.name for pose in other.poses]
    for pose, its in zip(found.poses, other.poses, strict=True):
        np.testing.assert_allclose(pose.cam_from_world, its.cam_from_world, atol=1e-9)
        np.testing.assert_allclose(pose.pixel_from_cam, its.pixel_from_cam)
        assert pose.size == its.size
        assert pose.distortion == its.distortion
    assert found.up is other.up is None


def test_binary_and_text_say_the_same(tmp_path):
    binary = pose_files.read(write_binary(tmp_path / "bin", SHOTS))
    check_same(binary, pose_files.read(posed_folders.write_colmap(tmp_path / "txt", SHOTS)))
    assert (binary.format, binary.reading) == (
        "COLMAP binary model",
        "world-to-camera, OpenCV axes",
    )
    check_same(pose_files.read(tmp_path / "bin" / "images.bin"), binary)


def test_a_lens_that_bends_keeps_its_order(tmp_path):
    pose = pose_files.read(write_binary(tmp_path, SHOTS, camera=(4, 8))).poses[0]
    assert pose.distortion == (0.1, 0.2, 0.3, 0.4, 0, 0, 0, 0)


def test_frames_of_a_rig_place_its_cameras(tmp_path, caplog):
    plain = pose_files.read(write_binary(tmp_path / "a", SHOTS))
    offset = np.eye(4)
    offset[:3, 3] = 0.1, -0.2, 0.3
    with_rig = write_binary(tmp_path / "b", SHOTS)
    write_rig(with_rig, SHOTS, offset)
    check_same(pose_files.read(with_rig), plain)
    assert not caplog.records
    moved = write_binary(tmp_path / "c", SHOTS, poses=[np.eye(4)] * 3)
    write_rig(moved, SHOTS, offset)
    check_same(pose_files.read(moved), plain)
    assert "the frames file places 3 of 3 photographs otherwise than the images file" in caplog.text


def test_rigs_and_frames_as_text_say_the_same(tmp_path, caplog):
    """The lines are those that pycolmap 4.2 writes."""
    folder = posed_folders.write_colmap(tmp_path / "t", SHOTS)
    plain = pose_files.read(folder)
    pose = " ".join(map(repr, map(float, (*IDENTITY[:4], 0.5, 0, 0))))
    (folder / "rigs.txt").write_text(f"# Rigs\n3 3 CAMERA 9 CAMERA 7 1 {pose} IMU 2 0\n")
    lines = ["# Frames"]
    offset = np.eye(4)
    offset[0, 3] = 0.5
    for number, shot in enumerate(SHOTS):
        rig = map(float, numbers_of(np.linalg.inv(offset) @ shot.cam_from_world))
        lines.append(f"{number + 1} 3 {' '.join(map(repr, rig))} 1 CAMERA 7 {number + 1}")
    (folder / "frames.txt").write_text("\n".join(lines) + "\n")
    check_same(pose_files.read(folder), plain)
    assert not caplog.records


@pytest.mark.parametrize("cut", [4, 20, 60, 61, 100, 180])
def test_a_file_that_ends_too_soon_is_refused_with_its_name(tmp_path, cut):
    folder = write_binary(tmp_path / "m", SHOTS)
    for name in ("images.bin", "cameras.bin"):
        whole = (folder / name).read_bytes()
        if cut < len(whole):
            (folder / name).write_bytes(whole[:cut])
            with pytest.raises(UserError, match=rf"{name}, record \d: .*copy COLMAP's folder"):
                pose_files.read(folder)
            (folder / name).write_bytes(whole)


def test_a_file_that_goes_on_is_refused(tmp_path):
    folder = write_binary(tmp_path, SHOTS)
    with (folder / "cameras.bin").open("ab") as file:
        file.write(b"more")
    with pytest.raises(UserError, match="4 bytes follow the last record"):
        pose_files.read(folder)


@pytest.mark.parametrize(("kind", "named"), [(5, "OPENCV_FISHEYE"), (99, "number 99")])
def test_lenses_that_cannot_be_used_are_named(tmp_path, kind, named):
    folder = write_binary(tmp_path, SHOTS, camera=(kind, 4))
    with pytest.raises(UserError, match=f"camera 7 has the model {named}"):
        pose_files.read(folder)


def test_a_byte_order_mark_and_windows_line_ends_are_nothing(tmp_path):
    folder = posed_folders.write_colmap(tmp_path, SHOTS)
    plain = pose_files.read(folder)
    for name in ("cameras.txt", "images.txt"):
        text = (folder / name).read_text().replace("\n", "\r\n")
        (folder / name).write_bytes(b"\xef\xbb\xbf" + text.encode())
    check_same(pose_files.read(folder), plain)
    for name in ("cameras.txt", "images.txt"):
        text = (folder / name).read_text("utf-8-sig")
        (folder / name).write_text(text, "utf-16")
    check_same(pose_files.read(folder), plain)


def test_a_projects_model_is_found_and_the_larger_of_two_is_taken(tmp_path, caplog):
    small = write_binary(tmp_path / "sparse" / "0", SHOTS[:2])
    large = posed_folders.write_colmap(tmp_path / "sparse" / "1", SHOTS)
    found = pose_files.read(tmp_path)
    assert found.path == large
    assert len(found.poses) == 3
    assert "has 2 models of COLMAP, each in a world of its own" in caplog.text
    assert pose_files.read(tmp_path / "sparse").path == large
    assert pose_files.read(small).path == small


def test_the_model_of_a_project_is_that_of_the_photographs(tmp_path, caplog):
    for part in ("", "dense"):
        (tmp_path / part / "images").mkdir(parents=True)
    taken = write_binary(tmp_path / "sparse" / "0", SHOTS)
    straight = write_binary(tmp_path / "dense" / "sparse", SHOTS)
    assert pose_files.read(tmp_path).path == taken
    assert pose_files.read(tmp_path, tmp_path / "images").path == taken
    assert pose_files.read(tmp_path, tmp_path / "dense" / "images").path == straight
    assert pose_files.read(tmp_path / "dense").path == straight
    assert pose_files.read(taken).folders == ((tmp_path / "images").resolve(),)
    pose_files.read(taken, tmp_path / "images")
    pose_files.read(taken, tmp_path)
    assert not caplog.records
    pose_files.read(taken, tmp_path / "dense" / "images")
    assert f"whose model is {straight}; give that one" in caplog.text
