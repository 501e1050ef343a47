"""Where a relic stands in the world: turned upright, centred, scaled to fit the views."""

import dataclasses

import numpy as np

from data_engine.errors import Refusal, UserError
from data_engine.rendering.pose_set import PoseSet

LONGEST_SIDE = 0.8
"""World units of the longest side of the bounding box, as in One-2-3-45."""
SPHERE_RADIUS = 0.495
"""Fits every frustum at radius 1.2 and f = 280 px (the largest sphere there has 0.4989)."""
MARGIN = 4 / 256
"""Free border of a view that `fit` keeps, as a fraction of its width."""

_TURN = {
    # glTF is y-up; the world is z-up, as Blender's importer has it: (x, -z, y).
    "Y": np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]),
    # Some scans were exported as they lay, with z up; their coordinates are the world's.
    "Z": np.eye(3),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Framing:
    """The similarity `world = scale * (upright - centre)`, upright = the turned source."""

    scale: float
    """World units per source unit."""
    centre: tuple[float, float, float]
    """Point of the upright source that becomes the origin, in source units."""
    up_axis: str = "Y"
    """Axis of the source file that points up: Y or Z."""

    def world_from_gltf(self) -> np.ndarray:
        """[4, 4] from coordinates as they stand in the GLB."""
        matrix = np.eye(4)
        matrix[:3, :3] = self.scale * _TURN[self.up_axis]
        matrix[:3, 3] = -self.scale * np.array(self.centre)
        return matrix

    def to_world(self, points_gltf: np.ndarray) -> np.ndarray:
        """Points [n, 3] of the GLB in the world frame."""
        return self.scale * (points_gltf @ _TURN[self.up_axis].T - np.array(self.centre))


def frame_relic(vertices: np.ndarray, *, up_axis: str, poses: PoseSet, mode: str) -> Framing:
    """Chooses scale and centre.

    Args:
        vertices: [n, 3] in the axes of the GLB, node transforms applied; all belong to a face.
        up_axis: Axis of the GLB that points up, Y or Z.
        poses: The views, for `fit`.
        mode: `box`, `sphere` or `fit` (RenderSettings.framing).
    """
    upright = vertices.astype(np.float64) @ _TURN[up_axis].T
    low, high = upright.min(axis=0), upright.max(axis=0)
    centre = (low + high) / 2
    extent = (high - low).max()
    if not np.isfinite(extent) or extent <= 0:
        raise Refusal("degenerate", f"its longest side is {extent}; it cannot be framed")
    centred = upright - centre
    if mode == "sphere":
        scale = SPHERE_RADIUS / np.linalg.norm(centred, axis=-1).max()
    else:
        scale = LONGEST_SIDE / extent
    if mode == "fit":
        scale *= largest_fitting_factor(centred * scale, poses)
    return Framing(scale=float(scale), centre=tuple(centre.tolist()), up_axis=up_axis)


def largest_fitting_factor(points: np.ndarray, poses: PoseSet) -> float:
    """Largest factor <= 1 that keeps points [n, 3] inside the margin of every view.

    With p' = R (s p) + t, the condition f x' + (c - edge) z' <= 0 of one image side is linear in
    the factor s, so every point and side gives a bound in closed form; the nearest depth adds one.
    """
    size, k = poses.size, poses.pixel_from_cam
    low, high = MARGIN * size, (1 - MARGIN) * size
    # Rows n with n . p_cam <= 0 inside: right, left, bottom and top side of the image.
    sides = np.array(
        [
            [k[0, 0], k[0, 1], k[0, 2] - high],
            [-k[0, 0], -k[0, 1], low - k[0, 2]],
            [0, k[1, 1], k[1, 2] - high],
            [0, -k[1, 1], low - k[1, 2]],
        ]
    )
    factor = 1.0
    for cam_from_world in poses.cam_from_world():
        rotation, translation = cam_from_world[:3, :3], cam_from_world[:3, 3]
        planes = np.concatenate([sides, [[0, 0, -1.0]]])
        offsets = planes @ translation + [0, 0, 0, 0, poses.near_far[0]]
        slopes = (points @ (planes @ rotation).T).max(axis=0)
        if (offsets >= 0).any():
            raise UserError(
                "a camera of this pose set does not see the world origin; use --framing box"
            )
        growing = slopes > 0
        factor = min(factor, (-offsets[growing] / slopes[growing]).min(initial=1.0))
    return float(factor)
