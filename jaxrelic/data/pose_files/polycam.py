"""Polycam's raw export: a JSON file per keyframe, beside the folder of its pictures.

ARKit's world: y is up, cameras look along their -z axis, lengths are metres. Matrices are
camera-to-world by rows, t_00 to t_23. Where Polycam has optimised the cameras, `corrected_cameras`
belongs to `corrected_images`.
"""

import json
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
    read_text,
)
from jaxrelic.errors import UserError

PLACES = ("corrected_cameras", "cameras")
"""Folders of the JSON files, the better first."""

IMAGES = {"corrected_cameras": ("corrected_images", "images"), "cameras": ("images",)}
"""Where the pictures are, by the folder of the cameras."""


def find(folder: pathlib.Path) -> pathlib.Path | None:
    """The folder of the JSON files in an export, its keyframes, or itself, if there is one."""
    inside = [folder / part / name for part in (".", "keyframes") for name in PLACES]
    for place in (*inside, folder):
        first = next(iter(sorted(place.glob("*.json"))), None) if place.is_dir() else None
        if first is not None and "t_00" in _read_json(first):
            return place
    return None


def read(folder: pathlib.Path) -> PoseFile:
    """The poses of a folder that `find` found."""
    poses = [_pose(path) for path in sorted(folder.glob("*.json"))]
    images = [folder.parent / name for name in IMAGES.get(folder.name, ())]
    return PoseFile(
        path=folder,
        format="Polycam export",
        reading="camera-to-world, OpenGL axes",
        up=np.array([0.0, 1.0, 0.0]),
        poses=tuple(poses),
        folders=tuple(path for path in images if path.is_dir())[:1],
    )


def _pose(path: pathlib.Path) -> PhotographPose:
    content = _read_json(path)
    try:
        rows = [[content[f"t_{row}{column}"] for column in range(4)] for row in range(3)]
        lens = (float(content[key]) for key in ("fx", "fy", "cx", "cy"))
        return PhotographPose(
            name=path.stem,
            cam_from_world=cam_from_world(pose_matrix(rows), "camera-to-world, OpenGL axes"),
            pixel_from_cam=pixel_matrix(*lens),
            size=picture_size(content["width"], content["height"]),
        )
    except KeyError as error:
        raise UserError(f"pose file {path}: there is no {error}; export the set again") from error
    except (TypeError, ValueError) as error:
        raise UserError(f"pose file {path}: {error}") from error


def _read_json(path: pathlib.Path) -> dict[str, Any]:
    try:
        content = json.loads(read_text(path))
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
