"""Per-example loss terms, summed by name in one place."""

from collections.abc import Mapping

import jax.numpy as jnp

from jaxrelic.typing import Array


def combine(
    terms: Mapping[str, Array], weights: Mapping[str, float]
) -> tuple[Array, dict[str, Array]]:
    """Weighted sum of the means of per-example terms.

    Args:
        terms: Per-example values by name; a term without a weight is only logged.
        weights: Factor of each term that is learned from.

    Returns:
        loss: A scalar.
        means: The mean of every term, for the logs.
    """
    if unknown := weights.keys() - terms.keys():
        raise ValueError(f"no loss term named {sorted(unknown)}; this model has {sorted(terms)}")
    means = {name: jnp.mean(values) for name, values in terms.items()}
    return sum(weights[name] * means[name] for name in weights), means
