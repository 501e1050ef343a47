"""Feature compensation: shape codes lean on what training has seen before (specification A.4).

A bank per category records the shape codes that explained their photograph. At the start of every
pass over the data it is purified to prototypes, which the next codes are fused with.
"""

import dataclasses
from typing import Literal

import flax.struct
import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxrelic.models.msrn.progress import mask_code
from jaxrelic.nn import feature_bank
from jaxrelic.nn.kmeans import Clusters
from jaxrelic.typing import Array, Bool, Float, Int, Key, typechecked


@dataclasses.dataclass(frozen=True, kw_only=True)
class MemoryConfig:
    """What is remembered of shape codes, and whether it is used."""

    compensation: bool = False
    """Fuse shape codes with the prototypes of all categories."""
    categories: int = 10
    """Categories of the data set, a bank each; codes of a number beyond are not recorded."""
    slots: int = 500
    """Codes in a bank."""
    prototypes: int = 10
    """Clusters that a bank is purified to."""
    update: feature_bank.UpdateRule = "replace"
    """How a slot takes a code; ema is the paper's."""
    first_visit: feature_bank.FirstVisit = "overwrite"
    """What update ema does to a slot of noise; ema is the paper's."""
    momentum: float = 0.99
    """Share of a slot that ema and nearest_ema keep at a write."""
    noise_counts: bool = False
    """Purify slots that nothing was written to as well; the paper does."""
    min_iou: float = 0.5
    """Codes are recorded when their silhouette overlaps the mask by more than this."""
    affinity_scale: Literal["one", "inverse_sqrt"] = "one"
    """Factor of inner products with prototypes: the paper's 1, or 1 / sqrt(entries of the code)."""

    def __post_init__(self) -> None:
        for name in ("categories", "slots", "prototypes"):
            if getattr(self, name) < 1:
                raise ValueError(f"memory.{name} is {getattr(self, name)}; set it to 1 or more")
        if self.prototypes > self.slots:
            raise ValueError(
                f"{self.prototypes} prototypes of {self.slots} slots; set memory.slots higher"
            )


@flax.struct.dataclass
class ShapeMemory:
    """The collection `memory`: all that compensation knows, in every checkpoint."""

    bank: feature_bank.FeatureBank
    """Recorded shape codes."""
    prototypes: Clusters
    """What they were purified to last; sizes are zero before the first time."""


def fresh_memory(rng: jax.Array, config: MemoryConfig, features: int) -> ShapeMemory:
    """A memory that has seen nothing."""
    shape = (config.categories, config.prototypes)
    return ShapeMemory(
        bank=feature_bank.noise_bank(rng, config.categories, config.slots, features),
        prototypes=Clusters(jnp.zeros((*shape, features)), jnp.zeros(shape)),
    )


@typechecked
def purify_at_pass(
    rng: Key[Array, ""],
    memory: ShapeMemory,
    config: MemoryConfig,
    step: Int[Array, ""],
    *,
    steps_per_pass: int,
) -> ShapeMemory:
    """New prototypes if `step` starts a pass over the data and anything has been recorded.

    A pure function of state, so that resumed runs repeat; with the same `rng` on every replica all
    find the same prototypes.
    """
    due = (step % steps_per_pass == 0) & jnp.any(memory.bank.writes > 0)

    def purified() -> Clusters:
        return feature_bank.purify(
            rng, memory.bank, config.prototypes, noise_counts=config.noise_counts
        )

    prototypes = jax.lax.cond(due, purified, lambda: memory.prototypes)
    return memory.replace(prototypes=prototypes)


@typechecked
def record(
    memory: ShapeMemory,
    config: MemoryConfig,
    codes: Float[Array, "b q"],
    categories: Int[Array, " b"],
    mask_iou: Float[Array, " b"],
    *,
    complete: Bool[Array, ""],
    axis_name: str,
) -> ShapeMemory:
    """Writes the codes of all replicas that explain their photograph (S^r > delta_r).

    Args:
        memory: Before this step, the same on every replica.
        config: Update rule and threshold.
        codes: Shape codes before compensation.
        categories: Of the photographs.
        mask_iou: Of the drawn and the given silhouette.
        complete: Whether codes are open in full; the first few entries say too little.
        axis_name: Mapped axis of the replicas.
    """
    accepted = (mask_iou > config.min_iou) & complete
    gathered = jax.lax.all_gather(
        jax.lax.stop_gradient((codes, categories, accepted)), axis_name, tiled=True
    )
    bank = feature_bank.write(
        memory.bank,
        *gathered,
        rule=config.update,
        first_visit=config.first_visit,
        momentum=config.momentum,
    )
    return memory.replace(bank=bank)


class Compensation(nn.Module):
    """Fuses codes with what the memory makes of them (eq. 24-26)."""

    config: MemoryConfig

    @nn.compact
    @typechecked
    def __call__(
        self, codes: Float[Array, "b q"], prototypes: Clusters, size: Int[Array, ""]
    ) -> Float[Array, "b q"]:
        width = codes.shape[-1]
        scale = width**-0.5 if self.config.affinity_scale == "inverse_sqrt" else 1.0
        recalled = feature_bank.recall(codes, prototypes, scale=scale)
        # Starting as the identity, it does not disturb a decoder that has learned without it.
        fusion = nn.Dense(width, kernel_init=_identity_then_zeros, name="fusion")
        fused = fusion(jnp.concatenate([codes, recalled], axis=-1))
        # Off until there are prototypes, thus during the first pass. The fusion mixes all entries;
        # those that are closed stay so.
        return jnp.where(jnp.any(prototypes.sizes > 0), mask_code(fused, size), codes)


def _identity_then_zeros(rng: jax.Array, shape: tuple[int, int], dtype=jnp.float32) -> jax.Array:
    return jnp.eye(*shape, dtype=dtype)
