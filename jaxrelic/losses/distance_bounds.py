"""What depth and mask say of a signed distance field, without drawing it.

The surface is where a ray's depth ends, so no point of that ray is farther from it than along the
ray, and none before it is inside; a ray through the background is outside everywhere. Each is a
bound that the true field keeps exactly (compare iSDF, arXiv:2204.02296, equation 4). A point costs
one distance; a drawn ray costs dozens, their gradients and colours.
"""

import flax.struct
import jax
import jax.numpy as jnp

from jaxrelic.losses.means import mean_where
from jaxrelic.models.one2345 import render
from jaxrelic.models.one2345.model import EncodedViews, One2345
from jaxrelic.models.one2345.rays import Rays, RayTargets
from jaxrelic.models.one2345.render import Variables
from jaxrelic.typing import Array, Float, Key, typechecked

THICKNESS = 0.04
"""Least extent of objects along a ray, in cube units: so far behind a surface is inside."""
CLEAR_MASK = 0.02
"""Mask up to which a ray passes the object by; pixels of an edge say nothing."""
POINTS_PER_RAY = 3


@flax.struct.dataclass
class BoundedPoints:
    """Points and what is known of their signed distance, in cube units."""

    points: jax.Array
    """[p, 3]."""
    lower: jax.Array
    """Least signed distance, [p]."""
    upper: jax.Array
    """Greatest signed distance, [p]; infinite where nothing is known."""
    by_depth: jax.Array
    """Whether the bounds are known from a depth, [p]."""
    by_mask: jax.Array
    """Whether they are known from the background, [p]."""


@typechecked
def bounded_points(rng: Key[Array, ""], rays: Rays, target: RayTargets) -> BoundedPoints:
    """Three points of each ray: all ends [r], then points before them, then just behind them.

    On a ray through the background all three are anywhere. Rays without depth that may meet the
    object bound nothing.

    Args:
        rng: Places the points.
        rays: In the frame of the cube, [r].
        target: What the image says along them, [r]; only mask and depth are read.
    """
    part = jax.random.uniform(rng, (POINTS_PER_RAY, *target.depth.shape), rays.near.dtype)
    end = target.depth
    near = jnp.minimum(rays.near, end)
    ending = jnp.stack([end, near + (end - near) * part[0], end + THICKNESS * part[1]])
    passing = rays.near[None] + (rays.far - rays.near)[None] * part
    hit, empty = end > 0, target.mask <= CLEAR_MASK
    t = jnp.where(hit[None], ending, passing)
    gap = end[None] - t
    bounded = jnp.broadcast_to(hit[None], t.shape)
    points = rays.origins[None] + rays.directions[None] * t[..., None]
    return BoundedPoints(
        points=points.reshape(-1, 3),
        lower=jnp.where(bounded, jnp.minimum(gap, 0), 0).reshape(-1),
        upper=jnp.where(bounded, jnp.maximum(gap, 0), jnp.inf).reshape(-1),
        by_depth=bounded.reshape(-1),
        by_mask=jnp.broadcast_to((empty & ~hit)[None], t.shape).reshape(-1),
    )


def field_terms(
    model: One2345,
    variables: Variables,
    encoded: EncodedViews,
    rng: Key[Array, ""],
    rays: Rays,
    target: RayTargets,
    normals: Float[Array, "r 3"],
) -> dict[str, Array]:
    """What a network's field has against rays, and against the normals where they end.

    Args:
        model: Whose field it is.
        variables: Parameters and collections of the model.
        encoded: Encoded views from `One2345.encode`.
        rng: Places the points.
        rays: In the frame of the cube, [r].
        target: What the image says along them.
        normals: Outward unit normals where they end; 0 where unknown.

    Returns:
        Those of `bound_terms`, and `normal`.
    """
    bounded = bounded_points(rng, rays, target)
    ends, others = bounded.points[: len(normals)], bounded.points[len(normals) :]
    at_ends, gradient = render.sdf_and_normals(model, variables, encoded, ends)
    elsewhere, _ = model.apply(variables, encoded, others, method="sdf")
    terms = bound_terms(jnp.concatenate([at_ends, elsewhere]), bounded)
    return terms | {"normal": normal_term(gradient, normals)}


@typechecked
def bound_terms(sdf: Float[Array, " p"], bounded: BoundedPoints) -> dict[str, Array]:
    """How far distances are beyond their bounds, in cube units, on average.

    Returns:
        `surface`: Over the points that depth bounds; 0 without any.
        `empty`: Over the points of the background.
    """
    excess = jax.nn.relu(bounded.lower - sdf) + jax.nn.relu(sdf - bounded.upper)
    return {
        "surface": mean_where(excess, bounded.by_depth),
        "empty": mean_where(excess, bounded.by_mask),
    }


@typechecked
def normal_term(gradient: Float[Array, "r 3"], normals: Float[Array, "r 3"]) -> Array:
    """Mean length of what a gradient of the distance at the surface lacks of the normal there.

    The second term of IGR (arXiv:2002.10099, equation 2).

    Args:
        gradient: Gradient of the signed distance where rays end.
        normals: Outward unit normals there; 0 where unknown.
    """
    known = jnp.sum(normals**2, axis=-1) > 0.5
    squared = jnp.sum((gradient - normals) ** 2, axis=-1)
    away = known & (squared > 0)  # The root's slope at zero is infinite.
    return mean_where(jnp.where(away, jnp.sqrt(jnp.where(away, squared, 1)), 0), known)
