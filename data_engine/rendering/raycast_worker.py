"""The raycast engine: exact depth and masks from our own GLB reader, for quick tests.

It serves relics like `blender_worker.py`. Colours are a grey that darkens with the angle between
surface and view; textures and vertex colours are not read.
"""

import pathlib
import sys

import numpy as np

sys.path.append(str(pathlib.Path(__file__).parents[2]))
from data_engine.gltf.reader import load_geometry
from data_engine.rendering import exr, worker_process
from jaxrelic.geometry import z_buffer

sys.path.pop()

NEAREST = 1e-6
"""A triangle that reaches nearer than this would have to be clipped; it is an error instead."""
AMBIENT, HEADLIGHT = 0.15, 0.5
"""Linear grey of a surface seen edge-on, and what facing the camera adds."""


def prepare(setup: dict) -> tuple[str, worker_process.Render]:
    """There is nothing to import or to open."""

    def render(job: dict, answer: worker_process.Answer) -> None:
        render_relic(setup, job, answer)

    return "raycast 1", render


def render_relic(setup: dict, job: dict, answer: worker_process.Answer) -> None:
    """Renders every pose of one relic into `<out>/<index>.exr`."""
    mesh = load_geometry(job["glb"])
    world_from_gltf = np.array(job["world_from_gltf"])
    vertices = mesh.vertices @ world_from_gltf[:3, :3].T + world_from_gltf[:3, 3]
    corners = vertices[mesh.faces]
    size, k = setup["settings"]["size"], np.array(setup["pixel_from_cam"])
    for index, cam_from_world in enumerate(np.array(setup["cam_from_world"])):
        rgba, depth = draw(corners, cam_from_world, k, size)
        exr.write_exr(pathlib.Path(job["out"]) / f"{index}.exr", rgba, depth)
        answer({"event": "view", "uid": job["uid"], "index": index})
    points = corners.reshape(-1, 3)
    bounds = [points.min(axis=0).tolist(), points.max(axis=0).tolist()]
    answer({"event": "done", "uid": job["uid"], "bounds": bounds})


def draw(
    corners_world: np.ndarray, cam_from_world: np.ndarray, pixel_from_cam: np.ndarray, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """One view of triangles [f, 3, 3]: premultiplied linear RGBA [s, s, 4] and depth [s, s]."""
    corners = corners_world @ cam_from_world[:3, :3].T + cam_from_world[:3, 3]
    triangle, depth = look(corners, pixel_from_cam, size)
    mask = triangle >= 0
    a, b, c = np.moveaxis(corners[triangle[mask]], 1, 0)
    normal = np.cross(b - a, c - a)
    row, column = np.nonzero(mask)
    pixel = np.stack([column + 0.5, row + 0.5, np.ones(len(row))], axis=-1)
    ray = pixel @ np.linalg.inv(pixel_from_cam).T
    lengths = np.linalg.norm(normal, axis=-1) * np.linalg.norm(ray, axis=-1)
    facing = np.abs(np.sum(normal * ray, axis=-1)) / np.maximum(lengths, 1e-300)
    rgba = np.zeros((size, size, 4), np.float32)
    rgba[mask, :3] = (AMBIENT + HEADLIGHT * facing)[:, None]
    rgba[mask, 3] = 1
    return rgba, depth.astype(np.float32)


def look(
    corners_cam: np.ndarray, pixel_from_cam: np.ndarray, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Both sides of every triangle, seen through a lens.

    Args:
        corners_cam: [f, 3, 3], camera x right, y down, z forward.
        pixel_from_cam: Intrinsics [3, 3] for a size x size image.
        size: Width and height in pixels.

    Returns:
        Number of the nearest triangle, or -1, and its depth, or 0; both [size, size].
    """
    depth = corners_cam[..., 2]
    if (depth < NEAREST).any():
        raise ValueError(
            "the relic reaches behind a camera; use --engine blender or cameras farther away"
        )
    homogeneous = corners_cam @ pixel_from_cam.T
    triangle, nearness = z_buffer.nearest_faces(
        homogeneous[..., :2] / depth[..., None], depth, height=size, width=size
    )
    return triangle, np.divide(1, nearness, out=np.zeros_like(nearness), where=nearness > 0)


if __name__ == "__main__":
    worker_process.serve(prepare)
