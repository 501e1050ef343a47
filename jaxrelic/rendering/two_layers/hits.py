"""The first and the last surface behind each pixel centre, exactly: a z-buffer with two ends.

The native library (see `jaxrelic.rendering.native`) does it in milliseconds; without it NumPy finds
the same, many times slower.
"""

import ctypes
import dataclasses

import numpy as np

from jaxrelic.rendering.native.build import LIBRARY
from jaxrelic.typing import Float, typechecked

NEAREST = 1e-6
"""Depth below which a triangle would have to be clipped."""
EDGE_TOLERANCE = 1e-9
"""Barycentrics may be this much below zero, so that rounding opens no crack between triangles."""
MAX_CANDIDATES = 1 << 20
"""(triangle, pixel) pairs tested at once: some 100 MB of temporaries."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Hits:
    """What one camera sees of a mesh; the leading axis is (first, last)."""

    triangle: np.ndarray
    """[2, size, size] int32, -1 where there is none."""
    depth: np.ndarray
    """Along the optical axis, [2, size, size] float64, 0 where there is none."""
    projected: np.ndarray
    """Corners of all triangles as (u, v, 1 / depth), [f, 3, 3] float64."""

    @property
    def covered(self) -> np.ndarray:
        """Where anything is hit, [size, size] bool."""
        return self.triangle[0] >= 0


@typechecked
def look_through(
    corners_cam: Float[np.ndarray, "f 3 3"],
    pixel_from_cam: Float[np.ndarray, "3 3"],
    size: int,
    *,
    native: bool | None = None,
) -> Hits:
    """Draws both sides of every triangle.

    Args:
        corners_cam: Camera frame; the second axis walks the corners.
        pixel_from_cam: Intrinsics of a size x size image; the last row is (0, 0, 1).
        size: Width and height in pixels.
        native: True insists on the native library, False on NumPy; None takes what is there.
    """
    if (corners_cam[..., 2] < NEAREST).any():
        raise ValueError("the mesh reaches behind the camera; move the camera farther away")
    corners = np.empty(corners_cam.shape)
    corners[..., 2] = 1 / corners_cam[..., 2]
    corners[..., :2] = (corners_cam @ pixel_from_cam[:2].T) * corners[..., 2:]
    loaded = None if native is False else LIBRARY.loaded()
    if native and loaded is None:
        raise RuntimeError("no native library; run python -m jaxrelic.rendering.native")
    near, triangle = _draw_native(loaded, corners, size) if loaded else _draw(corners, size)
    hit = triangle >= 0
    depth = np.where(hit, 1 / np.where(hit, near, 1), 0)
    return Hits(triangle=triangle, depth=depth, projected=corners)


def _blank(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Nearness and triangles before anything is drawn."""
    near = np.zeros((2, size, size))
    near[1] = np.inf
    return near, np.full((2, size, size), -1, np.int32)


def _draw_native(loaded, corners: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    near, triangle = _blank(size)
    corners = np.ascontiguousarray(corners)
    pointers = (array.ctypes.data_as(ctypes.c_void_p) for array in (corners, near, triangle))
    source, *targets = pointers
    count, side = ctypes.c_int64(len(corners)), ctypes.c_int64(size)
    loaded.jaxrelic_two_layers(source, count, side, *targets)
    return near, triangle


def _draw(corners: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The same in NumPy; of equally near triangles the first one stays, as there."""
    near, triangle = _blank(size)
    flat_near, flat_triangle = near.reshape(2, -1), triangle.reshape(2, -1)
    for face, pixel, nearness in _fragments(corners, size):
        for layer, sign in ((0, -1), (1, 1)):
            order = np.lexsort((face, sign * nearness, pixel))
            best = order[np.unique(pixel[order], return_index=True)[1]]
            at, value = pixel[best], nearness[best]
            better = sign * value < sign * flat_near[layer, at]
            flat_near[layer, at[better]] = value[better]
            flat_triangle[layer, at[better]] = face[best][better]
    return near, triangle


def _fragments(corners: np.ndarray, size: int):
    """Blocks of (face, pixel, nearness) of all pixel centres inside triangles, by rising face."""
    a, b, c = np.moveaxis(corners, 1, 0)
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    uv = corners[..., :2]
    low = np.clip(np.ceil(uv.min(axis=1) - 0.5), 0, size).astype(np.int64)
    high = np.clip(np.floor(uv.max(axis=1) - 0.5), -1, size - 1).astype(np.int64)
    extent = np.maximum(high - low + 1, 0)
    counts = np.where((area != 0) & np.isfinite(area), extent.prod(axis=-1), 0)
    ends = np.cumsum(counts)
    start = 0
    while start < len(counts):
        done = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, done + MAX_CANDIDATES, side="right")))
        face = np.repeat(np.arange(start, stop), counts[start:stop])
        step = np.arange(len(face)) - (ends[face] - counts[face] - done)
        column = low[face, 0] + step % np.maximum(extent[face, 0], 1)
        row = low[face, 1] + step // np.maximum(extent[face, 0], 1)
        yield _inside(a[face], b[face], c[face], area[face], face, column, row, size)
        start = stop


def _inside(a, b, c, area, face, column, row, size):
    """Those of the candidates whose centre lies in the triangle."""
    x, y = column + 0.5 - a[:, 0], row + 0.5 - a[:, 1]
    wb = (x * (c[:, 1] - a[:, 1]) - y * (c[:, 0] - a[:, 0])) / area
    wc = (y * (b[:, 0] - a[:, 0]) - x * (b[:, 1] - a[:, 1])) / area
    wa = 1 - wb - wc
    near = wa * a[:, 2] + wb * b[:, 2] + wc * c[:, 2]
    keep = np.minimum(np.minimum(wa, wb), wc) >= -EDGE_TOLERANCE
    return face[keep], (row * size + column)[keep], near[keep]


def barycentrics(hits: Hits, layer: int, pixel: np.ndarray) -> np.ndarray:
    """Weights [n, 3] float32 of the corners at the points that covered pixels see.

    Weights are affine in the image where they are taken over depth (Heckbert and Moreton 1991), so
    each is multiplied by its corner's nearness and all are divided by their sum.

    Args:
        hits: Of the mesh.
        layer: 0 for the first hit, 1 for the last.
        pixel: Flat indices of covered pixels, [n].
    """
    size = hits.depth.shape[-1]
    triangle = hits.triangle[layer].reshape(-1)[pixel]
    (ua, va, na), (ub, vb, nb), (uc, vc, nc) = hits.projected[triangle].transpose(1, 2, 0)
    x, y = pixel % size + 0.5 - ua, pixel // size + 0.5 - va
    inverse = 1 / ((ub - ua) * (vc - va) - (vb - va) * (uc - ua))
    wb = (x * (vc - va) - y * (uc - ua)) * inverse
    wc = (y * (ub - ua) - x * (vb - va)) * inverse
    a, b, c = (1 - wb - wc) * na, wb * nb, wc * nc
    total = a + b + c
    return np.stack([a / total, b / total, c / total], axis=-1).astype(np.float32)
