"""The best of many rotations, for predictions whose frame nobody knows (specification msrn F.3).

ZeroShape tries 24 x 24 x 12 rotations of the prediction, normalises each anew and keeps the one
with the lowest Chamfer distance, all of them in full. Here all rotations are ranked by a few
hundred points in distance fields of both clouds, the best are measured with more points in k-d
trees, and the caller measures the winner with all: a second instead of minutes.
"""

import functools

import numpy as np
import scipy.ndimage
import scipy.spatial

from jaxrelic.geometry.registration import alignment
from jaxrelic.typing import Float, typechecked

AZIMUTHS, ELEVATIONS, ROLLS = 24, 24, 12
"""Steps of 15, 7.5 and 30 degrees: elevation needs half a turn, or every rotation comes twice."""

EXTENT_EPSILON = 1e-7
"""Added to the extent of a cloud before dividing by it."""

RANKING_POINTS, FINALIST_POINTS = 256, 2048
"""Points of each cloud while all rotations are ranked, and while the finalists are measured."""

FINALISTS = 48
"""Rotations that are measured."""

FIELD_CELLS = 64
"""Along each side of a distance field, which reaches half a cloud beyond the cloud."""


@typechecked
def image_extent_normalisation(points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "4 4"]:
    """Mean to the origin, larger of the x and y extents to 1; z does not count.

    Args:
        points: In a camera's frame, so that x and y are the axes of the image.
    """
    extent = float(np.ptp(points[:, :2], axis=0).max()) + EXTENT_EPSILON
    mean = points.mean(axis=0, dtype=np.float64)
    return alignment.homogeneous(np.eye(3) / extent, -mean / extent)


@functools.cache
def rotations() -> np.ndarray:
    """All that are tried, [r, 3, 3]; the first is the identity.

    Elevation turns about the image's x axis, azimuth about its y axis before that, roll about the
    optical axis last.
    """
    azimuth = np.arange(AZIMUTHS) * 2 * np.pi / AZIMUTHS
    # From the middle outwards, so that the first is no rotation at all.
    elevation = np.roll((np.arange(ELEVATIONS) / ELEVATIONS - 0.5) * np.pi, -(ELEVATIONS // 2))
    roll = np.arange(ROLLS) * 2 * np.pi / ROLLS
    about_x, about_y, about_z = (
        scipy.spatial.transform.Rotation.from_euler(axis, angles[:, None]).as_matrix()
        for axis, angles in (("x", elevation), ("y", azimuth), ("z", roll))
    )
    return np.einsum("rij,ejk,akl->erail", about_z, about_x, about_y).reshape(-1, 3, 3)


@typechecked
def brute_force(
    source: Float[np.ndarray, "n 3"], target: Float[np.ndarray, "m 3"]
) -> Float[np.ndarray, "4 4"]:
    """Rotation and normalisation of the source that bring it nearest to a normalised target.

    Args:
        source: Points to rotate, in random order.
        target: Points that `image_extent_normalisation` leaves alone, in random order.

    Returns:
        target_from_source, [4, 4].
    """
    alignment.check_cloud(source, "the cloud to move")
    alignment.check_cloud(target, "the cloud to move onto")
    scales = _scales(source)
    centred = source - source.mean(axis=0)
    ranked = np.argsort(_rough_distances(centred, target, scales), kind="stable")
    measured = _distances(
        centred[:FINALIST_POINTS], target[:FINALIST_POINTS], scales, ranked[:FINALISTS]
    )
    best = ranked[np.argmin(measured)]
    turn = scales[best] * rotations()[best]
    return alignment.homogeneous(turn, -turn @ source.mean(axis=0))


def _scales(points: np.ndarray) -> np.ndarray:
    """Factor that `image_extent_normalisation` finds after each rotation, [r]."""
    # Only corners of the convex hull can be the farthest along any axis.
    try:
        corners = points[scipy.spatial.ConvexHull(points).vertices]
    except scipy.spatial.QhullError:  # A flat cloud has no hull in space.
        corners = points
    axes = rotations()[:, :2].reshape(-1, 3)
    extent = np.ptp(corners @ axes.T, axis=0).reshape(-1, 2).max(axis=-1)
    return 1 / (extent + EXTENT_EPSILON)


def _rough_distances(source: np.ndarray, target: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """Chamfer distance of a few points after every rotation, to within a cell, [r]."""
    to_target, to_source = _Field(target), _Field(source)
    some, goals = source[:RANKING_POINTS], target[:RANKING_POINTS]
    result = []
    for turns, factors in zip(
        np.array_split(rotations(), ELEVATIONS), np.array_split(scales, ELEVATIONS), strict=True
    ):
        forth = np.einsum("rij,nj->rni", factors[:, None, None] * turns, some)
        # The other way in the source's own frame: one field serves all rotations.
        back = np.einsum("rji,nj->rni", turns / factors[:, None, None], goals)
        result.append(
            to_target.distances(forth).mean(axis=-1)
            + factors * to_source.distances(back).mean(axis=-1)
        )
    return np.concatenate(result)


def _distances(
    source: np.ndarray, target: np.ndarray, scales: np.ndarray, chosen: np.ndarray
) -> np.ndarray:
    """Chamfer distance after some of the rotations, from k-d trees."""
    to_target, to_source = scipy.spatial.cKDTree(target), scipy.spatial.cKDTree(source)
    result = []
    for turn, scale in zip(rotations()[chosen], scales[chosen], strict=True):
        forth = to_target.query(scale * source @ turn.T)[0].mean()
        back = scale * to_source.query(target @ turn / scale)[0].mean()
        result.append(forth + back)
    return np.array(result)


class _Field:
    """Distance to a cloud, looked up on a grid."""

    def __init__(self, points: np.ndarray):
        low, high = points.min(axis=0), points.max(axis=0)
        side = 2 * float((high - low).max())
        self._corner, self._cell = 0.5 * (low + high) - 0.5 * side, side / FIELD_CELLS
        empty = np.ones((FIELD_CELLS,) * 3, bool)
        empty[tuple(self._cells(points).T)] = False
        field = scipy.ndimage.distance_transform_edt(empty, sampling=self._cell)
        self._field = field.astype(np.float32)

    def _cells(self, points: np.ndarray) -> np.ndarray:
        return np.floor((points - self._corner) / self._cell).astype(np.int32)

    def distances(self, points: np.ndarray) -> np.ndarray:
        """Distances of points [*b, n, 3]; from beyond the grid, by way of its border."""
        inside = np.clip(self._cells(points), 0, FIELD_CELLS - 1)
        outside = np.maximum(np.abs(points - self._corner - (FIELD_CELLS / 2) * self._cell), 0)
        beyond = np.maximum(outside - (FIELD_CELLS / 2) * self._cell, 0)
        x, y, z = np.moveaxis(inside, -1, 0)
        return self._field[x, y, z] + np.sqrt(np.sum(beyond**2, axis=-1))
