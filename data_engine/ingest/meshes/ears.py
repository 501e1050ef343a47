"""Cuts one polygon into triangles that lie inside it, by ears.

A corner whose triangle holds no other corner is an ear; without it the polygon stays simple, and
by the two ears theorem (G. H. Meisters, 1975) there is always one.
"""

import numpy as np

from data_engine.errors import Refusal

MAX_CORNERS = 4096
"""Of a concave polygon: the time to cut it grows with their square."""


def cut_ears(points: np.ndarray) -> np.ndarray:
    """Triangles [n - 2, 3] of corner numbers of a polygon [n, 3], in its own sense of rotation.

    Corners may be repeated, as where a bridge leads to a hole. A polygon that crosses itself is
    cut somehow, with the same number of triangles.
    """
    count = len(points)
    if count > MAX_CORNERS:
        raise Refusal(
            "too_large", f"a concave face has {count} corners; at most {MAX_CORNERS} are read"
        )
    flat = _flattened(points)
    left = list(range(count))
    triangles = []
    at = 0
    while len(left) > 3:
        at = _next_ear(flat, left, at)
        before, after = left[at - 1], left[(at + 1) % len(left)]
        triangles.append((before, left.pop(at), after))
        at = at % len(left)
    return np.array([*triangles, tuple(left)], np.int64)


def area_vectors(points: np.ndarray) -> np.ndarray:
    """Normals of polygons [*b, n, 3], as long as twice their area (M. E. Newell's method)."""
    centred = points - points[..., :1, :]
    return np.cross(centred, np.roll(centred, -1, axis=-2)).sum(axis=-2)


def _flattened(points: np.ndarray) -> np.ndarray:
    """Corners in the plane of the polygon, counter-clockwise, [n, 2]."""
    points = points - points.mean(axis=0)
    normal = area_vectors(points)
    axis = int(np.argmax(np.abs(normal)))
    flat = points[:, [(axis + 1) % 3, (axis + 2) % 3]]
    return flat if normal[axis] >= 0 else flat * [1.0, -1.0]


def _next_ear(flat: np.ndarray, left: list[int], start: int) -> int:
    """Place of an ear in the list of corners that are left."""
    ring = flat[left]
    before, after = np.roll(ring, 1, axis=0), np.roll(ring, -1, axis=0)
    turns = _cross(ring - before, after - ring)
    reflex = ring[turns <= 0]
    order = np.roll(np.arange(len(left)), -start)
    for at in order[turns[order] > 0]:
        if not _holds(before[at], ring[at], after[at], reflex):
            return int(at)
    # Nothing but straight corners is left, or it crosses itself: the flattest corner goes.
    return int(np.argmin(np.abs(turns)))


def _holds(a: np.ndarray, b: np.ndarray, c: np.ndarray, points: np.ndarray) -> bool:
    """Whether a triangle holds a point [n, 2] that is none of its corners."""
    inside = (
        (_cross(b - a, points - a) >= 0)
        & (_cross(c - b, points - b) >= 0)
        & (_cross(a - c, points - c) >= 0)
    )
    corner = (points == a).all(-1) | (points == b).all(-1) | (points == c).all(-1)
    return bool((inside & ~corner).any())


def _cross(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return one[..., 0] * other[..., 1] - one[..., 1] * other[..., 0]
