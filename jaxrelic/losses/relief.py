"""Loss terms of the relief network, one value per example."""

import dataclasses

import jax
import jax.numpy as jnp

from jaxrelic.models.relief.model import Relief
from jaxrelic.models.relief.planes import fitted_plane, plane_depth
from jaxrelic.typing import Array, Float, typechecked


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReliefLossWeights:
    """Factor of each term."""

    layers: float = 0.5
    """Both depths, in crop widths."""
    shape: float = 1.0
    """Both depths without the plane they lie about."""
    plane: float = 0.5
    """Depth of that plane."""
    gradient: float = 0.7
    """Differences of depth between neighbours."""
    elevation: float = 0.1
    """Height of the camera, in radians."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReliefLossSettings:
    """How reliefs are judged."""

    weights: ReliefLossWeights = dataclasses.field(default_factory=ReliefLossWeights)
    """Factor of each term."""


STEPS = (1, 2, 4)
"""Distances in pixels over which gradients are compared."""
BETA = 0.02
"""Errors below this, in crop widths, count by their square."""


@typechecked
def loss_terms(
    relief: Relief,
    front: Float[Array, "b h w"],
    back: Float[Array, "b h w"],
    covered: Float[Array, "b h w"],
    elevation: Float[Array, "b"],
) -> dict[str, Array]:
    """How far both layers are off: as they are, without their common plane, and in slope.

    Args:
        relief: Predicted.
        front: True first surface, crop widths.
        back: True last surface.
        covered: Where both are defined, 0 or 1.
        elevation: True height of the camera, radians.
    """
    shape = front.shape[1:]
    true_plane = fitted_plane((front + back) / 2, covered)
    plane = plane_depth(true_plane, *shape)
    guess = plane_depth(relief.plane, *shape)
    errors = jnp.stack([relief.front - front, relief.back - back], axis=1)
    bare = errors - (guess - plane)[:, None]
    weight = covered[:, None]
    return {
        "layers": masked_mean(huber(errors), weight),
        "shape": masked_mean(huber(bare), weight),
        "plane": masked_mean(huber(guess - plane)[:, None], weight),
        "gradient": _gradient_error(bare, weight),
        "elevation": huber(relief.elevation - elevation),
    }


def masked_mean(values: Array, weight: Array) -> Array:
    """Mean over all axes but the first where the weight is."""
    axes = tuple(range(1, values.ndim))
    values, weight = jnp.broadcast_arrays(values, weight)
    return jnp.sum(values * weight, axes) / jnp.maximum(jnp.sum(weight, axes), 1)


def huber(x: Array) -> Array:
    """|x|, rounded off at zero."""
    size = jnp.abs(x)
    return jnp.where(size < BETA, 0.5 * x * x / BETA, size - 0.5 * BETA)


def _gradient_error(errors: Array, weight: Array) -> Array:
    """Differences of the error between neighbours, capped: steps of depth are not to dominate."""
    total = 0.0
    for step in STEPS:
        for axis in (2, 3):
            ahead = jax.lax.slice_in_dim(errors, step, None, axis=axis)
            here = jax.lax.slice_in_dim(errors, None, -step, axis=axis)
            both = jax.lax.slice_in_dim(weight, step, None, axis=axis) * jax.lax.slice_in_dim(
                weight, None, -step, axis=axis
            )
            total += masked_mean(jnp.minimum(jnp.abs(ahead - here), 0.3), both)
    return total / (2 * len(STEPS))
