"""The plane about which two layers lie: an offset and two tilts, fitted by least squares."""

import jax.numpy as jnp

from jaxrelic.typing import Array, Float, typechecked

RIDGE = 2e-3
"""Variance of a coordinate, in squared crop widths, that a tilt has to earn: a narrow thing, such
as an upright sword, has none across itself."""


@typechecked
def coordinates(height: int, width: int) -> Float[Array, "h w 2"]:
    """X to the right and y down of the pixel centres, in crop widths from the middle."""
    x = (jnp.arange(width) + 0.5) / width - 0.5
    y = (jnp.arange(height) + 0.5) / width - 0.5 * height / width
    return jnp.stack(jnp.meshgrid(x, y), axis=-1)


@typechecked
def plane_depth(plane: Float[Array, "b 3"], height: int, width: int) -> Float[Array, "b h w"]:
    """Depth of planes (offset, tilt along x, tilt along y) at the pixel centres."""
    xy = coordinates(height, width)[None]
    offset, along_x, along_y = jnp.moveaxis(plane[..., None, None], 1, 0)
    return offset + along_x * xy[..., 0] + along_y * xy[..., 1]


@typechecked
def fitted_plane(
    depth: Float[Array, "b h w"], weight: Float[Array, "b h w"]
) -> Float[Array, "b 3"]:
    """Planes that minimise sum w (depth - plane)^2 + ridge |tilt|^2 sum w, about w's centroid.

    Cramer's rule on centred moments: they are small numbers of one size, where the uncentred normal
    equations would lose digits. An empty mask gives a plane of zeros.
    """
    xy = coordinates(*depth.shape[1:])[None]
    total = jnp.maximum(jnp.sum(weight, axis=(1, 2)), 1e-6)[:, None, None]
    share = weight / total

    def mean(values: Array) -> Array:
        return jnp.sum(share * values, axis=(1, 2), keepdims=True)

    mean_x, mean_y, mean_d = mean(xy[..., 0]), mean(xy[..., 1]), mean(depth)
    x, y, d = xy[..., 0] - mean_x, xy[..., 1] - mean_y, depth - mean_d
    xx, yy, cross = mean(x * x) + RIDGE, mean(y * y) + RIDGE, mean(x * y)
    xd, yd = mean(x * d), mean(y * d)
    determinant = xx * yy - cross * cross
    along_x = (xd * yy - yd * cross) / determinant
    along_y = (yd * xx - xd * cross) / determinant
    offset = mean_d - along_x * mean_x - along_y * mean_y
    return jnp.concatenate([offset, along_x, along_y], axis=-1)[:, 0]
