"""Banks of foregrounds and backgrounds that photographs are contrasted with (M-SRN eq. 11-17).

A foreground and a background enter together and share their pointer, so one bank holds both: each
row is a pair, [foreground, background].
"""

import dataclasses
from typing import Literal

import jax
import jax.numpy as jnp

from jaxrelic.nn import feature_bank
from jaxrelic.nn.feature_bank import FeatureBank
from jaxrelic.typing import Array, Float, Int, typechecked


@dataclasses.dataclass(frozen=True, kw_only=True)
class ForegroundMemoryConfig:
    """How foregrounds and backgrounds are remembered."""

    slots: int = 500
    """Pairs in the bank, K in the paper."""
    stored: Literal["sum", "unit"] = "unit"
    """Features as summed over positions and slots that start from N(0, 1), as in the paper; or both
    of length 1. A sum is a hundred times longer than the noise it is mixed into."""
    update: feature_bank.UpdateRule = "replace"
    """How a slot takes a pair; ema is the paper's."""
    first_visit: feature_bank.FirstVisit = "overwrite"
    """Effect of update ema on a slot of noise; ema is the paper's."""
    momentum: float = 0.99
    """Share of a slot that ema and nearest_ema keep at a write, eta in the paper."""
    min_score: float = 0.7
    """Probability of the right category above which a pair is remembered, delta_f in the paper."""

    def __post_init__(self) -> None:
        if self.slots < 1:
            raise ValueError(f"memory.slots is {self.slots}; set it to 1 or more")

    @classmethod
    def literal(cls) -> "ForegroundMemoryConfig":
        """The paper's rule in every detail."""
        return cls(stored="sum", update="ema", first_visit="ema")


def fresh_bank(rng: jax.Array, config: ForegroundMemoryConfig, features: int) -> FeatureBank:
    """A bank that nothing was written to."""
    bank = feature_bank.noise_bank(rng, 1, config.slots, 2 * features)
    return bank if config.stored == "sum" else bank.replace(rows=_unit_halves(bank.rows))


@typechecked
def halves(bank: FeatureBank) -> tuple[Float[Array, "k q"], Float[Array, "k q"]]:
    """The foregrounds L_f and the backgrounds L_b."""
    foreground, background = jnp.split(bank.rows[0], 2, axis=-1)
    return foreground, background


@typechecked
def record(
    bank: FeatureBank,
    config: ForegroundMemoryConfig,
    foreground: Float[Array, "b q"],
    background: Float[Array, "b q"],
    scores: Float[Array, "b t"],
    category: Int[Array, " b"],
    *,
    axis_name: str,
) -> FeatureBank:
    """Writes the pairs of all replicas whose photograph was classified well enough.

    Args:
        bank: Before this step, the same on every replica.
        config: Update rule and threshold.
        foreground: Features of the foregrounds.
        background: Features of the backgrounds.
        scores: Scores of the categories, logits.
        category: The right ones.
        axis_name: Mapped axis of the replicas.
    """
    pairs = jnp.concatenate([foreground, background], axis=-1)
    if config.stored == "unit":
        pairs = _unit_halves(pairs)
    right = jnp.take_along_axis(jax.nn.softmax(scores), category[:, None], axis=-1)[:, 0]
    pairs, accepted = jax.lax.all_gather(
        jax.lax.stop_gradient((pairs, right > config.min_score)), axis_name, tiled=True
    )
    return feature_bank.write(
        bank,
        pairs,
        jnp.zeros(len(pairs), jnp.int32),
        accepted,
        rule=config.update,
        first_visit=config.first_visit,
        momentum=config.momentum,
    )


def _unit_halves(pairs: Array) -> Array:
    """Pairs [*b, 2 q] with both members of length 1; a member of zeros stays so."""
    members = pairs.reshape(*pairs.shape[:-1], 2, -1)
    length = jnp.linalg.norm(members, axis=-1, keepdims=True)
    return (members / jnp.maximum(length, 1e-12)).reshape(pairs.shape)
