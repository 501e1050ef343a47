"""What can be said about a shape without its colours: size, closedness, identity."""

import dataclasses
import hashlib

import numpy as np

from data_engine.gltf.reader import Geometry

WELD_STEPS = 1 << 20
"""Positions closer than the longest side over this are one vertex when closedness is judged."""
HASH_STEPS = 10_000
"""The canonical hash rounds positions to the longest side over this."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShapeFacts:
    """Statistics of a geometry, ready for the catalog."""

    vertices: int
    triangles: int
    watertight: bool
    bbox_min: tuple[float, float, float]
    bbox_max: tuple[float, float, float]
    geometry_sha256: str


def shape_facts(geometry: Geometry) -> ShapeFacts:
    """Measures a geometry; unreferenced vertices count as vertices but not for the box."""
    shown = geometry.vertices[np.unique(geometry.faces)]
    return ShapeFacts(
        vertices=len(geometry.vertices),
        triangles=len(geometry.faces),
        watertight=is_watertight(geometry),
        bbox_min=tuple(shown.min(axis=0).tolist()),
        bbox_max=tuple(shown.max(axis=0).tolist()),
        geometry_sha256=geometry_sha256(geometry),
    )


def is_watertight(geometry: Geometry) -> bool:
    """Whether each edge joins exactly two triangles once equal positions are welded."""
    _, faces = _welded(geometry, WELD_STEPS)
    edges = np.sort(faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=-1)
    if len(edges) == 0:
        return False
    _, counts = np.unique(edges[:, 0] * (faces.max() + 1) + edges[:, 1], return_counts=True)
    return bool((counts == 2).all())


def geometry_sha256(geometry: Geometry) -> str:
    """Canonical hash of a shape (specification data_engine 8).

    Equal for the same scan under another place, scale, orientation of its faces, order of vertices
    and triangles, texture or file format. Rounding makes it an exact match, not a near one: two
    exports that differ by float noise at a rounding edge differ here.
    """
    positions, faces = _welded(geometry, HASH_STEPS)
    triangles = np.sort(faces, axis=-1)
    order = np.lexsort(triangles.T[::-1])
    triangles = triangles[order]
    fresh = np.ones(len(triangles), bool)
    fresh[1:] = (triangles[1:] != triangles[:-1]).any(axis=-1)
    digest = hashlib.sha256(positions.astype("<i8").tobytes())
    digest.update(triangles[fresh].astype("<i8").tobytes())
    return digest.hexdigest()


def _welded(geometry: Geometry, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Rounds positions to a grid over the bounding cube and merges equal ones.

    Returns:
        positions: Sorted grid positions packed in one integer each, [w].
        faces: Triangles over them that keep three different corners, [f, 3].
    """
    used, faces = np.unique(geometry.faces, return_inverse=True)
    shown = geometry.vertices[used]
    low, high = shown.min(axis=0), shown.max(axis=0)
    centre, side = low / 2 + high / 2, (high - low).max()
    grid = np.rint(((shown - centre) / side + 0.5) * steps).astype(np.int64)
    packed = (grid[:, 0] * (steps + 1) + grid[:, 1]) * (steps + 1) + grid[:, 2]
    positions, welded = np.unique(packed, return_inverse=True)
    faces = welded[faces.reshape(-1, 3)]
    a, b, c = faces.T
    return positions, faces[(a != b) & (b != c) & (c != a)]
