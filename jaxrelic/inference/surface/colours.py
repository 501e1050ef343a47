"""Colours of a surface from the views that see it.

The original lets every view colour every vertex that falls into its picture, so what hides a part
also paints it. Here a view counts only where nothing of the mesh is in front, where the surface
faces the camera, and where its mask shows the object; what no view sees continues its surroundings.
"""

import dataclasses
from collections.abc import Iterator

import jax
import numpy as np
import scipy.sparse

from jaxrelic.data.view_sets.posed_views import PosedViews
from jaxrelic.geometry import cameras, image_crops, meshes, z_buffer
from jaxrelic.inference.surface.fields import ColourField
from jaxrelic.models.one2345 import frame
from jaxrelic.typing import Bool, Float, typechecked

LEAST_COSINE = 0.1
"""A view that looks at the surface at a flatter angle, 84 degrees from its normal, does not see it:
its pixels stretch over ten times their width."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ColourSettings:
    """The views that colour a point of the surface, and what becomes of the others."""

    occlusion: bool = True
    """Views from which other parts of the mesh hide the point do not count, nor do those behind the
    surface."""
    inside_masks: bool = True
    """Views whose mask says background at the point do not count."""
    tolerance_px: float = 1.0
    """How far in front of the surface at a point something has to be to hide it, in drawn pixels;
    more where the surface is seen at a flat angle."""
    oversampling: int = 2
    """Depth is drawn with this many pixels per pixel of the views."""
    fill: bool = True
    """What no view sees continues the colours around it; else it has what the network makes of no
    view, which is black."""

    @classmethod
    def literal(cls) -> "ColourSettings":
        """The original: the bounds of the pictures are the only test."""
        return cls(occlusion=False, inside_masks=False, fill=False)


def paint(field: ColourField, mesh: meshes.Mesh, settings: ColourSettings) -> meshes.Mesh:
    """The mesh, which is in the world, with colours at its vertices."""
    vertices, faces = np.asarray(mesh.vertices, np.float32), np.asarray(mesh.faces)
    rgb, seen = colours_at(field, mesh, vertices, settings)
    if settings.fill:
        rgb = spread(rgb, seen, faces)
    return mesh.replace(vertex_colours=rgb)


def colours_at(
    field: ColourField, mesh: meshes.Mesh, points_world: np.ndarray, settings: ColourSettings
) -> tuple[np.ndarray, np.ndarray]:
    """Colours [n, 3] of points [n, 3] on the mesh, and whether any view sees them, [n]."""
    points = from_world(field.cube, points_world)
    normals = np.asarray(field.normals(points), np.float32)
    axes = np.asarray(field.cube.world_from_cube)[:3, :3] / np.asarray(field.cube.half_side)
    hidden = hidden_points(mesh, points_world, normals @ axes.T, field.views, settings)
    rgb, visible = field.colours(points, normals, hidden=hidden)
    return np.clip(np.asarray(rgb, np.float32), 0, 1), np.asarray(visible).any(axis=0)


def from_world(cube: frame.Cube, points: np.ndarray) -> np.ndarray:
    """The inverse of `cube.to_world`, [n, 3] float32."""
    cube_from_world = np.linalg.inv(np.asarray(cube.world_from_cube, np.float64))
    return np.float32(points @ cube_from_world[:3, :3].T + cube_from_world[:3, 3])


def hidden_points(
    mesh: meshes.Mesh,
    points: np.ndarray,
    normals: np.ndarray,
    views: PosedViews,
    settings: ColourSettings,
) -> np.ndarray:
    """Which points of the surface each view must not colour, [v, n] bool.

    Args:
        mesh: What hides, in the world.
        points: On the mesh, [n, 3].
        normals: Outward unit normals at the points, in the world, [n, 3].
        views: Whose pictures give the colours.
        settings: What counts as hidden.
    """
    hidden = np.zeros((len(views), len(points)), bool)
    for number in range(len(views)):
        camera = jax.tree.map(
            lambda x, number=number: np.asarray(x[number], np.float32), views.camera
        )
        if settings.occlusion:
            hidden[number] |= find_occluded(
                mesh, points, normals, camera, size=views.mask.shape[-1], settings=settings
            )
        if settings.inside_masks:
            hidden[number] |= ~_shown(views.mask[number] >= image_crops.OPAQUE, points, camera)
    return hidden


def find_occluded(
    mesh: meshes.Mesh,
    points: np.ndarray,
    normals: np.ndarray,
    camera: cameras.Camera,
    *,
    size: int,
    settings: ColourSettings,
) -> np.ndarray:
    """Whether the mesh hides each point from one camera of pictures of `size` pixels, [n] bool.

    The nearest surface is drawn exactly. A point is hidden if any of the four pixels around it
    shows something in front of the plane that touches the surface at the point, because such a
    pixel has the colour of what is in front, or half of it.
    """
    points_cam = _in_camera(camera, points)
    normals_cam = normals @ np.asarray(camera.cam_from_world, np.float64)[:3, :3].T
    # Of the plane through the point from the camera; negative in front.
    plane = np.sum(normals_cam * points_cam, axis=-1)
    cosine = -plane / np.linalg.norm(points_cam, axis=-1)
    facing = np.flatnonzero(cosine > LEAST_COSINE)
    points_cam, normals_cam, plane = points_cam[facing], normals_cam[facing], plane[facing]
    scale = settings.oversampling
    nearest = _nearest(mesh, camera, size=size, scale=scale)
    pixel = points_cam[:, 2] / float(camera.pixel_from_cam[0, 0]) / scale
    tolerance = settings.tolerance_px * pixel / cosine[facing]
    cam_from_pixel = np.linalg.inv(np.asarray(camera.pixel_from_cam, np.float64))
    clear = np.ones(len(facing), bool)
    for shown, centre in _four_around(nearest, _pixels(camera, points_cam) * scale):
        rays = np.insert(centre / scale, 2, 1, axis=-1) @ cam_from_pixel.T
        towards = np.minimum(np.sum(normals_cam * rays, axis=-1), -LEAST_COSINE)
        clear &= shown >= plane / towards - tolerance
    hidden = np.ones(len(points), bool)
    hidden[facing] = ~clear
    return hidden


def _nearest(mesh: meshes.Mesh, camera: cameras.Camera, *, size: int, scale: int) -> np.ndarray:
    """Depth of the mesh in a picture drawn `scale` times larger; infinite beside it."""
    vertices_cam = _in_camera(camera, np.asarray(mesh.vertices))
    side = size * scale
    drawn = z_buffer.rasterize(
        _pixels(camera, vertices_cam) * scale,
        vertices_cam[:, 2],
        np.asarray(mesh.faces),
        height=side,
        width=side,
    )
    return np.where(drawn.mask, drawn.depth, np.inf)


def _in_camera(camera: cameras.Camera, points: np.ndarray) -> np.ndarray:
    """Points in the camera's frame, on the host: JAX would compile for every mesh's own size."""
    pose = np.asarray(camera.cam_from_world, np.float64)
    return points @ pose[:3, :3].T + pose[:3, 3]


def _pixels(camera: cameras.Camera, points_cam: np.ndarray) -> np.ndarray:
    """Pixels like those of `cameras.project`, [n, 2]."""
    depth = points_cam[:, 2:]
    safe = np.where(np.abs(depth) < cameras.MIN_DEPTH, cameras.MIN_DEPTH, depth)
    return (points_cam / safe) @ np.asarray(camera.pixel_from_cam, np.float64)[:2].T


def _four_around(image: np.ndarray, uv: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Values [n] and centres [n, 2] of the four pixels of [h, w] around each position [n, 2]."""
    last = np.array(image.shape[::-1]) - 1
    low = np.floor(np.clip(uv - 0.5, -1, last)).astype(int)
    for step in [(0, 0), (1, 0), (0, 1), (1, 1)]:
        pixel = np.clip(low + np.array(step), 0, last)
        yield image[pixel[:, 1], pixel[:, 0]], pixel + 0.5


