"""COLMAP's text model: cameras.txt and images.txt of one folder.

Quaternions and translations take the world to the camera, whose axes are right, down and forward;
the centre of the first pixel is (0.5, 0.5), as with us. COLMAP's world has no up.
"""

import pathlib

import numpy as np
import scipy.spatial.transform

from jaxrelic.data.pose_files.records import (
    PhotographPose,
    PoseFile,
    picture_size,
    pixel_matrix,
)
from jaxrelic.errors import UserError

CAMERAS, IMAGES = "cameras.txt", "images.txt"
FILES = (CAMERAS, IMAGES)
TO_TEXT = "colmap model_converter --input_path MODEL --output_path MODEL --output_type TXT"
UNDISTORT = "colmap image_undistorter, whose pictures and sparse model to use instead"

_FX_FY = ("fx", "fy", "cx", "cy")
_PARAMETERS: dict[str, tuple[str, ...]] = {
    "SIMPLE_PINHOLE": ("f", "cx", "cy"),
    "PINHOLE": _FX_FY,
    "SIMPLE_RADIAL": ("f", "cx", "cy", "k1"),
    "RADIAL": ("f", "cx", "cy", "k1", "k2"),
    "OPENCV": (*_FX_FY, "k1", "k2", "p1", "p2"),
    "FULL_OPENCV": (*_FX_FY, "k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6"),
}
"""Parameters of the models that can be undistorted, in COLMAP's order."""

_DISTORTION = ("k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6")

_Lens = tuple[tuple[int, int], np.ndarray, tuple[float, ...]]
"""Size, pixel_from_cam, distortion."""


def read(folder: pathlib.Path) -> PoseFile:
    """Reads the text model of a folder."""
    for name in FILES:
        if (folder / name).is_file():
            continue
        if (folder / name).with_suffix(".bin").is_file():
            raise UserError(f"{folder} holds COLMAP's binary model; convert it with `{TO_TEXT}`")
        raise UserError(
            f"pose folder {folder} has no {name}; give the folder with COLMAP's "
            f"{CAMERAS} and {IMAGES}, such as sparse/0"
        )
    lenses = _read_cameras(folder / CAMERAS)
    poses = _read_images(folder / IMAGES, lenses)
    if not poses:
        raise UserError(f"{folder / IMAGES} has no images; COLMAP has placed no photograph")
    return PoseFile(
        path=folder,
        format="COLMAP text model",
        reading="world-to-camera, OpenCV axes",
        up=None,
        poses=tuple(poses),
    )


def _lines(path: pathlib.Path) -> list[tuple[int, str]]:
    """Numbered lines that are no comments; blank ones count: a photograph may have no points."""
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not text ({error}); write it with `{TO_TEXT}`") from error
    numbered = enumerate(text.splitlines(), start=1)
    return [(number, line) for number, line in numbered if not line.startswith("#")]


def _read_cameras(path: pathlib.Path) -> dict[int, _Lens]:
    lenses = {}
    for number, line in _lines(path):
        if line.strip():
            try:
                camera, *rest = line.split()
                lenses[int(camera)] = _lens(path, camera, *rest)
            except (TypeError, ValueError) as error:
                raise UserError(f"{path}, line {number}: {error}") from error
    return lenses


def _lens(
    path: pathlib.Path, camera: str, model: str, width: str, height: str, *numbers: str
) -> _Lens:
    if model not in _PARAMETERS:
        raise UserError(
            f"{path}: camera {camera} has the model {model}; only {', '.join(_PARAMETERS)} can be "
            f"undistorted here; run {UNDISTORT}"
        )
    names, values = _PARAMETERS[model], [float(number) for number in numbers]
    if len(values) != len(names):
        raise ValueError(f"{model} has {len(names)} parameters, here are {len(values)}")
    value = dict(zip(names, values, strict=True))
    fx, fy = (value["f"], value["f"]) if "f" in value else (value["fx"], value["fy"])
    distortion = tuple(value.get(name, 0.0) for name in _DISTORTION)
    if not np.isfinite(distortion).all():
        raise ValueError("the distortion has values that are not finite")
    size = picture_size(int(width), int(height))
    return size, pixel_matrix(fx, fy, value["cx"], value["cy"]), distortion


def _read_images(path: pathlib.Path, lenses: dict[int, _Lens]) -> list[PhotographPose]:
    """Every image has a line for its pose and one for its points, which may be blank or missing."""
    poses, after_pose = [], False
    for number, line in _lines(path):
        if after_pose and _is_points(line):
            after_pose = False
        elif line.strip():
            try:
                poses.append(_pose(line, lenses))
            except (TypeError, ValueError) as error:
                raise UserError(f"{path}, line {number}: {error}") from error
            after_pose = True
    return poses


def _is_points(line: str) -> bool:
    """Whether a line lists (x, y, point) triples; a pose ends in a name."""
    fields = line.split()
    try:
        return len(fields) % 3 == 0 and bool(np.isfinite(list(map(float, fields))).all())
    except ValueError:
        return False


def _pose(line: str, lenses: dict[int, _Lens]) -> PhotographPose:
    fields = line.split(maxsplit=9)
    if len(fields) != 10:
        raise ValueError("IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME is needed")
    w, x, y, z, *translation = map(float, fields[1:8])
    numbers = np.array([w, x, y, z, *translation])
    if not np.isfinite(numbers).all() or not numbers[:4].any():
        raise ValueError("the pose has values that are not finite, or a quaternion of zeros")
    camera = int(fields[8])
    if camera not in lenses:
        raise ValueError(f"camera {camera} is not in {CAMERAS}")
    size, pixel_from_cam, distortion = lenses[camera]
    cam_from_world = np.eye(4)
    rotation = scipy.spatial.transform.Rotation.from_quat([x, y, z, w])
    cam_from_world[:3, :3], cam_from_world[:3, 3] = rotation.as_matrix(), translation
    return PhotographPose(
        name=fields[9].strip(),
        cam_from_world=cam_from_world,
        pixel_from_cam=pixel_from_cam,
        size=size,
        distortion=distortion,
    )
