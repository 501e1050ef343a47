"""Scans as they are handed in (GLB, OBJ, PLY, STL) as painted meshes in our world frame."""

import pathlib

import numpy as np
import trimesh

from jaxrelic.rendering.two_layers.painted import PaintedMesh, join, painted

LONGEST = 0.8
"""Longest side of a scan in world units."""
WORLD_FROM = {
    "Y": np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]),
    "Z": np.eye(3),
}
"""World axes (z up) from those of a file, by the axis that points up in it."""
FOOT = 0.12
"""Openings within this share of the height above the ground are where a scan stood."""
LEAST_OPENING = 0.08
"""Smaller openings, in longest sides, are left: holes of a scan, not its foot."""


def load_scan(path: pathlib.Path, up_axis: str, *, close_foot: bool = True) -> PaintedMesh:
    """Reads a scan, stands it upright and fits it to the box.

    Args:
        path: Any format that trimesh reads.
        up_axis: "Y" or "Z".
        close_foot: Whether openings at the ground get a cap; see `foot_cap`.
    """
    scene = trimesh.load(path, process=False)
    parts = scene.dump() if isinstance(scene, trimesh.Scene) else [scene]
    parts = [part for part in parts if isinstance(part, trimesh.Trimesh) and len(part.faces)]
    mesh = join(*(_painted_part(part, WORLD_FROM[up_axis]) for part in parts))
    low, high = mesh.box
    scale = LONGEST / (high - low).max()
    corners = (mesh.corners - (low + high) / 2) * scale
    fitted = PaintedMesh(**{**vars(mesh), "corners": corners})
    cap = foot_cap(corners, fitted.colours) if close_foot else None
    return fitted if cap is None else join(fitted, cap)


def _painted_part(part: trimesh.Trimesh, world_from_file: np.ndarray) -> PaintedMesh:
    """One geometry with its texture or its vertex colours."""
    texture, uvs, colours = None, None, None
    visual = part.visual
    if isinstance(visual, trimesh.visual.TextureVisuals):
        material = visual.material
        image = getattr(material, "baseColorTexture", None) or getattr(material, "image", None)
        if image is not None and visual.uv is not None:
            texture, uvs = np.asarray(image.convert("RGB")), visual.uv
        else:
            colours = np.tile(np.float32(material.main_color[:3]) / 255, (len(part.vertices), 1))
    elif visual.kind == "vertex":
        colours = np.float32(visual.vertex_colors[:, :3]) / 255
    return painted(
        part.vertices @ world_from_file.T,
        part.faces,
        part.vertex_normals @ world_from_file.T,
        uvs=uvs,
        texture=texture,
        colours=colours,
    )


def foot_cap(corners: np.ndarray, colours: np.ndarray) -> PaintedMesh | None:
    """Triangles that close the openings a scan stood on, None where there are none.

    Without them the last surface that a ray meets is the inside of the front wall.

    Args:
        corners: [f, 3, 3], world frame.
        colours: Of the corners, [f, 3, 3].
    """
    welded = np.round(corners.reshape(-1, 3) / LONGEST * 1e5).astype(np.int64)
    _, first, index = np.unique(welded, axis=0, return_index=True, return_inverse=True)
    points, faces = corners.reshape(-1, 3)[first], index.reshape(-1, 3)
    fans = [
        fan for loop in open_loops(faces) if (fan := _fan(points, loop, points[:, 2])) is not None
    ]
    if not fans:
        return None
    triangles = np.concatenate(fans)
    return painted(
        triangles.reshape(-1, 3),
        np.arange(3 * len(triangles)).reshape(-1, 3),
        np.tile([0.0, 0, -1], (3 * len(triangles), 1)),
        colours=np.tile(np.median(colours.reshape(-1, 3), axis=0), (3 * len(triangles), 1)),
    )


def open_loops(faces: np.ndarray) -> list[np.ndarray]:
    """Closed chains of edges that one face alone has, as vertex indices, in the faces' sense."""
    edges = faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
    edges = edges[edges[:, 0] != edges[:, 1]]
    _, index, counts = np.unique(
        np.sort(edges, axis=1), axis=0, return_inverse=True, return_counts=True
    )
    following = {int(a): int(b) for a, b in edges[counts[index.reshape(-1)] == 1]}
    loops = []
    while following:
        start, at = next(iter(following.items()))
        loop = [start]
        del following[start]
        while at != start and at in following:
            loop.append(at)
            at = following.pop(at)
        if at == start and len(loop) > 2:
            loops.append(np.array(loop))
    return loops


def _fan(points: np.ndarray, loop: np.ndarray, heights: np.ndarray) -> np.ndarray | None:
    """Triangles [k, 3, 3] from an opening at the foot to its middle, facing out; None elsewhere."""
    ring = points[loop]
    ground, tall = heights.min(), np.ptp(heights)
    size = np.ptp(ring, axis=0)
    if ring[:, 2].max() > ground + FOOT * tall or size.max() < LEAST_OPENING * LONGEST:
        return None
    middle = np.broadcast_to(ring.mean(axis=0), ring.shape)
    return np.stack([np.roll(ring, -1, axis=0), ring, middle], axis=1)
