"""Two depth layers closed to one watertight mesh, with the photograph on both sides.

A field over the frustum of the crop, positive inside,

    f = min(thickness / 2 - |d - middle|, c * distance inside the outline),

is cut at zero by marching cubes and its vertices are unprojected. Holes of the mask stay holes, and
the outline is as fine as the mask even where the layers are coarse.
"""

import dataclasses

import cv2
import numpy as np
import scipy.ndimage
import skimage.measure

from jaxrelic.typing import Bool, Float, typechecked

OUTLINE_SLOPE = 1.5
"""c: larger keeps walls at the outline steeper, smaller rounds them off."""
GRID = 112
"""Nodes along the sides of the frustum."""
MIN_THICKNESS = 0.008
"""Thickness of the thinnest sheet, in crop widths: a cell of the grid must not fall between its
sides."""
SMALLEST_PIECE = 0.01
"""Pieces of fewer than this share of all inside nodes are dropped."""
NODE_CLEARANCE = 1e-3
"""Smallest |field| at a node, in cells: keeps vertices of marching cubes apart."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class CropCamera:
    """A pinhole in units of the crop's width, with the depth that layers are measured from."""

    focal: float
    """In crop widths."""
    centre: np.ndarray
    """Principal point in crop widths from the upper left corner, [2]."""
    depth_centre: float
    """z0, world units along the optical axis."""
    cam_from_world: np.ndarray
    """[4, 4]."""

    @property
    def width(self) -> float:
        """W: what the crop spans at z0."""
        return self.depth_centre / self.focal

    def world(self, uv: np.ndarray, d: np.ndarray) -> np.ndarray:
        """World positions [n, 3] of crop coordinates [n, 2] at layer depths d [n]."""
        z = self.depth_centre + self.width * d
        rays = (uv - self.centre) / self.focal
        points = np.concatenate([rays * z[:, None], z[:, None]], axis=-1)
        rotation, translation = self.cam_from_world[:3, :3], self.cam_from_world[:3, 3]
        return (points - translation) @ rotation


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReliefMesh:
    """A closed mesh of vertices with colours."""

    vertices: np.ndarray
    """World positions, [v, 3] float64."""
    faces: np.ndarray
    """Counter-clockwise seen from outside, [f, 3] int64."""
    colours: np.ndarray
    """sRGB in [0, 1], [v, 3] float32."""
    uv: np.ndarray
    """Where the photograph shows each vertex, in crop widths, [v, 2]."""


@typechecked
def close_layers(
    front: Float[np.ndarray, "i j"],
    thickness: Float[np.ndarray, "i j"],
    mask: Bool[np.ndarray, "h w"],
    photo: Float[np.ndarray, "h w 3"],
    camera: CropCamera,
    *,
    grid: int = GRID,
) -> ReliefMesh:
    """Closes two layers of a square crop.

    Args:
        front: d of the first surface; may be coarser than the mask, what lies outside it is not
            used.
        thickness: d of the last surface less that of the first.
        mask: Where the object is.
        photo: sRGB in [0, 1].
        camera: Where the crop was seen from.
        grid: Nodes along each side of the frustum; depth has as many.
    """
    if not mask.any():
        raise ValueError("the mask is empty; there is nothing to close")
    known = coarse_mask(mask, front.shape)
    front, thickness = (continued(x, known) for x in (front, thickness))
    middle = resized(front + 0.5 * thickness, grid)
    half = 0.5 * np.maximum(resized(thickness, grid), MIN_THICKNESS)
    within = resized(signed_distance(mask), grid)
    inside = within > -2 / grid
    low, high = (middle - half)[inside].min(), (middle + half)[inside].max()
    step = max((high - low) / (grid - 6), 1e-4)
    d = low - 3 * step + step * np.arange(grid)
    sheet = half[..., None] - np.abs(d - middle[..., None])
    field = np.minimum(sheet, OUTLINE_SLOPE * within[..., None])
    vertices, faces = _cut(np.pad(field, ((1, 1), (1, 1), (0, 0)), constant_values=-0.1), step)
    rows, columns, depths = vertices.T
    # One node of padding, and nodes at pixel centres of the grid.
    uv = (np.stack([columns, rows], axis=-1) - 0.5) / grid
    return ReliefMesh(
        vertices=camera.world(uv, d[0] + step * depths),
        faces=faces,
        colours=photograph_colours(photo, mask, uv),
        uv=uv,
    )


def _cut(field: np.ndarray, step: float) -> tuple[np.ndarray, np.ndarray]:
    """The zero surface in node indices [v, 3] and outward faces [f, 3]; specks are dropped."""
    clearance = NODE_CLEARANCE * step
    pieces, count = scipy.ndimage.label(field > 0)
    sizes = np.bincount(pieces.reshape(-1), minlength=count + 1)
    sizes[0] = 0
    body = (sizes >= SMALLEST_PIECE * sizes.sum())[pieces] & (pieces > 0)
    field = np.where(body, np.maximum(field, clearance), np.minimum(field, -clearance))
    # Axes run (row, column, depth) = (y, x, z), a left-handed order, and the field falls outwards:
    # the two turn faces twice.
    vertices, faces, _, _ = skimage.measure.marching_cubes(field, 0.0)
    return vertices.astype(np.float64), faces.astype(np.int64)


@typechecked
def signed_distance(mask: Bool[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
    """From pixel centres to the outline, positive inside, in picture widths."""
    # A frame of background: distances of a mask that fills the picture end at its border.
    inside = np.pad(np.uint8(mask), 1)
    within = cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    outside = cv2.distanceTransform(1 - inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    # Both count from pixel to pixel; the outline runs half a pixel before either.
    distance = np.where(inside, within - 0.5, 0.5 - outside)[1:-1, 1:-1]
    return (distance / mask.shape[1]).astype(np.float32)


def coarse_mask(mask: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Cells of a coarser grid of which half is covered, or all that any pixel of it covers."""
    if mask.shape == shape:
        return mask
    share = cv2.resize(mask.astype(np.float32), shape[::-1], interpolation=cv2.INTER_AREA)
    return share >= 0.5 if (share >= 0.5).any() else share > 0


def continued(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Values [i, j] where they are known, elsewhere those of the nearest known cell."""
    _, (row, column) = scipy.ndimage.distance_transform_edt(~known, return_indices=True)
    return values[row, column].astype(np.float32)


def resized(values: np.ndarray, grid: int) -> np.ndarray:
    """Bilinear resampling to [grid, grid]; pixel centres keep their places."""
    return cv2.resize(np.float32(values), (grid, grid), interpolation=cv2.INTER_LINEAR)


def photograph_colours(photo: np.ndarray, mask: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """Colours [n, 3] of the photograph at crop coordinates [n, 2]; its rim is continued outwards.

    Front and back of one pixel get the same: what is behind is the mirror image of what is seen.
    """
    eroded = cv2.erode(np.uint8(mask), np.ones((3, 3), np.uint8)) > 0
    known = eroded if eroded.any() else mask
    _, (row, column) = scipy.ndimage.distance_transform_edt(~known, return_indices=True)
    clean = photo[row, column]
    size = np.array(mask.shape[::-1])
    at = np.clip(uv * mask.shape[1] - 0.5, 0, size - 1)
    channels = [
        scipy.ndimage.map_coordinates(clean[..., c], [at[:, 1], at[:, 0]], order=1)
        for c in range(3)
    ]
    return np.stack(channels, axis=-1).astype(np.float32)
