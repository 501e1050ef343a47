"""Rays through pixels of one camera, and what its image says along them.

Specification one2345 C.4.
"""

from typing import Literal

import flax.struct
import jax
import jax.numpy as jnp

from jaxrelic.geometry import cameras, transforms
from jaxrelic.typing import Array, Bool, Float, Int, Key, typechecked

FOREGROUND_PART = 0.75
"""Share of the rays of a training step that pass through the mask."""
MIN_NEAR = 0.019
"""Nearest sample, in cube units: the original's for cameras inside the unit sphere."""
MIN_LENGTH = 1e-3
"""Length of a ray that misses the cube, where nothing is sampled anyway."""


@flax.struct.dataclass
class Rays:
    """Half-lines in the frame of the cube."""

    origins: jax.Array
    """[r, 3]."""
    directions: jax.Array
    """Unit vectors, [r, 3]."""
    near: jax.Array
    """Distance of the first sample, in cube units, [r]."""
    far: jax.Array
    """Distance of the last sample, in cube units, [r]."""


@flax.struct.dataclass
class RayTargets:
    """What the image to be predicted says along rays."""

    rgb: jax.Array
    """Colour in [0, 1], [r, 3]."""
    mask: jax.Array
    """Whether the object is there, in [0, 1], [r]."""
    depth: jax.Array
    """Distance along the ray, in cube units, 0 where there is nothing, [r]."""


@typechecked
def pixel_rays(
    camera: cameras.Camera,
    pixels: Int[Array, "r 2"],
    *,
    pixel_centre: float,
    limits: Literal["cube", "sphere"],
) -> Rays:
    """Rays of one camera through pixels.

    Args:
        camera: Without batch axes, in the frame of the cube.
        pixels: Row and column.
        pixel_centre: See `One2345Config`.
        limits: See `One2345Config.ray_limits`.
    """
    directions = _directions_cam(camera.pixel_from_cam, pixels, pixel_centre)
    directions = directions / jnp.linalg.norm(directions, axis=-1, keepdims=True)
    world_from_cam = transforms.invert_rigid(camera.cam_from_world)
    directions = transforms.rotate(world_from_cam[:3, :3], directions)
    origins = jnp.broadcast_to(world_from_cam[:3, 3], directions.shape)
    near, far = cube_limits(origins, directions) if limits == "cube" else sphere_limits(origins)
    return Rays(origins=origins, directions=directions, near=near, far=far)


@typechecked
def sphere_limits(
    origins: Float[Array, "r 3"],
) -> tuple[Float[Array, " r"], Float[Array, " r"]]:
    """Planes about the unit sphere, with 5 % more; the near one stays in front.

    Specification one2345 C.2.
    """
    distance = jnp.linalg.norm(origins, axis=-1)
    return 0.95 * jnp.maximum(distance - 1, 0.02), 1.05 * (distance + 1)


@typechecked
def cube_limits(
    origins: Float[Array, "r 3"], directions: Float[Array, "r 3"]
) -> tuple[Float[Array, " r"], Float[Array, " r"]]:
    """Where rays enter and leave [-1, 1]^3; a short stretch in front for those that miss it."""
    safe = jnp.where(jnp.abs(directions) < 1e-9, 1e-9, directions)
    to_faces = jnp.stack([(-1 - origins) / safe, (1 - origins) / safe])
    near = jnp.maximum(jnp.max(jnp.min(to_faces, axis=0), axis=-1), MIN_NEAR)
    return near, jnp.maximum(jnp.min(jnp.max(to_faces, axis=0), axis=-1), near + MIN_LENGTH)


@typechecked
def choose_pixels(rng: Key[Array, ""], mask: Bool[Array, "h w"], count: int) -> Int[Array, "r 2"]:
    """Row and column of pixels: some anywhere, most in the mask, drawn with replacement."""
    anywhere_rng, mask_rng = jax.random.split(rng)
    inside = round(FOREGROUND_PART * count)
    anywhere = jax.random.randint(anywhere_rng, (count - inside,), 0, mask.size)
    # An empty mask gives the last pixel to all; a loader refuses such a view.
    reached = jnp.cumsum(mask.reshape(-1).astype(jnp.int32))
    number = jax.random.randint(mask_rng, (inside,), 0, jnp.maximum(reached[-1], 1))
    chosen = jnp.minimum(jnp.searchsorted(reached, number, side="right"), mask.size - 1)
    flat = jnp.concatenate([anywhere, chosen.astype(anywhere.dtype)])
    return jnp.stack([flat // mask.shape[1], flat % mask.shape[1]], axis=-1)


@typechecked
def read_targets(
    image: Float[Array, "h w 3"],
    mask: Float[Array, "h w"],
    depth: Float[Array, "h w"],
    pixel_from_cam: Float[Array, "3 3"],
    pixels: Int[Array, "r 2"],
) -> RayTargets:
    """Colour, mask and depth of pixels.

    Args:
        image: Over white.
        mask: 1 where the object is.
        depth: Planar, in cube units, 0 where there is nothing.
        pixel_from_cam: Intrinsics of the image.
        pixels: Row and column.
    """
    row, column = pixels[:, 0], pixels[:, 1]
    # Renders sample the middle of a pixel, whatever the rays of `compat` do.
    along = jnp.linalg.norm(_directions_cam(pixel_from_cam, pixels, 0.5), axis=-1)
    return RayTargets(
        rgb=image[row, column], mask=mask[row, column], depth=along * depth[row, column]
    )


def _directions_cam(pixel_from_cam: Array, pixels: Array, pixel_centre: float) -> Array:
    """Directions [r, 3] in the camera's frame whose component along the axis is 1."""
    uv = pixels[:, ::-1].astype(pixel_from_cam.dtype) + pixel_centre
    uv = jnp.concatenate([uv, jnp.ones_like(uv[:, :1])], axis=-1)
    return transforms.rotate(jnp.linalg.inv(pixel_from_cam), uv)
