"""A set of named cameras around the world origin.

A `PoseSet` keeps the axes of Blender and OpenGL (x right, y up, z backward) and converts them once,
in `cam_from_world`.
"""

import dataclasses
import types

import numpy as np

RADIUS = 1.2
"""Distance of the generated cameras from the world origin."""
FOCAL_PX, SIZE_PX = 280.0, 256
"""Intrinsics of the generated sets: fx = fy, principal point at the image centre."""
NEARER, FARTHER = 0.7, 0.6
"""Depth bounds of One-2-3-45: this much nearer and farther than the origin."""
SCHEMA = "jaxrelic.poses/1"


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class PoseSet:
    """Named cameras around the origin that share one set of intrinsics."""

    names: tuple[str, ...]
    """Unique, in the order of the views."""
    world_from_cam: np.ndarray
    """[n, 4, 4], camera axes right, up, back."""
    anchor: tuple[int, ...]
    """Number of the anchor each view belongs to."""
    neighbour: tuple[int, ...]
    """Number of the view among its anchor's neighbours, -1 on the anchor itself."""
    pixel_from_cam: np.ndarray
    """[3, 3], in pixels of a size x size image; fx and fy may differ."""
    size: int = SIZE_PX
    """Width and height, in pixels."""
    near_far: tuple[float, float] = (RADIUS - NEARER, RADIUS + FARTHER)
    """Depth bounds, in world units."""

    def __len__(self) -> int:
        return len(self.names)

    def scaled(self, size: int) -> "PoseSet":
        """The same cameras for another image size."""
        cameras = camera_conventions()
        k = cameras.resize_intrinsics(self.pixel_from_cam, size / self.size)
        return dataclasses.replace(self, pixel_from_cam=k, size=size)

    def with_focal(self, fx_px: float, fy_px: float) -> "PoseSet":
        """The same cameras with other focal lengths, in pixels of an image of `size`."""
        k = self.pixel_from_cam.copy()
        k[0, 0], k[1, 1] = fx_px, fy_px
        return dataclasses.replace(self, pixel_from_cam=k)

    def at_radius(self, radius: float) -> "PoseSet":
        """The same directions from another distance to the origin; depth bounds follow."""
        poses = self.world_from_cam.copy()
        positions = poses[:, :3, 3]
        poses[:, :3, 3] = radius * positions / np.linalg.norm(positions, axis=-1, keepdims=True)
        bounds = depth_bounds(radius, radius)
        return dataclasses.replace(self, world_from_cam=poses, near_far=bounds)

    def cam_from_world(self) -> np.ndarray:
        """Camera x right, y down, z forward: [n, 4, 4] float64."""
        return camera_conventions().cam_from_world_from_blender(self.world_from_cam)

    def anchor_views(self) -> list[int]:
        """Numbers of the views that are nobody's neighbour."""
        return [number for number, neighbour in enumerate(self.neighbour) if neighbour < 0]

    def as_json(self) -> dict:
        """The content of a pose file in our schema; views keep their order."""
        views = zip(self.names, self.world_from_cam, self.anchor, self.neighbour, strict=True)
        return {
            "schema": SCHEMA,
            "width": self.size,
            "height": self.size,
            "pixel_from_cam": self.pixel_from_cam.tolist(),
            "near_far": list(self.near_far),
            "camera_axes": "right-up-back",
            "world_up": "z",
            "views": [
                {
                    "name": name,
                    "world_from_cam": pose.tolist(),
                    "anchor": anchor,
                    "neighbour": None if neighbour < 0 else neighbour,
                }
                for name, pose, anchor, neighbour in views
            ],
        }


def depth_bounds(nearest_radius: float, farthest_radius: float) -> tuple[float, float]:
    """Near and far for cameras between two distances from the origin."""
    # Closer cameras than any generated here would look at a near plane behind them.
    return max(nearest_radius - NEARER, 0.05), farthest_radius + FARTHER


def orbit_pose(elevation_deg: float, azimuth_deg: float, radius: float = RADIUS) -> np.ndarray:
    """world_from_cam [4, 4] of a camera that looks at the origin without roll.

    Position = radius * (cos e cos a, cos e sin a, sin e); the columns are right, up and backward.
    """
    e, a = np.radians([elevation_deg, azimuth_deg])
    backward = np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])
    right = np.array([-np.sin(a), np.cos(a), 0.0])
    pose = np.eye(4)
    pose[:3] = np.stack([right, np.cross(backward, right), backward, radius * backward], axis=-1)
    return pose


def camera_conventions() -> types.ModuleType:
    """The library's cameras, imported on first use: JAX takes seconds, `--help` need not wait."""
    from jaxrelic.geometry import cameras

    return cameras
