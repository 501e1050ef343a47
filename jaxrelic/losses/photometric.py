"""Differences in colour and in depth."""

import jax.numpy as jnp

from jaxrelic.typing import Array, Float, typechecked


@typechecked
def rgb_difference(
    rgb: Float[Array, "*b h w 3"], target: Float[Array, "*b h w 3"]
) -> Float[Array, "*b"]:
    """Mean over pixels of the distance between colours (M-SRN eq. 39).

    Args:
        rgb: In [0, 1].
        target: In [0, 1], over the same background.
    """
    # The root has no gradient at zero, where every background pixel is.
    squared = jnp.sum((rgb - target) ** 2, axis=-1)
    return jnp.mean(jnp.sqrt(squared + 1e-12), axis=(-2, -1))


@typechecked
def depth_difference(
    depth: Float[Array, "*b h w"], target: Float[Array, "*b h w"]
) -> Float[Array, "*b"]:
    """Mean absolute difference of planar depth where both see a surface, in world units.

    A depth of 0 means no surface; 0 is returned where none is shared.
    """
    shared = ((depth > 0) & (target > 0)).astype(depth.dtype)
    total = jnp.sum(shared * jnp.abs(depth - target), axis=(-2, -1))
    return total / jnp.maximum(jnp.sum(shared, axis=(-2, -1)), 1.0)
