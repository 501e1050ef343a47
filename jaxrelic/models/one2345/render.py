"""Drawing rays: hierarchical samples, opacity from distance, blended colour.

Specification one2345 C.12.
"""

import functools
from collections.abc import Mapping
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp

from jaxrelic.models.one2345.blending import damped_unit
from jaxrelic.models.one2345.model import EncodedViews, One2345, is_active, visible_views
from jaxrelic.models.one2345.rays import Rays
from jaxrelic.rendering.volume import hierarchical
from jaxrelic.typing import Array, Bool, Float, Key, typechecked

OUTSIDE = 100.0
"""Signed distance of points in voxels that no two views see."""
START_SHARPNESS = 64.0
"""Sharpness of the first round of finer samples; it doubles with every round."""
MIN_VIEWS = 2
TINY = 1e-12
"""Weight of a ray below which its colour is nothing."""

Variables = Mapping[str, Any]


@flax.struct.dataclass
class RenderedRays:
    """Rays as they are seen, and what the losses ask of their samples."""

    rgb: jax.Array
    """Over the background, [r, 3]."""
    depth: jax.Array
    """Distance along the ray, in cube units; 0 where nothing is, [r]."""
    opacity: jax.Array
    """How much of the background is hidden, in [0, 1], [r]."""
    normals: jax.Array
    """Weighted gradients of the signed distance, [r, 3]."""
    valid: jax.Array
    """Whether enough samples are seen by two views, [r]."""
    sdf: jax.Array
    """Signed distance of the samples, 100 outside, [r, n]."""
    gradient_error: jax.Array
    """Sum over the samples inside of (|gradient| - 1)^2, [r]."""
    inside: jax.Array
    """Number of samples inside active voxels, [r]."""


def render_rays(
    model: One2345,
    variables: Variables,
    encoded: EncodedViews,
    rays: Rays,
    *,
    anneal: Float[Array, ""] | float = 1.0,
    background: Float[Array, "3"] | tuple[float, float, float] = (1.0, 1.0, 1.0),
    rng: Key[Array, ""] | None = None,
    chunk: int | None = None,
    most_colours: int | None = None,
) -> RenderedRays:
    """Draws rays.

    Args:
        model: With the settings of the samples.
        variables: Parameters and collections of the model.
        encoded: Encoded views from `One2345.encode`.
        rays: Rays of any camera in the frame of the cube.
        anneal: In [0, 1]; below 1 sections whose distance rises are not quite clear, so that a
            wrong start still has a gradient.
        background: RGB in [0, 1] behind the object.
        rng: Moves the even samples at random, in training.
        chunk: Rays at a time, recomputed for the gradient; None is all at once.
        most_colours: Samples of a ray whose colours are looked up: those of greatest weight, which
            stand for the others; None is all. Colours are most of the cost.
    """
    draw = functools.partial(_draw, model, background, most_colours)
    count, jitter = rays.near.shape[0], None
    if rng is not None:
        shape = (count, model.config.coarse_samples)
        jitter = jax.random.uniform(rng, shape, rays.near.dtype)
    if chunk is None or chunk >= count:
        return draw(variables, encoded, rays, anneal, jitter)
    chunks = -(-count // chunk)
    padded = jax.tree.map(lambda x: _repeat_last(x, chunks * chunk), (rays, jitter))
    split = jax.tree.map(lambda x: x.reshape(chunks, chunk, *x.shape[1:]), padded)
    part = jax.checkpoint(lambda each: draw(variables, encoded, each[0], anneal, each[1]))
    drawn = jax.lax.map(part, split)
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:])[:count], drawn)


def sdf_and_normals(
    model: One2345, variables: Variables, encoded: EncodedViews, points: Float[Array, "n 3"]
) -> tuple[Float[Array, " n"], Float[Array, "n 3"]]:
    """Signed distance and its gradient, which points outward and is about as long as 1."""

    def sdf(points: Array) -> Array:
        return model.apply(variables, encoded, points, method="sdf")[0]

    # Each distance depends on its own point, so one pull-back of ones gives every gradient.
    distance, pull_back = jax.vjp(sdf, points)
    return distance, pull_back(jnp.ones_like(distance))[0]


def _repeat_last(x: Array, count: int) -> Array:
    return jnp.concatenate([x, jnp.repeat(x[-1:], count - x.shape[0], axis=0)])


