"""Our schema of poses, and the file published with One-2-3-45.

The data engine writes both for its renders and has stricter readers of its own: square pictures,
anchors and neighbours matter there and not to people with photographs.
"""

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

SCHEMA = "jaxrelic.poses/1"
CAMERA_AXES, WORLD_UP = "right-up-back", "z"
"""The only values that the schema allows."""


def from_schema(path: pathlib.Path, content: dict) -> PoseFile:
    """Reads our schema; raises KeyError, TypeError or ValueError."""
    if content["schema"] != SCHEMA:
        raise ValueError(f"schema is {content['schema']!r}, not {SCHEMA!r}")
    axes, up = content["camera_axes"], content["world_up"]
    if (axes, up) != (CAMERA_AXES, WORLD_UP):
        raise ValueError(
            f"camera_axes {axes!r} and world_up {up!r}; they must be {CAMERA_AXES!r}, {WORLD_UP!r}"
        )
    matrices = {view["name"]: view["world_from_cam"] for view in content["views"]}
    if len(matrices) != len(content["views"]):
        raise ValueError("two views have the same name")
    size = picture_size(content["width"], content["height"])
    return _pose_file(path, f"schema {SCHEMA}", matrices, content["pixel_from_cam"], size)


def from_one2345(path: pathlib.Path, content: dict) -> PoseFile:
    """Reads `c2ws` and `intrinsics`, which are those of a picture twice its principal point."""
    (_, _, cx), (_, _, cy), _ = content["intrinsics"]
    size = picture_size(2 * cx, 2 * cy)
    return _pose_file(path, "One-2-3-45 JSON", content["c2ws"], content["intrinsics"], size)


def _pose_file(
    path: pathlib.Path, kind: str, matrices: dict, intrinsics: Any, size: tuple[int, int]
) -> PoseFile:
    (fx, skew, cx), (skew_too, fy, cy), last = np.asarray(intrinsics, np.float64)
    if skew or skew_too or last.tolist() != [0, 0, 1]:
        raise ValueError("the intrinsics have a skew or a last row other than 0 0 1")
    reading = "camera-to-world, OpenGL axes"
    poses = []
    for name, rows in matrices.items():
        try:
            matrix = pose_matrix(rows)
        except (TypeError, ValueError) as error:
            raise ValueError(f"view {name}: {error}") from error
        pose = PhotographPose(
            name=str(name),
            cam_from_world=cam_from_world(matrix, reading),
            pixel_from_cam=pixel_matrix(fx, fy, cx, cy),
            size=size,
        )
        poses.append(pose)
    return PoseFile(
        path=path, format=kind, reading=reading, up=np.array([0.0, 0.0, 1.0]), poses=tuple(poses)
    )
