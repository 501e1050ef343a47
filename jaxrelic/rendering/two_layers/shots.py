"""A photographer who walks around an object: lens, distance, height, tilt and the crop."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True, kw_only=True)
class Habits:
    """What the photographer draws from; ranges are (low, high)."""

    lens_deg: tuple[float, float] = (20, 60)
    """Field of view of the whole picture."""
    fill: tuple[float, float] = (0.45, 0.95)
    """Share of the picture's width that the object's longest side takes."""
    elevation_deg: tuple[float, float] = (-15, 65)
    usual_elevation_deg: tuple[float, float] = (-5, 35)
    """Three of four pictures keep to this."""
    roll_deg: float = 4.0
    """Standard deviation."""
    margin: tuple[float, float] = (1.08, 1.4)
    """Side of the crop over the longer side of the object's box in the picture."""
    nearest: float = 1.3
    """Least distance of the camera from the centre, in longest sides of the object."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shot:
    """A camera and the crop that is kept."""

    cam_from_world: np.ndarray
    """[4, 4]."""
    focal: float
    """In crop widths."""
    centre: np.ndarray
    """Principal point in crop widths from the crop's upper left corner, [2]."""
    depth_centre: float
    """z0: depth of the centre of the object's box."""
    elevation: float
    """Elevation of the camera above the horizon, radians."""

    @property
    def width(self) -> float:
        """W: what the crop's width spans at the depth of the object's centre."""
        return self.depth_centre / self.focal

    def pixel_from_cam(self, size: int) -> np.ndarray:
        """Intrinsics [3, 3] of the crop drawn with size x size pixels."""
        f, (x, y) = self.focal * size, self.centre * size
        return np.array([[f, 0, x], [0, f, y], [0, 0, 1]])


def random_shot(points: np.ndarray, rng: np.random.Generator, habits: Habits) -> Shot:
    """A shot of an object given by points [n, 3] that its outline is known from."""
    low, high = points.min(axis=0), points.max(axis=0)
    middle, longest = (low + high) / 2, float((high - low).max())
    lens = np.radians(rng.uniform(*habits.lens_deg))
    distance = longest / (2 * np.tan(lens / 2) * rng.uniform(*habits.fill))
    distance = max(distance, habits.nearest * longest)
    usual = rng.random() < 0.75
    elevation = np.radians(
        rng.uniform(*(habits.usual_elevation_deg if usual else habits.elevation_deg))
    )
    roll = np.radians(rng.normal(0, habits.roll_deg))
    cam_from_world = look_at(middle, distance, rng.uniform(0, 2 * np.pi), elevation, roll)
    cam_from_world[:2, 3] += rng.uniform(-0.1, 0.1, 2) * longest
    return cropped(points, cam_from_world, elevation, rng.uniform(*habits.margin))


def cropped(
    points: np.ndarray, cam_from_world: np.ndarray, elevation: float, margin: float
) -> Shot:
    """The square about the object's box in the picture, enlarged by a margin."""
    low, high = points.min(axis=0), points.max(axis=0)
    seen = points @ cam_from_world[:3, :3].T + cam_from_world[:3, 3]
    rays = seen[:, :2] / seen[:, 2:]
    first, last = rays.min(axis=0), rays.max(axis=0)
    side = margin * float((last - first).max())
    corner = (first + last - side) / 2
    depth_centre = float(((low + high) / 2 @ cam_from_world[:3, :3].T + cam_from_world[:3, 3])[2])
    return Shot(
        cam_from_world=cam_from_world,
        focal=1 / side,
        centre=-corner / side,
        depth_centre=depth_centre,
        elevation=float(elevation),
    )


def look_at(
    target: np.ndarray, distance: float, azimuth: float, elevation: float, roll: float
) -> np.ndarray:
    """Camera x right, y down, z forward, at a distance from a target it looks at, [4, 4].

    Args:
        target: [3], world z up.
        distance: In world units.
        azimuth: Radians, counter-clockwise about z, 0 on the x axis.
        elevation: Radians above the horizon.
        roll: Radians about the optical axis.
    """
    (sa, ca), (se, ce) = (np.sin(azimuth), np.cos(azimuth)), (np.sin(elevation), np.cos(elevation))
    right, forward = np.array([-sa, ca, 0]), np.array([-ce * ca, -ce * sa, -se])
    down = np.cross(forward, right)
    sr, cr = np.sin(roll), np.cos(roll)
    rotation = np.stack([cr * right - sr * down, sr * right + cr * down, forward])
    matrix = np.eye(4)
    matrix[:3, :3] = rotation
    matrix[:3, 3] = np.array([0, 0, distance]) - rotation @ target
    return matrix
