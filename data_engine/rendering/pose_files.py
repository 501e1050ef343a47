"""Pose files: our schema, and the file published with One-2-3-45, read with every check."""

import json
import logging
import pathlib
import re

import numpy as np

from data_engine.errors import UserError
from data_engine.rendering.pose_set import SCHEMA, PoseSet
from data_engine.workspace import write_atomically

MAX_SIZE_PX = 4096
ROTATION_TOLERANCE = 1e-5
AIM_TOLERANCE = 1e-3
"""World units by which an optical axis may miss the origin, where the relic is."""
NAME = re.compile(r"[A-Za-z0-9_]{1,64}")

_log = logging.getLogger(__name__)


def read_poses(path: pathlib.Path) -> PoseSet:
    """Reads our schema or the file published with One-2-3-45, and checks it."""
    try:
        content = json.loads(path.read_text("utf-8"))
        if not isinstance(content, dict):
            raise ValueError("it is not a JSON object")
        poses = _from_one2345(content) if "c2ws" in content else _from_schema(content)
        _check(poses)
    except KeyError as error:
        raise UserError(f"pose file {path}: there is no {error}") from error
    except (TypeError, ValueError, IndexError, RecursionError, OverflowError) as error:
        raise UserError(f"pose file {path}: {type(error).__name__}: {error}") from error
    _warn_of_stray_cameras(path, poses)
    return poses


def write_poses(path: pathlib.Path, poses: PoseSet) -> None:
    """Writes our schema; the order of the views is kept."""
    write_atomically(path, (json.dumps(poses.as_json(), indent=1) + "\n").encode())


def _from_schema(content: dict) -> PoseSet:
    if content.get("schema") != SCHEMA:
        raise ValueError(f"schema is {content.get('schema')!r}, not {SCHEMA!r}")
    if (content["camera_axes"], content["world_up"]) != ("right-up-back", "z"):
        raise ValueError("camera_axes must be right-up-back and world_up z")
    if content["width"] != content["height"]:
        raise ValueError(f"{content['width']} x {content['height']} is not square")
    views = content["views"]
    return PoseSet(
        names=tuple(view["name"] for view in views),
        world_from_cam=np.array([view["world_from_cam"] for view in views], np.float64),
        anchor=tuple(int(view["anchor"]) for view in views),
        neighbour=tuple(
            -1 if view["neighbour"] is None else int(view["neighbour"]) for view in views
        ),
        pixel_from_cam=np.array(content["pixel_from_cam"], np.float64),
        size=int(content["width"]),
        near_far=tuple(map(float, content["near_far"])),
    )


def _from_one2345(content: dict) -> PoseSet:
    """Positions carry the meaning there: 8 anchors, then 8 + 4 i + j is neighbour j of anchor i."""
    names = tuple(content["c2ws"])
    if len(names) != 40:
        raise ValueError(f"{len(names)} poses where One-2-3-45 has 40")
    return PoseSet(
        names=names,
        world_from_cam=np.array(list(content["c2ws"].values()), np.float64),
        anchor=(*range(8), *(i for i in range(8) for _ in range(4))),
        neighbour=(*[-1] * 8, *[*range(4)] * 8),
        pixel_from_cam=np.array(content["intrinsics"], np.float64),
        near_far=tuple(map(float, content["near_far"])),
    )


def _check(poses: PoseSet) -> None:
    """Raises ValueError naming the first thing that cannot be used."""
    if poses.world_from_cam.shape != (len(poses), 4, 4) or not len(poses):
        raise ValueError(f"world_from_cam has shape {poses.world_from_cam.shape}, not [n, 4, 4]")
    _check_intrinsics(poses)
    if len(set(poses.names)) != len(poses):
        raise ValueError("two views have the same name")
    for name, pose in zip(poses.names, poses.world_from_cam, strict=True):
        if not (isinstance(name, str) and NAME.fullmatch(name)):
            raise ValueError(f"view name {name!r} is not 1 to 64 of the characters A-Z a-z 0-9 _")
        _check_pose(name, pose)
    if any(not 0 <= anchor < len(poses) for anchor in poses.anchor):
        raise ValueError("an anchor is not the number of a view")
    if any(neighbour < -1 for neighbour in poses.neighbour):
        raise ValueError("a neighbour is neither null nor a number from 0")


def _check_intrinsics(poses: PoseSet) -> None:
    k = poses.pixel_from_cam
    if not 8 <= poses.size <= MAX_SIZE_PX:
        raise ValueError(f"width {poses.size} is not in 8..{MAX_SIZE_PX}")
    if k.shape != (3, 3) or not np.isfinite(k).all():
        raise ValueError("pixel_from_cam is not a finite 3 x 3 matrix")
    if k[0, 0] <= 0 or k[1, 1] <= 0:
        raise ValueError(f"focal lengths {k[0, 0]:g} and {k[1, 1]:g} px must be positive")
    if k[0, 1] or k[1, 0] or k[2].tolist() != [0, 0, 1]:
        raise ValueError("pixel_from_cam has a skew or a last row other than 0 0 1")
    near, far = poses.near_far
    if not 0 < near < far < np.inf:
        raise ValueError(f"near_far is {near:g}, {far:g}; 0 < near < far is needed")


def _check_pose(name: str, pose: np.ndarray) -> None:
    rotation = pose[:3, :3]
    # Written so that a NaN fails too.
    if not np.isfinite(pose).all() or not np.allclose(
        rotation @ rotation.T, np.eye(3), atol=ROTATION_TOLERANCE
    ):
        raise ValueError(f"view {name}: the rotation is not orthonormal to {ROTATION_TOLERANCE:g}")
    if np.linalg.det(rotation) < 0:
        raise ValueError(f"view {name}: the rotation is a mirror")
    if pose[3].tolist() != [0, 0, 0, 1]:
        raise ValueError(f"view {name}: the last row is {pose[3].tolist()}, not 0 0 0 1")


def _warn_of_stray_cameras(path: pathlib.Path, poses: PoseSet) -> None:
    """Says when an optical axis misses the origin, or the camera looks away from it."""
    positions, backward = poses.world_from_cam[:, :3, 3], poses.world_from_cam[:, :3, 2]
    along = np.sum(positions * backward, axis=-1)
    miss = np.linalg.norm(positions - along[:, None] * backward, axis=-1)
    stray = np.flatnonzero((miss > AIM_TOLERANCE) | (along <= 0))
    if len(stray):
        first = stray[0]
        _log.warning(
            "pose file %s: the axes of %d of %d views miss the origin by up to %.3g (first: %s)",
            path,
            len(stray),
            len(poses),
            miss[stray].max(),
            poses.names[first],
        )
