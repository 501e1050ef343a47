"""Rigid transforms as 4x4 matrices named `a_from_b`, so that compositions read left to right."""

import jax.numpy as jnp
from jax.lax import Precision

from jaxrelic.typing import Array, Float, typechecked


@typechecked
def compose(
    a_from_b: Float[Array, "*#b 4 4"], b_from_c: Float[Array, "*#b 4 4"]
) -> Float[Array, "*b 4 4"]:
    """Chains two transforms: `a_from_c = a_from_b @ b_from_c`, at full precision.

    Accelerators round matrix products by default; geometry must not (docs/style.md).
    """
    return jnp.matmul(a_from_b, b_from_c, precision=Precision.HIGHEST)


@typechecked
def transform_points(
    a_from_b: Float[Array, "*#b 4 4"], points_b: Float[Array, "*#b n 3"]
) -> Float[Array, "*b n 3"]:
    """Expresses points given in frame b in frame a."""
    return rotate(a_from_b[..., :3, :3], points_b) + a_from_b[..., None, :3, 3]


@typechecked
def rotate(
    matrix: Float[Array, "*#b i j"], vectors: Float[Array, "*#b n j"]
) -> Float[Array, "*b n i"]:
    """Applies one matrix per batch item to n row-stacked vectors, at full precision."""
    return jnp.einsum("...ij,...nj->...ni", matrix, vectors, precision=Precision.HIGHEST)


@typechecked
def invert_rigid(a_from_b: Float[Array, "*b 4 4"]) -> Float[Array, "*b 4 4"]:
    """Inverts a rotation and translation exactly, without a linear solve."""
    b_rotation_a = jnp.swapaxes(a_from_b[..., :3, :3], -1, -2)
    translation = -rotate(b_rotation_a, a_from_b[..., None, :3, 3])[..., 0, :]
    return from_rotation_translation(b_rotation_a, translation)


@typechecked
def from_rotation_translation(
    rotation: Float[Array, "*#b 3 3"], translation: Float[Array, "*#b 3"]
) -> Float[Array, "*b 4 4"]:
    """Assembles the 4x4 matrix that rotates, then translates."""
    batch = jnp.broadcast_shapes(rotation.shape[:-2], translation.shape[:-1])
    rotation = jnp.broadcast_to(rotation, (*batch, 3, 3))
    translation = jnp.broadcast_to(translation, (*batch, 3))
    top = jnp.concatenate([rotation, translation[..., None]], axis=-1)
    bottom = jnp.broadcast_to(jnp.asarray([0.0, 0.0, 0.0, 1.0], top.dtype), (*batch, 1, 4))
    return jnp.concatenate([top, bottom], axis=-2)
