"""Which face each pixel centre sees, exactly and without gradients, on the host.

Metrics need silhouettes whose edges depend on no softness, pictures need many frames soon, and the
data engine ray-casts where there is no Blender. NumPy alone: a render process starts in a fraction
of a second, which JAX would not allow.
"""

import dataclasses
from collections.abc import Iterator

import numpy as np

MIN_DEPTH = 1e-3
"""`rasterize` leaves faces with a corner nearer than this out: there is no clipping."""

MIN_DOUBLE_AREA_PX = 1e-9
"""`rasterize` leaves out faces with less, in squared pixels; their barycentrics would be noise."""

EDGE_TOLERANCE = 1e-9
"""Barycentrics may be this much below zero, so that rounding opens no crack between two faces."""

MAX_CANDIDATES = 1 << 20
"""(face, pixel) pairs tested at once: some 100 MB of temporaries."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Visible:
    """The nearest face behind each pixel centre."""

    face: np.ndarray
    """Face index, -1 where there is none, [h, w] int64."""
    barycentrics: np.ndarray
    """Perspective-correct weights of the face's corners, [h, w, 3]; zero where there is none."""
    depth: np.ndarray
    """Along the optical axis, 0 where there is none, [h, w]."""

    @property
    def mask(self) -> np.ndarray:
        """Pixels that see the mesh, [h, w] bool."""
        return self.face >= 0


def rasterize(
    uv: np.ndarray, depth: np.ndarray, faces: np.ndarray, *, height: int, width: int
) -> Visible:
    """Draws both sides of every face.

    Args:
        uv: Vertices in pixels, x right and y down, the first pixel's centre at (0.5, 0.5), [v, 2].
        depth: Vertices along the optical axis, [v].
        faces: Vertex indices, [f, 3].
        height: Rows of the image.
        width: Columns of the image.
    """
    corners, corner_depth = uv[faces].astype(np.float64), depth[faces].astype(np.float64)
    ahead = (corner_depth > MIN_DEPTH).all(axis=-1) & np.isfinite(corners).all(axis=(1, 2))
    present = np.flatnonzero(ahead)
    _, _, double_area = _edge_functions(corners[present])
    present = present[np.abs(double_area).min(axis=-1) > MIN_DOUBLE_AREA_PX]
    corners, corner_depth = corners[present], corner_depth[present]
    nearest, nearness = nearest_faces(corners, corner_depth, height=height, width=width)
    seen = nearest >= 0
    barycentrics = np.zeros((height, width, 3))
    barycentrics[seen] = _barycentrics(corners, corner_depth, nearest, seen)
    return Visible(
        face=np.where(seen, np.append(present, -1)[nearest], -1),
        barycentrics=barycentrics,
        depth=np.divide(1, nearness, out=np.zeros_like(nearness), where=seen),
    )


def nearest_faces(
    corners: np.ndarray, corner_depth: np.ndarray, *, height: int, width: int
) -> tuple[np.ndarray, np.ndarray]:
    """Number of the nearest face, or -1, and 1 / depth there, or 0; both [height, width].

    Args:
        corners: Of each face in pixels, [f, 3, 2] float64, finite.
        corner_depth: Along the optical axis, [f, 3] float64, positive.
        height: Rows of the image.
        width: Columns of the image.
    """
    slope, offset, double_area = _edge_functions(corners)
    low, high = _pixel_boxes(corners, double_area, height, width)
    nearness = np.zeros(height * width)  # 1 / depth is affine in the image, depth is not
    nearest = np.full(height * width, -1)
    for face, column, row in _candidates(low, high):
        centre = np.stack([column, row], axis=-1) + 0.5
        weights = np.einsum("nkc,nc->nk", slope[face], centre) + offset[face]
        inside = (weights >= -EDGE_TOLERANCE).all(axis=-1)
        face, pixel = face[inside], (row * width + column)[inside]
        near = np.sum(weights[inside] / corner_depth[face], axis=-1)
        nearer = near > nearness[pixel]
        face, pixel, near = face[nearer], pixel[nearer], near[nearer]
        order = np.argsort(near, kind="stable")  # Of a pixel's candidates the last one stays
        nearness[pixel[order]], nearest[pixel[order]] = near[order], face[order]
    return nearest.reshape(height, width), nearness.reshape(height, width)


def _edge_functions(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Barycentric k of face f at (x, y) is slope[f, k] . (x, y) + offset[f, k]; and double areas.

    Double areas [f, 3] are the same up to rounding; where one is 0, the face is nowhere.
    """
    following, last = np.roll(corners, -1, axis=1), np.roll(corners, -2, axis=1)
    edge = last - following
    normal = np.stack([-edge[..., 1], edge[..., 0]], axis=-1)
    double_area = np.sum(normal * (corners - following), axis=-1)
    solid = np.abs(double_area).min(axis=-1) > 0
    slope = normal / np.where(solid[:, None], double_area, 1)[..., None]
    return slope, -np.sum(slope * following, axis=-1), np.where(solid[:, None], double_area, 0)


def _pixel_boxes(
    corners: np.ndarray, double_area: np.ndarray, height: int, width: int
) -> tuple[np.ndarray, np.ndarray]:
    """First and last (column, row) whose centre can lie inside; last < first where none can."""
    limit = np.array([width, height])
    low = np.clip(np.ceil(corners.min(axis=1) - 0.5), 0, limit).astype(np.int64)
    high = np.clip(np.floor(corners.max(axis=1) - 0.5), -1, limit - 1).astype(np.int64)
    high[(double_area == 0).any(axis=-1)] = -1
    return low, high


def _candidates(
    low: np.ndarray, high: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Every (face, column, row) of the pixel boxes, a bounded number at a time."""
    extent = np.maximum(high - low + 1, 0)
    counts = extent.prod(axis=-1)
    drawn = np.flatnonzero(counts)
    start = 0
    ends = np.cumsum(counts[drawn])
    while start < len(drawn):
        done = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, done + MAX_CANDIDATES, side="right")))
        group = drawn[start:stop]
        face = np.repeat(group, counts[group])
        step = np.arange(len(face)) - np.repeat(
            ends[start:stop] - counts[group] - done, counts[group]
        )
        yield face, low[face, 0] + step % extent[face, 0], low[face, 1] + step // extent[face, 0]
        start = stop


def _barycentrics(
    corners: np.ndarray, corner_depth: np.ndarray, nearest: np.ndarray, seen: np.ndarray
) -> np.ndarray:
    """Perspective-correct weights at the pixels that see a face, [n, 3]."""
    slope, offset, _ = _edge_functions(corners)
    face, (row, column) = nearest[seen], np.nonzero(seen)
    centre = np.stack([column, row], axis=-1) + 0.5
    on_screen = np.einsum("nkc,nc->nk", slope[face], centre) + offset[face]
    weights = np.maximum(on_screen, 0) / corner_depth[face]
    return weights / weights.sum(axis=-1, keepdims=True)
