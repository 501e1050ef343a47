"""Pinhole cameras: x right, y down, z forward; world z up; pixel centres at half-integers.

Foreign conventions are converted once, where data enters, by functions whose names say so.
"""

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np

from jaxrelic.geometry import transforms
from jaxrelic.typing import Array, Float, typechecked

MIN_DEPTH = 1e-6
"""Depths are kept this far from zero before dividing, so that points at the camera stay finite."""


@flax.struct.dataclass
class Camera:
    """A posed pinhole camera; every field may carry leading batch axes.

    Example:
        >>> camera = Camera(np.eye(4, dtype=np.float32), intrinsics(280, 256, 256))
        >>> uv, depth = project(camera, np.float32([[0.1, 0, 1]]))  # A little to the right.
        >>> uv.tolist(), depth.tolist()
        ([[156.0, 128.0]], [1.0])
    """

    cam_from_world: jax.Array
    """Rigid transform, [*b, 4, 4]."""
    pixel_from_cam: jax.Array
    """Intrinsics in pixels, [*b, 3, 3]."""


def intrinsics(
    focal_px: float, width: int, height: int, centre_px: tuple[float, float] | None = None
) -> np.ndarray:
    """Returns pixel_from_cam [3, 3] for square pixels; the centre defaults to the image centre.

    Example:
        >>> intrinsics(280, 256, 256).tolist()
        [[280.0, 0.0, 128.0], [0.0, 280.0, 128.0], [0.0, 0.0, 1.0]]
    """
    cx, cy = centre_px if centre_px is not None else (width / 2, height / 2)
    return np.array([[focal_px, 0, cx], [0, focal_px, cy], [0, 0, 1]], np.float32)


@typechecked
def project(
    camera: Camera, points_world: Float[Array, "*#b n 3"]
) -> tuple[Float[Array, "*b n 2"], Float[Array, "*b n"]]:
    """Projects world points.

    Returns:
        uv: Pixel coordinates, x to the right and y down, the first pixel's centre at (0.5, 0.5).
        depth: Distance along the optical axis, in world units; points behind have depth <= 0.

    Example:
        >>> pose = orbit(*np.float32([[0], [0], [0]]), np.float32([[0, 0, 1.2]]))[0]
        >>> camera = Camera(pose, intrinsics(280, 256, 256))  # On the x axis.
        >>> uv, depth = project(camera, np.float32([[0, 0, 0], [0, 0, 0.4], [0.4, 0, 0]]))
        >>> np.round(uv).astype(int).tolist()  # The middle; 0.4 above it; 0.4 nearer.
        [[128, 128], [128, 35], [128, 128]]
        >>> np.round(np.float64(depth), 1).tolist()
        [1.2, 1.2, 0.8]
    """
    points_cam = transforms.transform_points(camera.cam_from_world, points_world)
    depth = points_cam[..., 2]
    # The sign survives the clamp, so points behind the camera stay recognisable by depth.
    safe = jnp.where(jnp.abs(depth) < MIN_DEPTH, MIN_DEPTH, depth)
    rays = points_cam / safe[..., None]
    return transforms.rotate(camera.pixel_from_cam, rays)[..., :2], depth


@typechecked
def unproject(
    camera: Camera, uv: Float[Array, "*#b n 2"], depth: Float[Array, "*#b n"]
) -> Float[Array, "*b n 3"]:
    """Inverse of `project`: pixel coordinates and planar depth to world points."""
    ones = jnp.ones_like(uv[..., :1])
    rays_cam = transforms.rotate(
        jnp.linalg.inv(camera.pixel_from_cam), jnp.concatenate([uv, ones], axis=-1)
    )
    world_from_cam = transforms.invert_rigid(camera.cam_from_world)
    return transforms.transform_points(world_from_cam, rays_cam * depth[..., None])


@typechecked
def orbit(
    azimuth: Float[Array, "*#b"],
    elevation: Float[Array, "*#b"],
    roll: Float[Array, "*#b"],
    translation_cam: Float[Array, "*#b 3"],
) -> Float[Array, "*b 4 4"]:
    """cam_from_world of a camera that looks at the world origin from a direction.

    The camera sits at `radius * (cos e cos a, cos e sin a, sin e)`, the rule of the 40
    One-2-3-45 poses, when `translation_cam` is (0, 0, radius).

    Args:
        azimuth: Radians, counter-clockwise about world z, 0 on the x axis.
        elevation: Radians above the xy plane.
        roll: Radians about the optical axis, applied last.
        translation_cam: World origin in the camera frame, in world units.

    Example:
        >>> azimuth = np.radians([0, 90, 180, 270]).astype(np.float32)
        >>> level, far = 0 * azimuth, np.tile(np.float32([0, 0, 1.2]), (4, 1))
        >>> poses = orbit(azimuth, level, level, far)
        >>> np.linalg.inv(poses)[1, :3, 3].round(1) + 0.0  # Where the second camera stands.
        array([0. , 1.2, 0. ], dtype=float32)
    """
    sin_a, cos_a = jnp.sin(azimuth), jnp.cos(azimuth)
    sin_e, cos_e = jnp.sin(elevation), jnp.cos(elevation)
    zero = jnp.zeros_like(sin_a * sin_e)
    right = jnp.stack([-sin_a + zero, cos_a + zero, zero], axis=-1)
    forward = jnp.stack([-cos_e * cos_a, -cos_e * sin_a, -sin_e + zero], axis=-1)
    down = jnp.cross(forward, right)
    sin_r, cos_r = jnp.sin(roll)[..., None], jnp.cos(roll)[..., None]
    rows = [cos_r * right - sin_r * down, sin_r * right + cos_r * down]
    rows = [*rows, jnp.broadcast_to(forward, rows[0].shape)]
    return transforms.from_rotation_translation(jnp.stack(rows, axis=-2), translation_cam)


def cam_from_world_from_blender(world_from_cam: np.ndarray) -> np.ndarray:
    """Blender and OpenGL poses (x right, y up, z backward), [*b, 4, 4], to our cam_from_world.

    Example:
        >>> above = np.eye(4)  # Blender's camera looks down its -z axis,
        >>> above[2, 3] = 1.2  # here from above the origin.
        >>> cam_from_world_from_blender(above)[2]  # Forward is down, the origin 1.2 away.
        array([ 0. ,  0. , -1. ,  1.2])
    """
    flip = np.diag([1.0, -1.0, -1.0, 1.0])
    return flip @ np.linalg.inv(world_from_cam)


def resize_intrinsics(
    pixel_from_cam: np.ndarray, scale_x: float, scale_y: float | None = None
) -> np.ndarray:
    """Intrinsics [*b, 3, 3] after the image is resized; half-integer centres need no shift."""
    scale = np.diag([scale_x, scale_x if scale_y is None else scale_y, 1.0])
    return (scale @ pixel_from_cam).astype(pixel_from_cam.dtype)


def crop_intrinsics(pixel_from_cam: np.ndarray, left_px: float, top_px: float) -> np.ndarray:
    """Intrinsics [*b, 3, 3] after the image origin moves to (left, top), in pixels."""
    shift = np.array([[1, 0, -left_px], [0, 1, -top_px], [0, 0, 1]])
    return (shift @ pixel_from_cam).astype(pixel_from_cam.dtype)
