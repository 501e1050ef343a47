"""nerfstudio's transforms.json, of which NeRF's own JSON files and Polycam's are a part.

Camera-to-world matrices with OpenGL axes. Intrinsics stand once for all frames or in each; NeRF's
files have only the horizontal angle of view. The world of a file with `applied_transform` is that
of the program before it, turned, and has no up; other files put z up.
"""

import logging
import pathlib
from typing import Any

import numpy as np

from jaxrelic.data.pose_files.nerf_lenses import Lenses
from jaxrelic.data.pose_files.records import PhotographPose, PoseFile, cam_from_world, pose_matrix

logger = logging.getLogger(__name__)


def from_transforms(path: pathlib.Path, content: dict) -> PoseFile:
    """Reads `frames`; raises KeyError, TypeError or ValueError."""
    frames = content["frames"]
    shared = {key: value for key, value in content.items() if key != "frames"}
    lenses = Lenses(path, shared)
    poses = tuple(_pose(number, frame, lenses) for number, frame in enumerate(frames))
    lenses.warn()
    turned = content.get("applied_transform")
    if any(pose.depth_name for pose in poses):
        logger.info("%s names depth maps (depth_file_path), which are not used", path)
    return PoseFile(
        path=path,
        format="nerfstudio transforms.json",
        reading="camera-to-world, OpenGL axes",
        up=np.array([0.0, 0.0, 1.0]) if turned is None else None,
        poses=poses,
        folders=(path.parent,),
        before_from_world=None if turned is None else _before_from_world(content),
    )


def _before_from_world(content: dict[str, Any]) -> np.ndarray:
    """Undoes `applied_scale` and `applied_transform`, [4, 4]: nerfstudio multiplied by them."""
    turned = np.asarray(content["applied_transform"], np.float64)
    if turned.shape not in ((3, 4), (4, 4)) or not np.isfinite(turned).all():
        raise ValueError("applied_transform is no matrix of 3 x 4 numbers")
    scale = float(content.get("applied_scale", 1.0))
    matrix = np.eye(4)
    matrix[:3] = turned[:3]
    determinant = np.linalg.det(matrix[:3, :3])
    if not (np.isfinite(scale) and scale > 0 and abs(determinant) > 1e-9):
        raise ValueError("applied_transform and applied_scale cannot be undone")
    return np.linalg.inv(np.diag([scale, scale, scale, 1.0]) @ matrix)


def _pose(number: int, frame: dict[str, Any], lenses: Lenses) -> PhotographPose:
    """One frame, with the values that all frames share."""
    name = frame.get("file_path")
    if not (isinstance(name, str) and name):
        raise ValueError(f"frame {number} has no file_path; name its photograph")
    try:
        matrix = pose_matrix(frame["transform_matrix"])
        lens = lenses.of(name, frame)
    except (TypeError, ValueError) as error:
        raise ValueError(f"frame {name}: {error}") from error
    return PhotographPose(
        name=name,
        cam_from_world=cam_from_world(matrix, "camera-to-world, OpenGL axes"),
        mask_name=_path(frame, "mask_path"),
        depth_name=_path(frame, "depth_file_path"),
        **lens,
    )


def _path(frame: dict[str, Any], key: str) -> str | None:
    """A path beside the photograph's; empty ones are none."""
    value = frame.get(key)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"frame {frame['file_path']}: {key} is {value!r}; give a path")
    return value or None
