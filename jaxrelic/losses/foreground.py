"""What foreground perception learns from: labels, and what it remembers.

Terms of Background Activation Suppression (arXiv:2112.00580) keep the map on the object and small;
the contrast with remembered features (`contrastive`) is M-SRN's addition.
"""

import dataclasses
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import optax

from jaxrelic.losses import contrastive
from jaxrelic.models.foreground.model import ForegroundOutput
from jaxrelic.typing import Array, Float, Int, typechecked


@dataclasses.dataclass(frozen=True, kw_only=True)
class ForegroundLossWeights:
    """Factor of each term; the defaults are those of BAS for ResNet-50 on CUB, and 1."""

    classify: float = 1.0
    """Cross entropy of the category, in nats."""
    classify_foreground: float = 0.5
    """The same when only the foreground counts; 1 on ILSVRC."""
    erase: float = 1.0
    """Part of the category's score that is left without the foreground."""
    area: float = 1.2
    """Mean of the map, alpha of BAS; 2 on ILSVRC."""
    contrast: float = 1.0
    """Foreground against background (M-SRN eq. 15), in nats; 0 leaves BAS alone."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ForegroundLossSettings:
    """How maps are judged."""

    weights: ForegroundLossWeights = dataclasses.field(default_factory=ForegroundLossWeights)
    """Factor of each term."""
    temperature: float = 0.2
    """Temperature of the contrast; the paper prints 0.99, which leaves it almost flat."""
    classify_until: int = 0
    """Step until which only `classify` is learned from. A trunk that was trained before needs no
    such start; one that was not has no object yet for a map to be of."""

    def __post_init__(self) -> None:
        if self.temperature <= 0:
            raise ValueError(f"losses.temperature is {self.temperature}; set it above 0")


@typechecked
def loss_terms(
    output: ForegroundOutput,
    category: Int[Array, " b"],
    foregrounds: Float[Array, "k q"],
    backgrounds: Float[Array, "k q"],
    *,
    settings: ForegroundLossSettings,
) -> dict[str, Float[Array, " b"]]:
    """Per-example terms; those without a weight are measures for the logs.

    Args:
        output: Output of the network.
        category: Category of each photograph.
        foregrounds: Remembered features.
        backgrounds: Remembered with them.
        settings: Temperature.
    """
    cross_entropy = optax.softmax_cross_entropy_with_integer_labels
    return {
        "classify": cross_entropy(output.scores, category),
        "classify_foreground": cross_entropy(output.activated_scores, category),
        "erase": erased_share(output.scores, output.erased_scores, category),
        "area": jnp.mean(output.activation, axis=(1, 2)),
        "contrast": contrastive.foreground_contrast(
            output.foreground,
            output.background,
            foregrounds,
            backgrounds,
            temperature=settings.temperature,
        ),
        "accuracy": (jnp.argmax(output.scores, axis=-1) == category).astype(jnp.float32),
    }


def opened(
    terms: Mapping[str, Array], settings: ForegroundLossSettings, step: Array
) -> dict[str, Array]:
    """The terms with those at 0 that are not learned from yet."""
    late = step >= settings.classify_until
    early = ("classify", "accuracy")
    return {
        name: values if name in early else jnp.where(late, values, 0.0)
        for name, values in terms.items()
    }


@typechecked
def erased_share(
    scores: Float[Array, "b t"], erased: Float[Array, "b t"], category: Int[Array, " b"]
) -> Float[Array, " b"]:
    """Score of the right category without the foreground over its score with it (BAS).

    0 where erasing has not lowered the score: those maps miss the object, and pushing on them
    would reward any change. The whole score is the yardstick and does not learn from this.
    """
    whole, rest = (
        jnp.take_along_axis(values, category[:, None], axis=-1)[:, 0] for values in (scores, erased)
    )
    whole = jax.lax.stop_gradient(whole)
    return jnp.where(rest >= whole, 0.0, rest / (whole + 1e-8))
