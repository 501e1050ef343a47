"""What COLMAP's text and binary models have in common: lenses, poses, and how rigs move cameras.

Quaternions and translations take the world to the camera, whose axes are right, down and forward;
the centre of the first pixel is (0.5, 0.5), as with us.
"""

import dataclasses
import logging
import pathlib
from collections.abc import Sequence

import numpy as np
import scipy.spatial.transform

from jaxrelic.data.pose_files.records import PhotographPose, picture_size, pixel_matrix
from jaxrelic.errors import UserError

logger = logging.getLogger(__name__)

UNDISTORT = "colmap image_undistorter, whose pictures and sparse model to use instead"

MODEL_NUMBERS = {
    0: "SIMPLE_PINHOLE",
    1: "PINHOLE",
    2: "SIMPLE_RADIAL",
    3: "RADIAL",
    4: "OPENCV",
    5: "OPENCV_FISHEYE",
    6: "FULL_OPENCV",
    7: "FOV",
    8: "SIMPLE_RADIAL_FISHEYE",
    9: "RADIAL_FISHEYE",
    10: "THIN_PRISM_FISHEYE",
    11: "RAD_TAN_THIN_PRISM_FISHEYE",
    12: "SIMPLE_DIVISION",
    13: "DIVISION",
    14: "SIMPLE_FISHEYE",
    15: "FISHEYE",
    16: "EUCM",
    17: "EQUIRECTANGULAR",
}
"""How binary models name a lens (COLMAP 4)."""

_FX_FY = ("fx", "fy", "cx", "cy")
PARAMETERS: dict[str, tuple[str, ...]] = {
    "SIMPLE_PINHOLE": ("f", "cx", "cy"),
    "PINHOLE": _FX_FY,
    "SIMPLE_RADIAL": ("f", "cx", "cy", "k1"),
    "RADIAL": ("f", "cx", "cy", "k1", "k2"),
    "OPENCV": (*_FX_FY, "k1", "k2", "p1", "p2"),
    "FULL_OPENCV": (*_FX_FY, "k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6"),
}
"""Parameters of the models that can be undistorted, in COLMAP's order."""

_DISTORTION = ("k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6")

SAME_POSE = 1e-4
"""Difference of two matrices, in units of the larger one's entries, that rounding explains."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Lens:
    """A camera of COLMAP."""

    size: tuple[int, int]
    """Width and height in pixels."""
    pixel_from_cam: np.ndarray
    """[3, 3] float64."""
    distortion: tuple[float, ...]
    """OpenCV's eight numbers."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Image:
    """An image of COLMAP."""

    number: int
    """COLMAP's IMAGE_ID."""
    name: str
    """Path below the folder of the photographs."""
    camera: int
    """Number of its lens."""
    cam_from_world: np.ndarray
    """[4, 4] float64."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Frame:
    """What a rig saw at one moment (COLMAP 3.12 and later)."""

    rig: int
    """Number of the rig."""
    rig_from_world: np.ndarray
    """[4, 4] float64."""
    images: tuple[int, ...]
    """Numbers of its images."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Model:
    """The files of one model, as they are."""

    lenses: dict[int, Lens]
    """By number of the camera."""
    images: Sequence[Image]
    """In the order of the file."""
    frames: Sequence[Frame] = ()
    """Empty before COLMAP 3.12."""
    cam_from_rig: dict[tuple[int, int], np.ndarray] = dataclasses.field(default_factory=dict)
    """[4, 4] of a rig's camera, by the numbers of both."""


def lens(model: str, width: int, height: int, values: Sequence[float], camera: int | str) -> Lens:
    """A camera's lens; raises ValueError for bad numbers, UserError for a model we cannot use."""
    if model not in PARAMETERS:
        raise UserError(
            f"camera {camera} has the model {model}; only {', '.join(PARAMETERS)} can be "
            f"undistorted here; run {UNDISTORT}"
        )
    names = PARAMETERS[model]
    if len(values) != len(names):
        raise ValueError(f"{model} has {len(names)} parameters, here are {len(values)}")
    value = dict(zip(names, values, strict=True))
    fx, fy = (value["f"], value["f"]) if "f" in value else (value["fx"], value["fy"])
    distortion = tuple(value.get(name, 0.0) for name in _DISTORTION)
    if not np.isfinite(distortion).all():
        raise ValueError("the distortion has values that are not finite")
    return Lens(
        size=picture_size(width, height),
        pixel_from_cam=pixel_matrix(fx, fy, value["cx"], value["cy"]),
        distortion=distortion,
    )


def rigid(numbers: Sequence[float]) -> np.ndarray:
    """A transform [4, 4] from a quaternion w, x, y, z and a translation; raises ValueError."""
    w, x, y, z, *translation = numbers
    if not np.isfinite(numbers).all() or not any((w, x, y, z)):
        raise ValueError("the pose has values that are not finite, or a quaternion of zeros")
    matrix = np.eye(4)
    matrix[:3, :3] = scipy.spatial.transform.Rotation.from_quat([x, y, z, w]).as_matrix()
    matrix[:3, 3] = translation
    return matrix


def poses(model: Model, path: pathlib.Path) -> tuple[PhotographPose, ...]:
    """A camera per image; where frames say otherwise than images they win, as in COLMAP."""
    by_frame = _of_frames(model)
    found, moved = [], []
    for image in model.images:
        pose = by_frame.get(image.number, image.cam_from_world)
        size = 1 + np.abs(pose).max()
        if np.abs(pose - image.cam_from_world).max() > SAME_POSE * size:
            moved.append(image.name)
        glass = model.lenses[image.camera]
        found.append(
            PhotographPose(
                name=image.name,
                cam_from_world=pose,
                pixel_from_cam=glass.pixel_from_cam,
                size=glass.size,
                distortion=glass.distortion,
            )
        )
    if moved:
        logger.warning(
            "%s: the frames file places %d of %d photographs otherwise than the images file "
            "(first: %s); the frames are used, as COLMAP does",
            path,
            len(moved),
            len(found),
            moved[0],
        )
    return tuple(found)


def _of_frames(model: Model) -> dict[int, np.ndarray]:
    """cam_from_world of every image that a frame places, by the image's number."""
    cameras = {image.number: image.camera for image in model.images}
    placed = {}
    for frame in model.frames:
        for number in frame.images:
            cam_from_rig = model.cam_from_rig.get((frame.rig, cameras.get(number, -1)))
            if cam_from_rig is not None:
                placed[number] = cam_from_rig @ frame.rig_from_world
    return placed
