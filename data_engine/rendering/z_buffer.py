"""Which triangle each pixel centre sees, exactly, in NumPy: depth and masks without Blender.

It imports no JAX, so that a render process starts in a fraction of a second.
"""

import dataclasses
from collections.abc import Iterator

import numpy as np

NEAREST = 1e-6
"""A triangle that reaches nearer than this would have to be clipped; it is an error instead."""
MAX_CANDIDATES = 1 << 20
"""(triangle, pixel) pairs tested at once: some 100 MB of temporaries."""
EDGE_TOLERANCE = 1e-9
"""Barycentrics may be this much below zero, so that rounding opens no crack between triangles."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Seen:
    """The nearest triangle behind each pixel centre."""

    triangle: np.ndarray
    """[size, size] int64, -1 where there is none."""
    depth: np.ndarray
    """Along the optical axis, [size, size] float64, 0 where there is none."""


def look(corners_cam: np.ndarray, pixel_from_cam: np.ndarray, size: int) -> Seen:
    """Draws both sides of every triangle.

    Args:
        corners_cam: [f, 3, 3], camera x right, y down, z forward.
        pixel_from_cam: Intrinsics [3, 3] for a size x size image.
        size: Width and height in pixels.
    """
    depth = corners_cam[..., 2]
    if (depth < NEAREST).any():
        raise ValueError(
            "the relic reaches behind a camera; use --engine blender or cameras farther away"
        )
    homogeneous = corners_cam @ pixel_from_cam.T
    slope, offset, low, high = _edges(homogeneous[..., :2] / depth[..., None], size)
    nearness = np.zeros(size * size)  # 1 / depth is affine in the image, depth is not
    triangle = np.full(size * size, -1)
    for face, column, row in _candidates(low, high):
        centre = np.stack([column, row], axis=-1) + 0.5
        weights = np.einsum("nkc,nc->nk", slope[face], centre) + offset[face]
        inside = (weights >= -EDGE_TOLERANCE).all(axis=-1)
        face, pixel = face[inside], (row * size + column)[inside]
        near = np.sum(weights[inside] / depth[face], axis=-1)
        nearer = near > nearness[pixel]
        face, pixel, near = face[nearer], pixel[nearer], near[nearer]
        order = np.argsort(near, kind="stable")  # Of a pixel's candidates the last one stays
        nearness[pixel[order]], triangle[pixel[order]] = near[order], face[order]
    depths = np.divide(1, nearness, out=np.zeros_like(nearness), where=nearness > 0)
    return Seen(triangle=triangle.reshape(size, size), depth=depths.reshape(size, size))


def _edges(uv: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Barycentric k of triangle f at pixel p is slope[f, k] . p + offset[f, k]; and pixel boxes."""
    following, last = np.roll(uv, -1, axis=1), np.roll(uv, -2, axis=1)
    edge = last - following
    normal = np.stack([-edge[..., 1], edge[..., 0]], axis=-1)
    double_area = np.sum(normal * (uv - following), axis=-1)
    solid = np.abs(double_area).min(axis=-1) > 0
    slope = normal / np.where(solid[:, None], double_area, 1)[..., None]
    offset = -np.sum(slope * following, axis=-1)
    # First and last pixel whose centre can lie inside; a triangle without area has none.
    low = np.clip(np.ceil(uv.min(axis=1) - 0.5), 0, size).astype(np.int64)
    high = np.clip(np.floor(uv.max(axis=1) - 0.5), -1, size - 1).astype(np.int64)
    high[~solid] = -1
    return slope, offset, low, high


def _candidates(
    low: np.ndarray, high: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Every (triangle, column, row) of the pixel boxes, a bounded number at a time."""
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
