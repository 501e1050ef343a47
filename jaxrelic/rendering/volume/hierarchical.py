"""Samples along rays, placed where a signed distance has its surface (NeuS, arXiv:2106.10689)."""

import jax
import jax.numpy as jnp

from jaxrelic.typing import Array, Bool, Float, Int, typechecked

CDF_EPS = 1e-5
"""Weight that every bin has besides its own, and least width of a bin of the distribution."""
ALPHA_EPS = 1e-5
TRANSMITTANCE_EPS = 1e-7
MAX_SLOPE = 10.0
"""Largest slope of the signed distance along a ray; its gradient has length 1 where it is a
distance."""


@typechecked
def even_samples(
    near: Float[Array, " r"],
    far: Float[Array, " r"],
    count: int,
    jitter: Float[Array, "r n"] | None,
) -> Float[Array, "r n"]:
    """Evenly spaced from near to far; with jitter in [0, 1], each moves within its own stretch."""
    part = jnp.linspace(0, 1, count, dtype=near.dtype)[None]
    t = near[:, None] + (far - near)[:, None] * part
    if jitter is None:
        return t
    middle = (t[:, 1:] + t[:, :-1]) / 2
    lower = jnp.concatenate([t[:, :1], middle], axis=-1)
    upper = jnp.concatenate([middle, t[:, -1:]], axis=-1)
    return lower + (upper - lower) * jitter


@typechecked
def section_alpha(
    sdf: Float[Array, "r n"],
    slope: Float[Array, "r n"],
    length: Float[Array, "r n"],
    inside: Bool[Array, "r n"],
    sharpness: Float[Array, ""] | float,
) -> Float[Array, "r n"]:
    """Opacity of a section of a ray (NeuS eq. 13).

    Args:
        sdf: In the middle of the section.
        slope: Slope of the signed distance along the ray, at most 0.
        length: Length of the section.
        inside: Sections where something may be; the others are clear.
        sharpness: Inverse width of the surface.
    """
    change = slope * length / 2
    before = jax.nn.sigmoid(sharpness * (sdf - change))
    behind = jax.nn.sigmoid(sharpness * (sdf + change))
    alpha = (before - behind + ALPHA_EPS) / (before + ALPHA_EPS)
    return jnp.where(inside, jnp.clip(alpha, 0, 1), 0)


@typechecked
def compositing_weights(alpha: Float[Array, "r n"]) -> Float[Array, "r n"]:
    """How much of each section is seen from the ray's origin."""
    passed = jnp.cumprod(1 - alpha + TRANSMITTANCE_EPS, axis=-1)
    transmittance = jnp.concatenate([jnp.ones_like(alpha[:, :1]), passed[:, :-1]], axis=-1)
    return alpha * transmittance


@typechecked
def surface_weights(
    t: Float[Array, "r n"],
    sdf: Float[Array, "r n"],
    inside: Bool[Array, "r n"],
    sharpness: Float[Array, ""] | float,
) -> Float[Array, "r m"]:
    """Compositing weights of the n - 1 sections between samples, from the samples alone.

    A section falls as steeply as it or the one before does: behind a surface the distance rises
    again, and one steep section may lie between two flat ones (NeuS, appendix).
    """
    length = t[:, 1:] - t[:, :-1]
    slope = (sdf[:, 1:] - sdf[:, :-1]) / (length + 1e-5)
    before = jnp.concatenate([jnp.zeros_like(slope[:, :1]), slope[:, :-1]], axis=-1)
    between = inside[:, 1:] & inside[:, :-1]
    slope = jnp.clip(jnp.minimum(before, slope), -MAX_SLOPE, 0) * between
    middle = (sdf[:, 1:] + sdf[:, :-1]) / 2
    return compositing_weights(section_alpha(middle, slope, length, between, sharpness))


@typechecked
def inverse_cdf(
    edges: Float[Array, "r m"], weights: Float[Array, "r k"], count: int
) -> Float[Array, "r n"]:
    """Quantiles (1/2 + i) / count of the distribution that is constant between edges.

    Args:
        edges: Increasing, one more than weights.
        weights: Not negative; not normalised.
        count: How many quantiles.
    """
    density = weights + CDF_EPS
    density = density / jnp.sum(density, axis=-1, keepdims=True)
    cdf = jnp.cumsum(density, axis=-1)
    cdf = jnp.concatenate([jnp.zeros_like(cdf[:, :1]), cdf], axis=-1)
    quantile = (jnp.arange(count, dtype=edges.dtype) + 0.5) / count
    upper = jax.vmap(lambda c: jnp.searchsorted(c, quantile, side="right"))(cdf)
    lower = jnp.maximum(upper - 1, 0)
    upper = jnp.minimum(upper, edges.shape[-1] - 1)

    def at(x: Array, index: Int[Array, "r n"]) -> Array:
        return jnp.take_along_axis(x, index, axis=-1)

    width = at(cdf, upper) - at(cdf, lower)
    width = jnp.where(width < CDF_EPS, 1, width)
    part = (quantile[None] - at(cdf, lower)) / width
    return at(edges, lower) + part * (at(edges, upper) - at(edges, lower))
