"""Foreground against background: features contrasted with remembered ones (M-SRN eq. 11-15)."""

import jax
import jax.numpy as jnp

from jaxrelic.typing import Array, Float, typechecked

_SHORTEST = 1e-8
"""Length below which a feature has no direction; its similarities are then about zero."""


@typechecked
def contrast(
    features: Float[Array, "b q"],
    positives: Float[Array, "k q"],
    negatives: Float[Array, "n q"],
    *,
    temperature: float,
) -> Float[Array, " b"]:
    """How hard it is to tell a feature's own kind from the other, in nats (M-SRN eq. 13-14).

    Each positive k is contrasted with all negatives j but not with the other positives:
    mean_k log(1 + sum_j exp(s_j - s_k)), s cosine over temperature. Written as a softplus of a
    log-sum-exp it cannot overflow. What is remembered is constant.

    Args:
        features: Features of this batch.
        positives: Remembered features of the same kind.
        negatives: Remembered features of the other kind.
        temperature: Temperature of the similarities; the paper's 0.99 is almost flat.
    """
    positives, negatives = jax.lax.stop_gradient((positives, negatives))
    own = cosines(features, positives) / temperature
    other = jax.nn.logsumexp(cosines(features, negatives) / temperature, axis=-1, keepdims=True)
    return jnp.mean(jax.nn.softplus(other - own), axis=-1)


@typechecked
def foreground_contrast(
    foreground: Float[Array, "b q"],
    background: Float[Array, "b q"],
    foregrounds: Float[Array, "k q"],
    backgrounds: Float[Array, "k q"],
    *,
    temperature: float,
) -> Float[Array, " b"]:
    """L_for of M-SRN eq. 15: foregrounds against backgrounds and the other way round.

    It does not change when foreground and background swap their names, so something else has to
    say which is which.
    """
    return contrast(foreground, foregrounds, backgrounds, temperature=temperature) + contrast(
        background, backgrounds, foregrounds, temperature=temperature
    )


@typechecked
def cosines(a: Float[Array, "b q"], b: Float[Array, "k q"]) -> Float[Array, "b k"]:
    """Cosine of the angle between each two vectors; gradients stay finite at zero."""

    def unit(x: Array) -> Array:
        squared = jnp.sum(x * x, axis=-1, keepdims=True)
        return x * jax.lax.rsqrt(jnp.maximum(squared, _SHORTEST**2))

    return jnp.einsum("bq,kq->bk", unit(a), unit(b), precision=jax.lax.Precision.HIGHEST)
