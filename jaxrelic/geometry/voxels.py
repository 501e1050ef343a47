"""Solids on a coarse grid, for 3D intersection over union (specification msrn F.4).

The grid has 32^3 cells over [-0.5, 0.5]^3. A surface is drawn by splitting its triangles until they
are smaller than a cell, after which no 6-connected path leads through it; what the outside cannot
reach is solid.
"""

import numpy as np
import scipy.ndimage
import scipy.spatial

from jaxrelic.geometry.registration import alignment
from jaxrelic.typing import Bool, Float, Int, typechecked

GRID_SIZE = 32
"""Cells along each side."""

MAX_SQUARED_EDGE = 0.5
"""Triangles are split until no edge is longer, in squared cells."""

DISC_RADIUS = 1.5
"""Radius of the disc that a surface sample stands for, over the mean spacing of samples.

Samples fall at random, so some gaps are several times the spacing; a disc this large leaves a point
of the surface bare with probability exp(-pi 1.5^2), about 0.001.
"""

DISC_POINTS = 8
"""Points on the rim and again on half the radius."""


@typechecked
def solid_from_mesh(
    vertices: Float[np.ndarray, "v 3"], faces: Int[np.ndarray, "f 3"], size: int = GRID_SIZE
) -> Bool[np.ndarray, "g g g"]:
    """Cells that a mesh touches or encloses; parts outside the grid are cut off."""
    cells = (vertices[faces].astype(np.float64) + 0.5) * size
    touched = [cells.reshape(-1, 3)]
    while len(cells := _halves(cells)):
        # Parts outside are not split further, or one stray vertex would take all memory.
        cells = cells[((cells.max(axis=1) >= 0) & (cells.min(axis=1) <= size)).all(axis=-1)]
        touched.append(cells.reshape(-1, 3))
    return _filled(np.concatenate(touched), size)


def _halves(triangles: np.ndarray) -> np.ndarray:
    """Both halves of each triangle with a long edge, split at its longest, [t, 3, 3]."""
    edges = np.roll(triangles, -1, axis=1) - triangles
    squared = np.sum(edges**2, axis=-1)
    large = squared.max(axis=-1) > MAX_SQUARED_EDGE
    longest = squared[large].argmax(axis=-1)
    order = (longest[:, None] + np.arange(3)) % 3
    # The longest edge now runs from a to b.
    a, b, c = np.moveaxis(np.take_along_axis(triangles[large], order[..., None], axis=1), 1, 0)
    middle = 0.5 * (a + b)
    return np.concatenate([np.stack([a, middle, c], axis=1), np.stack([middle, b, c], axis=1)])


@typechecked
def solid_from_samples(
    points: Float[np.ndarray, "n 3"],
    normals: Float[np.ndarray, "n 3"],
    size: int = GRID_SIZE,
) -> Bool[np.ndarray, "g g g"]:
    """`solid_from_mesh` for a surface that is known by samples: each is a small disc.

    Args:
        points: On the surface, about evenly.
        normals: Unit, of either sign.
        size: Cells along each side.
    """
    alignment.check_cloud(points, "the surface")
    nearest = scipy.spatial.cKDTree(points).query(points, k=2)[0][:, 1]
    # Points of a Poisson process with density d are 0.5 / sqrt(d) from their nearest.
    radius = DISC_RADIUS * 2 * float(nearest.mean())
    # Any axis that is not the normal gives the first tangent.
    helper = np.eye(3)[np.abs(normals).argmin(axis=-1)]
    first = np.cross(normals, helper)
    first /= np.maximum(np.linalg.norm(first, axis=-1, keepdims=True), 1e-12)
    second = np.cross(normals, first)
    discs = [points]
    for angle in np.arange(DISC_POINTS) * 2 * np.pi / DISC_POINTS:
        outward = radius * (np.cos(angle) * first + np.sin(angle) * second)
        discs += [points + outward, points + 0.5 * outward]
    return _filled((np.concatenate(discs).astype(np.float64) + 0.5) * size, size)


def _filled(cells: np.ndarray, size: int) -> np.ndarray:
    """Marks the cells that hold a point [n, 3], and all that no 6-connected path reaches."""
    index = np.floor(cells).astype(np.int64)
    index = index[((index >= 0) & (index < size)).all(axis=-1)]
    touched = np.zeros((size,) * 3, bool)
    touched[tuple(index.T)] = True
    return scipy.ndimage.binary_fill_holes(touched)


@typechecked
def overlap(a: Bool[np.ndarray, "g g g"], b: Bool[np.ndarray, "g g g"]) -> float:
    """Intersection over union, in [0, 1]; two empty grids agree."""
    either = np.count_nonzero(a | b)
    return float(np.count_nonzero(a & b) / either) if either else 1.0
