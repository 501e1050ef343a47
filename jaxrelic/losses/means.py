"""Means over what counts."""

import jax.numpy as jnp

from jaxrelic.typing import Array, Float, Shaped, typechecked


@typechecked
def mean_where(values: Float[Array, "*b n"], where: Shaped[Array, "*b n"]) -> Float[Array, "*b"]:
    """Mean over those of the last axis that count; 0 where none does."""
    total = jnp.sum(jnp.where(where, values, 0), axis=-1)
    return total / jnp.maximum(jnp.sum(where, axis=-1), 1)
