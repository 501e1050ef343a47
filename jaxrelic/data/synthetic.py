"""Analytic relics: ellipsoids and boxes cast exactly, for tests and runs without any data.

Records have the fields and encodings of the shards, so everything after `open_records` is the same.
"""

import functools

import cv2
import numpy as np

from jaxrelic.data.schema import CATEGORIES, MILLIMETRES, NUM_SHAPE_POINTS
from jaxrelic.geometry import cameras

NUM_RELICS = 16
NUM_VIEWS = 8
IMAGE_SIZE_PX = 96

LONGEST_SIDE = 0.55
"""Longest side of every relic, in world units: every view shows the whole of it."""
RADIUS = 1.2
"""Distance of the cameras from the origin, in world units."""
FOCAL_PER_PIXEL = 280 / 256
"""Focal length over image size, that of the data engine's renders."""
ELEVATIONS_DEG = (20.0, -10.0, 50.0)
"""Elevation of the views in turn; azimuths go once around."""

_MISS = np.inf


class SyntheticRelics:
    """A sequence of records; even items are ellipsoids, odd items boxes, all seeded by index."""

    def __init__(
        self,
        num_relics: int = NUM_RELICS,
        num_views: int = NUM_VIEWS,
        image_size: int = IMAGE_SIZE_PX,
    ):
        self._records = [_record(i, num_views, image_size) for i in range(num_relics)]

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, index: int) -> dict:
        return self._records[index]


@functools.lru_cache(maxsize=64)
def _record(index: int, num_views: int, size: int) -> dict:
    """One relic: `half_sides` along the axes, bands of two colours along a random direction."""
    rng = np.random.default_rng(index)
    half_sides = rng.uniform(0.4, 1.0, 3)
    half_sides *= LONGEST_SIDE / 2 / half_sides.max()
    colours, band = rng.uniform(0.1, 0.9, (2, 3)), rng.normal(size=3)
    is_box = index % 2 == 1
    pixel_from_cam = cameras.intrinsics(FOCAL_PER_PIXEL * size, size, size)
    poses = view_poses(num_views)
    views = [_cast(half_sides, is_box, pose, pixel_from_cam, size) for pose in poses]
    points, normals = _sample_surface(half_sides, is_box, rng)
    return {
        "uid": f"synthetic-{index}".encode(),
        "category": CATEGORIES.index("vessel" if is_box else "figure"),
        "rgba": [_encode_rgba(_paint(hits, colours, band), depth > 0) for hits, depth in views],
        "depth_mm": [_encode_depth(depth) for _, depth in views],
        "cam_from_world": poses,
        "pixel_from_cam": np.repeat(pixel_from_cam[None], num_views, axis=0),
        "points": points,
        "normals": normals,
    }


def view_poses(num_views: int) -> np.ndarray:
    """cam_from_world [n, 4, 4] of cameras once around the origin at changing elevation."""
    azimuth = np.arange(num_views, dtype=np.float32) * np.float32(2 * np.pi / num_views)
    elevation = np.deg2rad(np.resize(np.float32(ELEVATIONS_DEG), num_views))
    translation = np.tile(np.float32([0, 0, RADIUS]), (num_views, 1))
    return np.asarray(cameras.orbit(azimuth, elevation, np.zeros_like(azimuth), translation))


def _cast(
    half_sides: np.ndarray,
    is_box: bool,
    cam_from_world: np.ndarray,
    pixel_from_cam: np.ndarray,
    size: int,
) -> tuple[np.ndarray, np.ndarray]:
    """First hit of each pixel's ray: world points [s, s, 3] and planar depth [s, s], 0 = none."""
    centres = np.arange(size) + 0.5
    uv = np.stack([*np.meshgrid(centres, centres), np.ones((size, size))], axis=-1)
    # Directions have unit z in the camera frame, so the ray parameter is the planar depth.
    directions = uv @ np.linalg.inv(pixel_from_cam).T @ cam_from_world[:3, :3]
    origin = -cam_from_world[:3, :3].T @ cam_from_world[:3, 3]
    intersect = _enter_box if is_box else _enter_ellipsoid
    depth = intersect(origin, directions, half_sides)
    hit = np.isfinite(depth)
    depth = np.where(hit, depth, 0)
    return origin + depth[..., None] * directions, depth


def _enter_ellipsoid(origin, directions, half_sides):
    """Smaller root of |(o + t d) / h|^2 = 1."""
    o, d = origin / half_sides, directions / half_sides
    a, b, c = np.sum(d * d, axis=-1), np.sum(o * d, axis=-1), np.sum(o * o) - 1
    discriminant = b * b - a * c
    return np.where(discriminant > 0, (-b - np.sqrt(np.maximum(discriminant, 0))) / a, _MISS)


def _enter_box(origin, directions, half_sides):
    """Slab method: the last of the three entries, if before the first of the three exits."""
    safe = np.where(np.abs(directions) < 1e-12, 1e-12, directions)
    ends = (np.stack([-half_sides, half_sides])[:, None, None] - origin) / safe
    enter, leave = np.min(ends, axis=0).max(axis=-1), np.max(ends, axis=0).min(axis=-1)
    return np.where(enter < leave, enter, _MISS)


def _paint(points: np.ndarray, colours: np.ndarray, band: np.ndarray) -> np.ndarray:
    """RGB of surface points: smooth bands across the direction `band`, the same from every side."""
    blend = 0.5 + 0.5 * np.sin(20 * points @ band / np.linalg.norm(band))[..., None]
    return blend * colours[0] + (1 - blend) * colours[1]


def _sample_surface(
    half_sides: np.ndarray, is_box: bool, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Points and outward normals [p, 3], uniform by area."""
    sample = _sample_box if is_box else _sample_ellipsoid
    points, normals = sample(half_sides, rng)
    return points.astype(np.float32), normals.astype(np.float32)


def _sample_box(half_sides, rng):
    areas = np.prod(half_sides) / half_sides
    axis = rng.choice(3, NUM_SHAPE_POINTS, p=areas / areas.sum())
    sign = rng.choice([-1.0, 1.0], NUM_SHAPE_POINTS)
    normals = np.eye(3)[axis] * sign[:, None]
    spread = rng.uniform(-1, 1, (NUM_SHAPE_POINTS, 3))
    return np.where(normals != 0, normals, spread) * half_sides, normals


def _sample_ellipsoid(half_sides, rng):
    """Sphere directions u kept in proportion to the area |u / h| that they stand for."""
    u = rng.normal(size=(8 * NUM_SHAPE_POINTS, 3))
    u /= np.linalg.norm(u, axis=-1, keepdims=True)
    stretch = np.linalg.norm(u / half_sides, axis=-1)
    kept = u[rng.uniform(0, 1 / half_sides.min(), len(u)) < stretch][:NUM_SHAPE_POINTS]
    assert len(kept) == NUM_SHAPE_POINTS, "half sides differ by more than a factor of 2.5"
    gradient = kept / half_sides
    return kept * half_sides, gradient / np.linalg.norm(gradient, axis=-1, keepdims=True)


def _encode_rgba(rgb: np.ndarray, hit: np.ndarray) -> bytes:
    rgba = np.concatenate([rgb[..., ::-1], np.ones_like(rgb[..., :1])], axis=-1) * hit[..., None]
    return _encode_png(np.rint(255 * rgba).astype(np.uint8))


def _encode_depth(depth: np.ndarray) -> bytes:
    return _encode_png(np.rint(MILLIMETRES * depth).astype(np.uint16))


def _encode_png(image: np.ndarray) -> bytes:
    return cv2.imencode(".png", image)[1].tobytes()
