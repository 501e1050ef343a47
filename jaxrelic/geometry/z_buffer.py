"""Which face each pixel centre sees, exactly and without gradients, on the host.

Metrics need silhouettes whose edges depend on no softness, and pictures need many frames soon; both
get them here for milliseconds a view, without compiling anything.
"""

import dataclasses

import numpy as np

from jaxrelic.typing import Float, Int, typechecked

MIN_DEPTH = 1e-3
"""Faces with a corner nearer than this are absent: there is no clipping."""

MIN_DOUBLE_AREA_PX = 1e-9
"""Faces with less are absent, in squared pixels; their barycentrics would be noise."""

EDGE_TOLERANCE = 1e-9
"""Barycentrics may be this much below zero, so that rounding opens no crack between two faces."""


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


@typechecked
def rasterize(
    uv: Float[np.ndarray, "v 2"],
    depth: Float[np.ndarray, " v"],
    faces: Int[np.ndarray, "f 3"],
    *,
    height: int,
    width: int,
) -> Visible:
    """Draws both sides of every face.

    Args:
        uv: Vertices in pixels, x right and y down, the first pixel's centre at (0.5, 0.5).
        depth: Depth of the vertices, along the optical axis.
        faces: Vertex indices.
        height: Height of the image.
        width: Width of the image.
    """
    corners, corner_depth = uv[faces].astype(np.float64), depth[faces].astype(np.float64)
    ahead = (corner_depth > MIN_DEPTH).all(axis=-1)
    present = np.flatnonzero(ahead & np.isfinite(corners).all(axis=(1, 2)))
    face, pixel, weights = _covered_pixels(corners[present], height, width)
    face = present[face]
    weights = weights / corner_depth[face]
    inverse_depth = weights.sum(axis=-1)
    # Farthest first, so that the nearest fragment of a pixel is written last.
    order = np.argsort(inverse_depth, kind="stable")
    face, pixel, weights, inverse_depth = (
        values[order] for values in (face, pixel, weights, inverse_depth)
    )
    count = height * width
    seen, barycentrics, nearest = np.full(count, -1), np.zeros((count, 3)), np.zeros(count)
    seen[pixel] = face
    barycentrics[pixel] = weights / inverse_depth[:, None]
    nearest[pixel] = 1 / inverse_depth
    return Visible(
        face=seen.reshape(height, width),
        barycentrics=barycentrics.reshape(height, width, 3),
        depth=nearest.reshape(height, width),
    )


def _covered_pixels(
    corners: np.ndarray, height: int, width: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every (face, pixel) pair whose centre lies in the face, with screen barycentrics."""
    limit = np.array([width, height])
    # First and last pixel whose centre can lie inside the face's box.
    low = np.clip(np.ceil(corners.min(axis=1) - 0.5), 0, limit).astype(np.int64)
    high = np.clip(np.floor(corners.max(axis=1) - 0.5), -1, limit - 1).astype(np.int64)
    size = np.maximum(high - low + 1, 0)
    found = [
        _test_boxes(corners, group, low, side) for group, side in _groups_of_similar_size(size)
    ]
    if not found:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, 3))
    face, column_row, weights = (np.concatenate(parts) for parts in zip(*found, strict=True))
    inside = (column_row <= high[face]).all(axis=-1)
    pixel = column_row[:, 1] * width + column_row[:, 0]
    return face[inside], pixel[inside], weights[inside]


def _groups_of_similar_size(size: np.ndarray) -> list[tuple[np.ndarray, int]]:
    """Faces whose boxes fit the same power of two, so that few tests are wasted."""
    longest = np.where((size > 0).all(axis=-1), size.max(axis=-1, initial=0), 0)
    exponent = np.ceil(np.log2(np.maximum(longest, 1))).astype(int)
    drawn = longest > 0
    return [
        (np.flatnonzero(drawn & (exponent == level)), 2**level)
        for level in np.unique(exponent[drawn])
    ]


def _test_boxes(
    corners: np.ndarray, group: np.ndarray, low: np.ndarray, side: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tests a square of pixels at each face's box; returns face, (column, row) and weights.

    Barycentrics are affine in the pixel, so a square of them is the sum of a row and a column.
    """
    slope, offset = _edge_functions(corners[group])
    steps = np.arange(side)
    columns, rows = (low[group][:, axis, None] + steps for axis in (0, 1))
    along_row = slope[..., 0, None] * (columns[:, None] + 0.5)
    along_column = slope[..., 1, None] * (rows[:, None] + 0.5) + offset[..., None]
    weights = along_column[..., :, None] + along_row[..., None, :]
    which, row, column = np.nonzero((weights >= -EDGE_TOLERANCE).all(axis=1))
    column_row = np.stack([columns[which, column], rows[which, row]], axis=-1)
    return group[which], column_row, np.maximum(weights[which, :, row, column], 0)


def _edge_functions(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Barycentric k of each face at (x, y) is slope[f, k] . (x, y) + offset[f, k]."""
    following, last = np.roll(corners, -1, axis=1), np.roll(corners, -2, axis=1)
    edge = last - following
    normal = np.stack([-edge[..., 1], edge[..., 0]], axis=-1)
    double_area = np.sum(normal * (corners - following), axis=-1)
    solid = np.abs(double_area) > MIN_DOUBLE_AREA_PX
    slope = normal / np.where(solid, double_area, 1)[..., None]
    offset = -np.sum(slope * following, axis=-1)
    # A face without area is nowhere inside.
    return np.where(solid[..., None], slope, 0), np.where(solid, offset, -1)
