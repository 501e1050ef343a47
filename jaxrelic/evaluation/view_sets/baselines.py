"""What several posed views say without a network: the hull of their masks, and a sphere.

Both are coloured from the same pictures, so that drawn views can be compared too.
"""

import functools

import jax
import numpy as np
import scipy.ndimage

from jaxrelic.data.view_sets.posed_views import PosedViews
from jaxrelic.errors import UserError
from jaxrelic.evaluation.single_view import baselines
from jaxrelic.geometry import cameras, image_crops, meshes, padding
from jaxrelic.inference.surface import colours as surface_colours

HULL_RESOLUTION = 128
"""Cells along each side of the carved cube, which are 0.0069 world units wide."""
SPHERE_LEVEL = 4
"""Subdivisions of the sphere: 2562 vertices."""


def visual_hull(views: PosedViews, *, resolution: int = HULL_RESOLUTION) -> meshes.Mesh:
    """The largest shape with these masks (Laurentini, TPAMI 1994), around the world's origin.

    A vertex has the mean colour of the views that see it; if none does, that of its surroundings.
    """
    vertices, faces = baselines.surface_of(_occupancy(views, resolution))
    mesh = padding.fill_up(meshes.Mesh(vertices=vertices, faces=faces))
    normals = np.asarray(meshes.vertex_normals(mesh.vertices, mesh.faces))
    hidden = surface_colours.hidden_points(
        mesh, mesh.vertices, normals, views, surface_colours.ColourSettings()
    )
    seen = ~hidden
    rgb = _mean_colours(views, mesh.vertices, seen)
    rgb = surface_colours.spread(rgb, seen.any(axis=0), mesh.faces)[: len(vertices)]
    return meshes.Mesh(vertices=vertices, faces=faces, vertex_colours=np.clip(rgb, 0, 1))


def sphere(views: PosedViews, *, resolution: int = HULL_RESOLUTION) -> meshes.Mesh:
    """The sphere with place and volume of the visual hull, in the mean colour of the object.

    It knows where the object is, how large and what colour, and nothing of its shape.
    """
    inside = _occupancy(views, resolution).reshape(-1) > 0
    cell = 2 * baselines.HALF_SIDE / resolution
    radius = (3 / (4 * np.pi) * np.count_nonzero(inside)) ** (1 / 3) * cell
    centre = baselines.grid_points(resolution)[inside].mean(axis=0)
    vertices, faces = meshes.icosphere(SPHERE_LEVEL)
    colour = views.rgb[views.mask >= image_crops.OPAQUE].mean(axis=0)
    return meshes.Mesh(
        vertices=np.float32(radius * vertices + centre),
        faces=faces,
        vertex_colours=np.broadcast_to(np.float32(colour), vertices.shape),
    )


@functools.lru_cache(maxsize=1)
def _occupancy(views: PosedViews, resolution: int) -> np.ndarray:
    """Cells of the carved cube that all masks allow, [r, r, r] of 0 and 1.

    Hull and sphere of the same views follow each other, and carving is most of their cost.
    """
    inside = baselines.visual_hull(
        views.mask >= image_crops.OPAQUE,
        np.asarray(views.camera.cam_from_world),
        np.asarray(views.camera.pixel_from_cam),
        baselines.grid_points(resolution),
    )
    if not inside.any():
        raise UserError(
            f"the masks of {views.names[0]} and {len(views) - 1} others have no point of space in "
            "common; check cameras and masks"
        )
    return inside.astype(np.float64).reshape((resolution,) * 3)


def _mean_colours(views: PosedViews, points: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Mean colour [n, 3] of points over the views that see them, [v, n]; 0 where none does."""
    total = np.zeros((len(points), 3))
    for number in range(len(views)):
        camera = jax.tree.map(lambda x, number=number: np.asarray(x[number]), views.camera)
        uv, _ = cameras.project(camera, points)
        place = np.asarray(uv)[:, ::-1].T - 0.5
        for channel in range(3):
            colour = scipy.ndimage.map_coordinates(
                views.rgb[number, ..., channel], place, order=1, mode="nearest"
            )
            total[:, channel] += np.where(seen[number], colour, 0)
    return np.float32(total / np.maximum(seen.sum(axis=0), 1)[:, None])
