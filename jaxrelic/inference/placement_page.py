"""Where a mesh of posed photographs lies, as a file beside it that other programs read."""

import json
import pathlib
from typing import Any

import numpy as np

from jaxrelic.inference.posed import PosedReconstruction
from jaxrelic.mesh_files import glb_writer
from jaxrelic.photos.posed import LONGEST_SIDE, PosedInput

SCHEMA = "jaxrelic.placement/1"


def path_of(mesh: pathlib.Path) -> pathlib.Path:
    """The page beside a mesh file."""
    return mesh.with_name(f"{mesh.stem}.placement.json")


def write(
    result: PosedReconstruction, mesh: pathlib.Path, poses: pathlib.Path, *, as_it_is: bool
) -> pathlib.Path:
    """Writes the page of a mesh file.

    Args:
        result: What was reconstructed.
        mesh: The file that was written.
        poses: The pose file.
        as_it_is: Whether the file has the coordinates of `result.mesh`, and not y up.
    """
    poses_from_file = result.poses_from_mesh.copy()
    if not as_it_is:
        poses_from_file[:3, :3] = poses_from_file[:3, :3] @ glb_writer.GLTF_FROM_WORLD.T
    facts = page(result.views, poses_from_file) | {"mesh": mesh.name, "poses": poses.name}
    text = json.dumps(facts, indent=2, ensure_ascii=False) + "\n"
    glb_writer.write_whole(path_of(mesh), text.encode())
    return path_of(mesh)


def page(views: PosedInput, poses_from_file: np.ndarray) -> dict[str, Any]:
    """Matrices [4, 4] by rows; points are columns: poses = poses_from_mesh @ (x, y, z, 1)."""
    scale = float(np.cbrt(np.linalg.det(views.world_from_ours[:3, :3])))
    found = {
        "schema": SCHEMA,
        "poses_from_mesh": _rows(poses_from_file),
        "poses_from_network": _rows(views.world_from_ours),
        "up": views.up.tolist(),
        "up_source": views.up_source,
        "longest_side": scale * LONGEST_SIDE,
    }
    if views.before_from_world is not None:
        # nerfstudio's applied_transform undone: the world of COLMAP, where its own clouds are.
        found["before_from_mesh"] = _rows(views.before_from_world @ poses_from_file)
    return found


def _rows(matrix: np.ndarray) -> list[list[float]]:
    return np.asarray(matrix, np.float64).tolist()