@typechecked
def _shown(
    mask: Bool[np.ndarray, "h w"], points: Float[np.ndarray, "n 3"], camera: cameras.Camera
) -> Bool[np.ndarray, " n"]:
    """Whether the pixel that a point falls in is of the object."""
    points_cam = _in_camera(camera, points)
    uv = _pixels(camera, points_cam)
    inside = (points_cam[:, 2] > 0) & ((uv >= 0) & (uv < np.array(mask.shape[::-1]))).all(axis=-1)
    column, row = np.where(inside[:, None], uv, 0).astype(int).T
    return inside & mask[row, column]


def spread(rgb: np.ndarray, seen: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Colours [v, 3] in which unseen vertices have the mean of the coloured ones next to them.

    The colours move on edge by edge until every vertex that edges connect to a seen one has its
    own. A piece that no view sees takes the mean colour of all; if none is seen, nothing changes.
    """
    if seen.all() or not seen.any():
        return rgb
    count = len(rgb)
    start, end = faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2).T
    joined = scipy.sparse.coo_array((np.ones(len(start)), (start, end)), shape=(count, count))
    # One, however many faces share the edge.
    neighbours = ((joined + joined.T) > 0).astype(np.float64).tocsr()
    filled, coloured = np.where(seen[:, None], rgb, 0).astype(np.float64), seen.copy()
    while True:
        votes = neighbours @ coloured.astype(np.float64)
        fresh = np.flatnonzero((votes > 0) & ~coloured)
        if not len(fresh):
            break
        filled[fresh] = (neighbours[fresh] @ filled) / votes[fresh, None]
        coloured[fresh] = True
    filled[~coloured] = filled[seen].mean(axis=0)
    return np.float32(filled)
