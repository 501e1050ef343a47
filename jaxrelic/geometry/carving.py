"""What outlines seen by known cameras leave of space: the visual hull (Laurentini, TPAMI 1994)."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from jaxrelic.geometry import cameras
from jaxrelic.typing import Bool, Float, typechecked


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Outline:
    """Where one camera sees the object."""

    mask: np.ndarray
    """[h, w] bool."""
    cam_from_world: np.ndarray
    """[4, 4]."""
    pixel_from_cam: np.ndarray
    """[3, 3]."""
    whole: bool = False
    """Whether nothing of the object is outside the picture: see `is_whole`."""


def is_whole(mask: np.ndarray) -> bool:
    """Whether a mask [h, w] bool keeps off the rim of its picture, so that all of it is inside."""
    return not (mask[[0, -1]].any() or mask[:, [0, -1]].any())


def carve(outlines: Sequence[Outline], points: Float[np.ndarray, "p 3"]) -> Bool[np.ndarray, " p"]:
    """Points that every view sees inside its outline.

    A point that is outside a picture or behind its camera is not judged by it, unless all of the
    object is known to be inside.
    """
    inside = np.ones(len(points), bool)
    for outline in outlines:
        inside[inside] = ~against(outline, *look_up(outline, points[inside]))
    return inside


def against(outline: Outline, pixel: np.ndarray, judged: np.ndarray) -> np.ndarray:
    """Whether a view says that points are not the object's, [p]; arguments are of `look_up`."""
    return np.where(judged, ~outline.mask.ravel()[pixel], outline.whole)


def look_up(outline: Outline, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which pixel of a view each point [p, 3] falls on.

    Returns:
        pixel: Row-major number [p]; 0 where there is none.
        judged: Whether the point is in front of the camera and inside its picture, [p].
    """
    height, width = outline.mask.shape
    extrinsics = np.asarray(outline.cam_from_world)
    points_cam = points @ extrinsics[:3, :3].T + extrinsics[:3, 3]
    uv = points_cam @ np.asarray(outline.pixel_from_cam).T
    place = np.floor(uv[:, :2] / np.maximum(uv[:, 2:], cameras.MIN_DEPTH))
    judged = ((place >= 0) & (place < [width, height])).all(axis=-1) & (uv[:, 2] > 0)
    column, row = np.where(judged[:, None], place, 0).astype(np.int64).T
    return row * width + column, judged


@typechecked
def grid(
    centre: Float[np.ndarray, "3"], half_sides: Float[np.ndarray, "3"], cell: float
) -> Float[np.ndarray, "n 3"]:
    """Centres of cells of one size that fill a box, in C order of (x, y, z)."""
    counts = np.maximum(np.ceil(2 * half_sides / cell - 1e-9), 1).astype(int)
    axes = [c + (np.arange(n) + 0.5 - n / 2) * cell for c, n in zip(centre, counts, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)


def intrinsics_at(outline: Outline, width: int, height: int) -> np.ndarray:
    """pixel_from_cam [3, 3] of the view for a picture of another size."""
    rows, columns = outline.mask.shape
    return cameras.resize_intrinsics(
        np.asarray(outline.pixel_from_cam, np.float64), width / columns, height / rows
    )