def _draw(
    model: One2345,
    background: Array | tuple[float, float, float],
    most_colours: int | None,
    variables: Variables,
    encoded: EncodedViews,
    rays: Rays,
    anneal: Array | float,
    jitter: Array | None,
) -> RenderedRays:
    config = model.config
    frozen = jax.lax.stop_gradient((variables, encoded))
    t = jax.lax.stop_gradient(_place_samples(model, *frozen, rays, jitter))
    mean_step = (rays.far - rays.near) / config.coarse_samples
    length = jnp.concatenate([t[:, 1:] - t[:, :-1], mean_step[:, None]], axis=-1)
    t = t + length / 2
    points = _points(rays, t)
    shape = t.shape

    inside = _inside(model, encoded, points)
    sdf, gradient = sdf_and_normals(model, variables, encoded, points.reshape(-1, 3))
    sdf = jnp.where(inside, sdf.reshape(shape), OUTSIDE)
    gradient = jnp.where(inside[..., None], gradient.reshape(*shape, 3), 0)
    sharpness = model.apply(variables, method="sharpness")
    falling = _falling(gradient, rays.directions, anneal)
    alpha = hierarchical.section_alpha(sdf, falling, length, inside, sharpness)
    weights = hierarchical.compositing_weights(alpha)

    visible = visible_views(encoded, points.reshape(-1, 3), config.pixel_centre)
    seen = (jnp.sum(visible, axis=0) >= MIN_VIEWS).reshape(shape)
    opacity = jnp.sum(weights, axis=-1)
    colour = _colour(model, variables, encoded, rays, points, weights, most_colours)
    behind = jnp.asarray(background, colour.dtype)[None]
    return RenderedRays(
        rgb=colour + (1 - opacity)[:, None] * behind,
        depth=jnp.sum(weights * t, axis=-1),
        opacity=opacity,
        normals=jnp.sum(weights[..., None] * gradient, axis=-2),
        valid=jnp.sum(seen, axis=-1) > config.min_ray_samples,
        sdf=sdf,
        gradient_error=jnp.sum(jnp.where(inside, (_length(gradient) - 1) ** 2, 0), axis=-1),
        inside=jnp.sum(inside, axis=-1),
    )


def _colour(
    model: One2345,
    variables: Variables,
    encoded: EncodedViews,
    rays: Rays,
    points: Array,
    weights: Array,
    most: int | None,
) -> Array:
    """Weighted sum [r, 3] of the colours of samples [r, n], or of those that weigh most."""
    if most is not None and most < weights.shape[-1]:
        total = jnp.sum(weights, axis=-1, keepdims=True)
        weights, kept = jax.lax.top_k(weights, most)
        points = jnp.take_along_axis(points, kept[..., None], axis=1)
        weights = weights * total / jnp.maximum(jnp.sum(weights, axis=-1, keepdims=True), TINY)
    towards = damped_unit(rays.origins[:, None] - points).reshape(-1, 3)
    rgb, _ = model.apply(variables, encoded, points.reshape(-1, 3), towards, method="blend")
    return jnp.sum(weights[..., None] * rgb.reshape(*points.shape), axis=-2)


def _place_samples(
    model: One2345, variables: Variables, encoded: EncodedViews, rays: Rays, jitter: Array | None
) -> Array:
    """Distances [r, n] of even samples and of those near the surface, sorted."""
    config = model.config

    def distance(t: Array) -> Array:
        points = _points(rays, t).reshape(-1, 3)
        return model.apply(variables, encoded, points, method="sdf")[0].reshape(t.shape)

    t = hierarchical.even_samples(rays.near, rays.far, config.coarse_samples, jitter)
    # The original masks only the samples it adds; its first ones have the network's word.
    sdf, inside = distance(t), _inside(model, encoded, _points(rays, t))
    for number in range(config.fine_rounds):
        sharpness = START_SHARPNESS * 2**number
        weights = hierarchical.surface_weights(t, sdf, inside, sharpness)
        added = hierarchical.inverse_cdf(t, weights, config.fine_samples // config.fine_rounds)
        t = jnp.concatenate([t, added], axis=-1)
        if number == config.fine_rounds - 1:
            break
        added_inside = _inside(model, encoded, _points(rays, added))
        added_sdf = jnp.where(added_inside, distance(added), OUTSIDE)
        order = jnp.argsort(t, axis=-1)
        t, sdf, inside = (
            jnp.take_along_axis(x, order, axis=-1)
            for x in (
                t,
                jnp.concatenate([sdf, added_sdf], axis=-1),
                jnp.concatenate([inside, added_inside], axis=-1),
            )
        )
    return jnp.sort(t, axis=-1)


@typechecked
def _points(rays: Rays, t: Float[Array, "r n"]) -> Float[Array, "r n 3"]:
    return rays.origins[:, None] + rays.directions[:, None] * t[..., None]


def _inside(model: One2345, encoded: EncodedViews, points: Array) -> Bool[Array, "r n"]:
    found = is_active(encoded.active, points.reshape(-1, 3), aligned=model.config.aligned_mask)
    return found.reshape(points.shape[:-1])


def _falling(gradient: Array, directions: Array, anneal: Array | float) -> Array:
    """Slope [r, n] of the distance along the ray, 0 where it rises once annealed."""
    slope = jnp.sum(gradient * directions[:, None], axis=-1)
    lenient, strict = jax.nn.relu((1 - slope) / 2), jax.nn.relu(-slope)
    return jnp.clip(-(lenient * (1 - anneal) + strict * anneal), -hierarchical.MAX_SLOPE, 0)


def _length(vectors: Array) -> Array:
    """Norms whose gradient is finite at zero, where the volume says nothing."""
    squared = jnp.sum(vectors**2, axis=-1)
    positive = squared > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, squared, 1.0)), 0.0)
