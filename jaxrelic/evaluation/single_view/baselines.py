"""What a trained model must beat: the template it starts from, and the mean training shape."""

import logging
from collections.abc import Iterable, Sequence

import numpy as np
import skimage.measure

from jaxrelic.data import posed_view
from jaxrelic.geometry import carving
from jaxrelic.typing import Array, Bool, Float, typechecked

logger = logging.getLogger(__name__)

GRID_SIZE = 44
"""Cells along each side of the carved cube."""

HALF_SIDE = 0.44
"""Half the side of the carved cube, in world units; relics reach 0.4."""

OCCUPIED_BY_HALF = 0.5
"""A cell belongs to the mean shape when at least half of the training relics fill it."""


@typechecked
def grid_points(size: int = GRID_SIZE) -> Float[np.ndarray, "n 3"]:
    """Cell centres of the carved cube in C order of (x, y, z), world frame."""
    axis = (np.arange(size) + 0.5) / size * 2 * HALF_SIDE - HALF_SIDE
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)


@typechecked
def visual_hull(
    masks: Bool[np.ndarray, "n h w"],
    cam_from_world: Float[Array, "n 4 4"],
    pixel_from_cam: Float[Array, "n 3 3"],
    points: Float[np.ndarray, "p 3"],
) -> Bool[np.ndarray, " p"]:
    """Points that every view sees inside the silhouette (Laurentini, TPAMI 1994).

    A point outside a picture is not judged by it.
    """
    outlines = [
        carving.Outline(mask=mask, cam_from_world=extrinsics, pixel_from_cam=matrix)
        for mask, extrinsics, matrix in zip(masks, cam_from_world, pixel_from_cam, strict=True)
    ]
    return carving.carve(outlines, points)


def mean_shape(relics: Iterable[Sequence[posed_view.View]]) -> tuple[np.ndarray, np.ndarray]:
    """Surface around the cells that at least half of the relics fill, from masks and cameras.

    Args:
        relics: The posed views of each training relic.

    Returns:
        vertices [v, 3] float32 and faces [f, 3] int32, facing outward, world frame.
    """
    points, total, count = grid_points(), np.zeros(GRID_SIZE**3), 0
    for views in relics:
        total += visual_hull(
            np.stack([view.rgba[..., 3] > 0.5 for view in views]),
            np.stack([view.cam_from_world for view in views]),
            np.stack([view.pixel_from_cam for view in views]),
            points,
        )
        count += 1
    if count == 0 or not total.any():
        raise ValueError("no training silhouettes to average; the mean shape needs some")
    return surface_of((total / count).reshape((GRID_SIZE,) * 3))


@typechecked
def surface_of(
    occupancy: Float[np.ndarray, "g g g"],
) -> tuple[Float[np.ndarray, "v 3"], np.ndarray]:
    """Marching cubes around the cells of the carved cube whose value is at least one half."""
    # Relics that share no cell by half still have a most common core; half of the peak finds it.
    level = OCCUPIED_BY_HALF * min(1.0, float(occupancy.max()))
    # Empty cells all around close the surface where a shape touches the cube.
    padded = np.pad(occupancy, 1)
    vertices, faces, _, _ = skimage.measure.marching_cubes(padded, level)
    cell = 2 * HALF_SIDE / occupancy.shape[0]
    world = (vertices - 0.5) * cell - HALF_SIDE
    # skimage winds faces along the gradient, which points into the shape.
    return world.astype(np.float32), faces[:, ::-1].astype(np.int32)
