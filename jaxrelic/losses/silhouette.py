"""How far a soft silhouette is from a mask: per pixel, and by distance (overlap: `rendering`)."""

from typing import Literal

import jax
import jax.numpy as jnp

from jaxrelic.typing import Array, Bool, Float, typechecked

ALPHA_EPS = 1e-6
"""Keeps alpha this far from 0 and 1 before its logarithm."""

FAR_SQUARED = 1e6
"""Stands for "no such pixel" in squared distances; larger than any in a 700 px image."""

AffinityMode = Literal["transport", "literal"]


@typechecked
def binary_cross_entropy(
    alpha: Float[Array, "*b h w"], mask: Float[Array, "*b h w"]
) -> Float[Array, "*b"]:
    """Mean over pixels of the cross entropy, in nats (M-SRN eq. 40).

    Example:
        >>> round(float(binary_cross_entropy(np.full((8, 8), 0.5), np.ones((8, 8)))), 4)  # ln 2.
        0.6931
    """
    alpha = jnp.clip(alpha, ALPHA_EPS, 1 - ALPHA_EPS)
    entropy = -(mask * jnp.log(alpha) + (1 - mask) * jnp.log1p(-alpha))
    return jnp.mean(entropy, axis=(-2, -1))


@typechecked
def affinity(
    alpha: Float[Array, "*b h w"],
    mask: Float[Array, "*b h w"],
    *,
    mode: AffinityMode = "transport",
    threshold: float = 0.5,
) -> Float[Array, "*b"]:
    """Squared distances between what is drawn and what should be (M-SRN eq. 41), summed.

    The first half charges every drawn pixel its distance to the mask, the second every pixel of the
    mask its distance to the drawing. As printed (`literal`), the second half lowers alpha at the
    drawn pixel nearest to an uncovered one, away from where it should grow; `transport` has the
    same value where the mask is uncovered and raises alpha there.

    Args:
        alpha: Drawn silhouette, in [0, 1].
        mask: Wanted silhouette, 0 or 1.
        mode: Form of the second half.
        threshold: Alpha above which a pixel counts as drawn.

    Returns:
        Squared pixels, summed over pixels; 0 where the mask is empty.

    Example:
        >>> wanted, drawn = np.zeros((2, 1, 8))
        >>> wanted[0, 2], drawn[0, 5] = 1, 1  # Three pixels apart.
        >>> float(affinity(drawn, wanted))  # 9 from the drawing to the mask, 9 back.
        18.0
    """
    wanted = mask > 0.5
    outside = jnp.sum(alpha * squared_distance(wanted), axis=(-2, -1))
    drawn = drawn_pixels(alpha, threshold)
    if mode == "transport":
        missing = jnp.sum(mask * squared_distance(drawn) * (1 - alpha), axis=(-2, -1))
    else:
        missing = jnp.sum(mask * _weighted_nearest(alpha, drawn), axis=(-2, -1))
    return jnp.where(jnp.any(wanted, axis=(-2, -1)), outside + missing, 0.0)


@typechecked
def drawn_pixels(alpha: Float[Array, "*b h w"], threshold: float) -> Bool[Array, "*b h w"]:
    """Pixels above the threshold; the strongest one where there is none."""
    strongest = alpha >= jnp.max(alpha, axis=(-2, -1), keepdims=True)
    return jnp.where(
        jnp.max(alpha, axis=(-2, -1), keepdims=True) > threshold, alpha > threshold, strongest
    )


@typechecked
def squared_distance(mask: Bool[Array, "*b h w"]) -> Float[Array, "*b h w"]:
    """Exact squared distance, in pixels, to the nearest pixel of the mask.

    Two passes of min-plus, columns then rows (Felzenszwalb and Huttenlocher, 2012, as dense minima:
    images are small). Integers, so exact in float32. `FAR_SQUARED` or more where the mask is empty.
    """
    h, w = mask.shape[-2:]
    lead = (1,) * (mask.ndim - 2)
    cost = jnp.where(mask, 0.0, FAR_SQUARED)
    down = jnp.min(_squares(h).reshape(*lead, h, h, 1) + cost[..., None, :, :], axis=-2)
    return jnp.min(_squares(w).reshape(*lead, 1, w, w) + down[..., None, :], axis=-1)


def _squares(size: int) -> Array:
    """(i - j)^2, [size, size] float32."""
    index = jnp.arange(size, dtype=jnp.float32)
    return (index[:, None] - index[None]) ** 2


def _weighted_nearest(alpha: Array, drawn: Array) -> Array:
    """Least |p - q|^2 alpha_q over drawn q at every pixel p; gradient through alpha_q alone."""
    h, w = alpha.shape[-2:]

    def one(alpha: Array, drawn: Array) -> Array:
        def row(vertical: Array) -> Array:
            # One row of p at a time: all pairs of a 64 px image would take 67 MB.
            squared = (vertical[None, :, None] + _squares(w)[:, None, :]).reshape(w, h * w)
            cost = jnp.where(drawn[None], squared * alpha[None], jnp.inf)
            nearest = jnp.argmin(cost, axis=-1)
            return jnp.take_along_axis(squared, nearest[:, None], axis=-1)[:, 0] * alpha[nearest]

        return jax.lax.map(row, _squares(h))

    flat = jax.vmap(one)(alpha.reshape(-1, h * w), drawn.reshape(-1, h * w))
    return flat.reshape(alpha.shape)
