"""nerfstudio's transforms.json, of which NeRF's own JSON files are a part.

Camera-to-world matrices with OpenGL axes. Intrinsics stand once for all frames or in each; NeRF's
files have only the horizontal angle of view. The world of a file with `applied_transform` is that
of COLMAP, turned, and has no up; other files put z up.
"""

import logging
import pathlib
from typing import Any

import numpy as np

from jaxrelic.data.pose_files.records import (
    PhotographPose,
    PoseFile,
    cam_from_world,
    picture_size,
    pixel_matrix,
    pose_matrix,
)
from jaxrelic.errors import UserError

logger = logging.getLogger(__name__)

MODELS = ("OPENCV", "PINHOLE", "SIMPLE_PINHOLE", "PERSPECTIVE")
"""Values of `camera_model` that can be undistorted."""

_DISTORTION = ("k1", "k2", "p1", "p2", "k3")


def from_transforms(path: pathlib.Path, content: dict) -> PoseFile:
    """Reads `frames`; raises KeyError, TypeError or ValueError."""
    turned = content.get("applied_transform")
    if turned is not None:
        logger.info(
            "%s: its world has been turned by applied_transform; results are in the world of the "
            "file, not of the program before it",
            path,
        )
    frames = content["frames"]
    shared = {key: value for key, value in content.items() if key != "frames"}
    return PoseFile(
        path=path,
        format="nerfstudio transforms.json",
        reading="camera-to-world, OpenGL axes",
        up=np.array([0.0, 0.0, 1.0]) if turned is None else None,
        poses=tuple(_pose(path, number, shared | frame) for number, frame in enumerate(frames)),
    )


def _pose(path: pathlib.Path, number: int, frame: dict[str, Any]) -> PhotographPose:
    """One frame, with the values that all frames share."""
    name = frame.get("file_path")
    if not (isinstance(name, str) and name):
        raise ValueError(f"frame {number} has no file_path; name its photograph")
    _check_model(path, name, frame)
    try:
        matrix = pose_matrix(frame["transform_matrix"])
        lens = _lens(frame)
        distortion = tuple(float(frame.get(key, 0.0)) for key in _DISTORTION)
        if not np.isfinite(distortion).all():
            raise ValueError("the distortion has values that are not finite")
        if frame.get("k4"):
            raise ValueError(f"k4 is {frame['k4']}, which OpenCV's model lacks; undistort first")
    except (TypeError, ValueError) as error:
        raise ValueError(f"frame {name}: {error}") from error
    return PhotographPose(
        name=name,
        cam_from_world=cam_from_world(matrix, "camera-to-world, OpenGL axes"),
        distortion=distortion,
        **lens,
    )


def _check_model(path: pathlib.Path, name: str, frame: dict[str, Any]) -> None:
    """Refuses lenses that OpenCV's rational model does not describe."""
    model = frame.get("camera_model", "OPENCV")
    if model not in MODELS or frame.get("is_fisheye"):
        named = "a fisheye" if model in MODELS else model
        raise UserError(
            f"pose file {path}: frame {name} was taken with the camera model {named}; only "
            f"{', '.join(MODELS)} can be undistorted here; undistort the photographs first "
            "(colmap image_undistorter) and give their poses"
        )


def _lens(frame: dict[str, Any]) -> dict[str, Any]:
    """Fields of a PhotographPose."""
    size = picture_size(frame["w"], frame["h"]) if "w" in frame and "h" in frame else None
    if "fl_x" in frame:
        focal = float(frame["fl_x"]), float(frame.get("fl_y", frame["fl_x"]))
        if not ("cx" in frame and "cy" in frame) and size is None:
            raise ValueError("it has fl_x, but neither cx and cy nor w and h; add them")
        centre = size or (0, 0)
        centre = frame.get("cx", centre[0] / 2), frame.get("cy", centre[1] / 2)
        return {"pixel_from_cam": pixel_matrix(*focal, *map(float, centre)), "size": size}
    if "camera_angle_x" in frame:
        angle = float(frame["camera_angle_x"])
        if not 0 < angle < np.pi:
            raise ValueError(f"camera_angle_x is {angle:g}; it is in radians, between 0 and pi")
        return {"angle_x": angle, "size": size}
    raise ValueError("it has neither fl_x nor camera_angle_x, and the file has none for all")
