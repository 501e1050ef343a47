"""Normals of what a depth map shows, by central differences."""

import jax.numpy as jnp

from jaxrelic.typing import Array, Float, typechecked

MOST_BEND = 1.0
"""Second difference of depth, in widths of a pixel there, from which neighbours are taken to lie on
different surfaces."""


@typechecked
def depth_normals(
    depth: Float[Array, "h w"], pixel_from_cam: Float[Array, "3 3"]
) -> Float[Array, "h w 3"]:
    """Unit normals towards the camera, in its frame (x right, y down, z forward).

    Args:
        depth: Planar, at the centres of the pixels; 0 or less where there is nothing.
        pixel_from_cam: Intrinsics of the map.

    Returns:
        Normals; 0 at the border of the map and where one of the four neighbours is nothing or
        seems to lie on another surface.
    """
    height, width = depth.shape
    row, column = jnp.meshgrid(jnp.arange(height), jnp.arange(width), indexing="ij")
    uv = jnp.stack([column + 0.5, row + 0.5, jnp.ones_like(depth)], axis=-1)
    points = depth[..., None] * (uv @ jnp.linalg.inv(pixel_from_cam).T)
    inner = slice(1, -1)
    right, left = points[inner, 2:], points[inner, :-2]
    below, above = points[2:, inner], points[:-2, inner]
    # Right cross down is forward; the surface that is seen faces backward.
    normals = -jnp.cross(right - left, below - above)
    length = jnp.linalg.norm(normals, axis=-1, keepdims=True)
    middle = depth[inner, inner]
    pairs = ((right[..., 2], left[..., 2]), (below[..., 2], above[..., 2]))
    known = middle > 0
    for index, (one, other) in enumerate(pairs):
        bend = jnp.abs(one + other - 2 * middle) * pixel_from_cam[index, index]
        known &= (one > 0) & (other > 0) & (bend < MOST_BEND * middle)
    unit = normals / jnp.maximum(length, jnp.finfo(depth.dtype).tiny)
    return jnp.pad(jnp.where(known[..., None], unit, 0), ((1, 1), (1, 1), (0, 0)))
