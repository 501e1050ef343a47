"""Signed distances on a fine grid, computed near the surface only.

A grid of 256^3 points asks a network 17 million times, and all but a few hundred thousand answers
are far from zero. Here a coarse grid is halved again and again around the cells that may hold
surface; elsewhere the grid is filled by interpolation, which cannot change sign there.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
import scipy.ndimage

from jaxrelic.typing import typechecked

Distances = Callable[[np.ndarray], np.ndarray]
"""Signed distances [n] of points [n, 3] of the cube [-1, 1]^3, negative inside."""

BLOCK = 2**18
"""Points per call."""
LEAST_SLOPE = 1.0
"""A network that seems flatter between two points of a grid is not trusted: distances rise by one
per unit, and a bulge of the surface between the points would be missed."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SampledDistances:
    """Distances at the points of a grid whose outer points lie on the faces of [-1, 1]^3."""

    values: np.ndarray
    """Signed distances by x, y and z; interpolated far from the surface, [r, r, r] float32."""
    evaluated: int
    """How many were computed."""


@typechecked
def sample(
    distances: Distances, resolution: int, *, coarsest: int | None, safety: float
) -> SampledDistances:
    """Distances whose sign is right everywhere, and whose value is right at the surface.

    A cell may hold surface if its corners differ in sign, or if the least of their distances is
    within reach: what the steepest slope in and around the cell covers over half its diagonal,
    times `safety`. A network's slope has no bound, so pieces smaller than a coarse cell can be
    missed; every piece that is found is followed to its end.

    Args:
        distances: Distances of points.
        resolution: Points per side.
        coarsest: Most points per side of the first grid; None computes the whole fine grid.
        safety: Factor on the reach of a cell.
    """
    stride = 1
    while coarsest is not None and -(-(resolution - 1) // stride) + 1 > coarsest:
        stride *= 2
    axis = _lattice(resolution, stride)
    values = np.zeros((len(axis),) * 3, np.float32)
    known = np.zeros(values.shape, bool)
    _compute(distances, values, known, np.ones_like(known), axis)
    while stride > 1:
        stride //= 2
        near = _may_hold_surface(values, np.diff(axis) * (2 / (resolution - 1)), safety)
        finer = _lattice(resolution, stride)
        values = _stretch(values, axis, finer)
        known, wanted = _spread(known, axis, finer), _points_of(near, axis, finer)
        axis = finer
        while wanted.any():
            _compute(distances, values, known, wanted, axis)
            wanted = _corners_of(_crossing(values) & ~_all_corners(known)) & ~known
    return SampledDistances(values=values, evaluated=int(np.count_nonzero(known)))


def _lattice(resolution: int, stride: int) -> np.ndarray:
    """Every `stride`th index of the fine grid, and the last."""
    return np.unique(np.append(np.arange(0, resolution, stride), resolution - 1))


def _compute(
    distances: Distances,
    values: np.ndarray,
    known: np.ndarray,
    wanted: np.ndarray,
    axis: np.ndarray,
) -> None:
    """Fills in the wanted values [n, n, n] that are not yet known, in place."""
    line = axis / axis[-1] * 2 - 1
    (todo,) = np.nonzero((wanted & ~known).reshape(-1))
    for start in range(0, len(todo), BLOCK):
        part = todo[start : start + BLOCK]
        index = np.unravel_index(part, values.shape)
        points = np.stack([line[i] for i in index], axis=-1)
        values.reshape(-1)[part] = distances(np.float32(points))
    known |= wanted


def _may_hold_surface(values: np.ndarray, sides: np.ndarray, safety: float) -> np.ndarray:
    """Cells [m, m, m] with surface, one ring around them, and cells within reach of surface.

    Args:
        values: At the corners, [m + 1, m + 1, m + 1].
        sides: Sides of the cells along each axis, in cube units, [m].
        safety: Factor on the reach.
    """
    squared_slope = np.zeros(tuple(n - 1 for n in values.shape), np.float32)
    for along in range(3):
        length = sides.reshape([-1 if k == along else 1 for k in range(3)])
        slope = np.abs(np.diff(values, axis=along)) / np.float32(length)
        for other in {0, 1, 2} - {along}:
            slope = _pairs(slope, other, np.maximum)
        squared_slope += slope**2
    steepest = np.sqrt(scipy.ndimage.maximum_filter(squared_slope, 3, mode="nearest"))
    x, y, z = np.meshgrid(sides, sides, sides, indexing="ij", sparse=True)
    half_diagonal = np.float32(np.sqrt(x**2 + y**2 + z**2) / 2)
    reach = safety * np.maximum(steepest, LEAST_SLOPE) * half_diagonal
    ring = scipy.ndimage.maximum_filter(_crossing(values), 3, mode="nearest")
    return ring | (_corners(np.abs(values), np.minimum) <= reach)


def _pairs(x: np.ndarray, axis: int, join: np.ufunc) -> np.ndarray:
    """Joins neighbours along an axis, which becomes one shorter."""
    low, high = [slice(None)] * 3, [slice(None)] * 3
    low[axis], high[axis] = slice(None, -1), slice(1, None)
    return join(x[tuple(low)], x[tuple(high)])


def _corners(x: np.ndarray, join: np.ufunc) -> np.ndarray:
    """Joins the eight corners of each cell, [n, n, n] to [n - 1, n - 1, n - 1]."""
    for axis in range(3):
        x = _pairs(x, axis, join)
    return x


def _all_corners(x: np.ndarray) -> np.ndarray:
    return _corners(x, np.logical_and)


def _crossing(values: np.ndarray) -> np.ndarray:
    """Cells whose corners differ in sign."""
    inside = values < 0
    return _corners(inside, np.logical_or) & ~_all_corners(inside)


def _corners_of(cells: np.ndarray) -> np.ndarray:
    """Points that are a corner of any of the cells, [m, m, m] to [m + 1, m + 1, m + 1]."""
    return _corners(np.pad(cells, 1), np.logical_or)


def _points_of(cells: np.ndarray, axis: np.ndarray, finer: np.ndarray) -> np.ndarray:
    """Points of the finer lattice in or on any of the cells between the points of `axis`."""
    last = len(axis) - 2
    lower = np.clip(np.searchsorted(axis, finer, side="left") - 1, 0, last)
    upper = np.clip(np.searchsorted(axis, finer, side="right") - 1, 0, last)
    for k in range(3):
        cells = cells.take(lower, axis=k) | cells.take(upper, axis=k)
    return cells


def _spread(known: np.ndarray, axis: np.ndarray, finer: np.ndarray) -> np.ndarray:
    """What is known on the coarse lattice, on the finer one."""
    spread = np.zeros((len(finer),) * 3, bool)
    place = np.searchsorted(finer, axis)
    spread[np.ix_(place, place, place)] = known
    return spread


def _stretch(values: np.ndarray, axis: np.ndarray, finer: np.ndarray) -> np.ndarray:
    """Trilinear interpolation, which stays between the corners and so keeps their common sign."""
    low = np.clip(np.searchsorted(axis, finer, side="right") - 1, 0, len(axis) - 2)
    weight = np.float32((finer - axis[low]) / (axis[low + 1] - axis[low]))
    for k in range(3):
        w = weight.reshape([-1 if k == j else 1 for j in range(3)])
        values = (1 - w) * values.take(low, axis=k) + w * values.take(low + 1, axis=k)
    return values
