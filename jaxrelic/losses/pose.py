"""Pose candidates: against a known camera, and spread evenly when none is known."""

import jax
import jax.numpy as jnp

from jaxrelic.typing import Array, Float, Int, typechecked


@typechecked
def rotation_angle(
    a_from_c: Float[Array, "*#b 3 3"], b_from_c: Float[Array, "*#b 3 3"]
) -> Float[Array, "*b"]:
    """Geodesic distance of two rotations, in radians, in [0, pi].

    From sine and cosine together: the arc cosine alone has no gradient at 0 and pi.
    """
    a_from_b = jnp.sum(a_from_c[..., :, None, :] * b_from_c[..., None, :, :], axis=-1)
    twist = [a_from_b[..., i, j] - a_from_b[..., j, i] for i, j in ((2, 1), (0, 2), (1, 0))]
    sine = 0.5 * jnp.sqrt(sum(t**2 for t in twist) + 1e-12)
    cosine = 0.5 * (jnp.trace(a_from_b, axis1=-2, axis2=-1) - 1)
    return jnp.arctan2(sine, cosine)


@typechecked
def azimuth(cam_from_world: Float[Array, "*b 4 4"]) -> Float[Array, "*b"]:
    """Direction in which the camera lies as seen from what it looks at, radians about world z."""
    forward = cam_from_world[..., 2, :3]
    return jnp.arctan2(-forward[..., 1], -forward[..., 0])


@typechecked
def nearest_sector(
    cam_from_world: Float[Array, "*b 4 4"], sector_azimuth: Float[Array, " k"]
) -> Int[Array, "*b"]:
    """Index of the sector of azimuth in which a camera lies."""
    middle = sector_azimuth.reshape((1,) * (cam_from_world.ndim - 2) + (-1,))
    return jnp.argmax(jnp.cos(azimuth(cam_from_world)[..., None] - middle), axis=-1)


@typechecked
def sector_cross_entropy(
    logits: Float[Array, "*b k"], sector: Int[Array, "*b"]
) -> Float[Array, "*b"]:
    """Cross entropy of the candidates' probabilities, in nats."""
    log_probabilities = jax.nn.log_softmax(logits)
    return -jnp.take_along_axis(log_probabilities, sector[..., None], axis=-1)[..., 0]


@typechecked
def uneven_use(logits: Float[Array, "b k"], *, axis_name: str | None = None) -> Float[Array, " b"]:
    """Mean over candidates of |mean over the batch of p - 1/k|, the same for every example.

    Without it one candidate wins every photograph (specification msrn A.6).

    Args:
        logits: Unnormalised log probabilities.
        axis_name: Mapped axis of the replicas that share the batch; None if there is one.
    """
    used = jnp.mean(jax.nn.softmax(logits), axis=0)
    if axis_name is not None:
        used = jax.lax.pmean(used, axis_name)
    return jnp.broadcast_to(jnp.mean(jnp.abs(used - 1 / logits.shape[-1])), logits.shape[:1])
