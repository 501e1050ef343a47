"""How much of two silhouettes is the same: intersection over union, soft and hard."""

import jax.numpy as jnp

from jaxrelic.typing import Array, Float, typechecked

MASK_THRESHOLD = 0.5
"""Soft masks count as foreground above this."""


@typechecked
def soft_iou(alpha: Float[Array, "*b h w"], mask: Float[Array, "*b h w"]) -> Float[Array, "*b"]:
    """Intersection over union of soft masks, in [0, 1]; two empty masks agree.

    Example:
        >>> left = np.float32([[1, 1, 0]])
        >>> round(float(soft_iou(left, np.float32([[0, 1, 1]]))), 3)
        0.333
    """
    both = jnp.sum(alpha * mask, axis=(-2, -1))
    either = jnp.sum(alpha + mask - alpha * mask, axis=(-2, -1))
    empty = either <= 0
    return jnp.where(empty, 1.0, both / jnp.where(empty, 1.0, either))


@typechecked
def mask_iou(
    alpha: Float[Array, "*b h w"],
    mask: Float[Array, "*b h w"],
    threshold: float = MASK_THRESHOLD,
) -> Float[Array, "*b"]:
    """Intersection over union of what lies above a threshold; a measure without gradient."""
    return soft_iou((alpha > threshold).astype(alpha.dtype), (mask > threshold).astype(mask.dtype))
