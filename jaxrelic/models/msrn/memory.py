"""What is remembered of shape codes, and what for (specification msrn A.4 and D.2).

A bank per category records the shape codes that explained their photograph. At the start of every
pass over the data it is purified to prototypes, which the next codes are fused with (feature
compensation), and those to fewer identities, by which neighbours are distinguished from strangers.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import flax.struct
import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxrelic.models.msrn.milestones import mask_code
from jaxrelic.nn import feature_bank
from jaxrelic.nn.kmeans import Clusters
from jaxrelic.typing import Array, Bool, Float, Int, Key, typechecked


@dataclasses.dataclass(frozen=True, kw_only=True)
class MemoryConfig:
    """Memory of shape codes, and whether it is used."""

    RETIRED: ClassVar[Mapping[str, Any]] = {"affinity_scale": "one"}

    compensation: bool = False
    """Fuse shape codes with the prototypes of all categories."""
    compensation_start: int = 10_000
    """First training step that may fuse; the second pass over the data must have begun as well."""
    categories: int = 10
    """Categories of the data set, a bank each; codes of a number beyond are not recorded."""
    slots: int = 500
    """Codes in a bank."""
    prototypes: int = 10
    """Clusters that a bank is purified to, K' of the paper."""
    identities: int = 5
    """Clusters by which the neighbour filter tells codes apart, K'' of the paper."""
    identities_from: Literal["prototypes", "slots"] = "prototypes"
    """Source of those clusters: the prototypes by their sizes, as in the paper, or the bank."""
    purify_at: tuple[int, ...] = ()
    """Training steps that purify the banks too; a pass may be long and neighbours start in it."""
    update: feature_bank.UpdateRule = "replace"
    """How a slot takes a code; ema is the paper's."""
    first_visit: feature_bank.FirstVisit = "overwrite"
    """Effect of update ema on a slot of noise; ema is the paper's."""
    momentum: float = 0.99
    """Share of a slot that ema and nearest_ema keep at a write."""
    noise_counts: bool = False
    """Purify slots that nothing was written to as well; the paper does."""
    min_iou: float = 0.5
    """Codes are recorded when their silhouette overlaps the mask by more than this."""

    def __post_init__(self) -> None:
        for name in ("categories", "slots", "prototypes", "identities"):
            if getattr(self, name) < 1:
                raise ValueError(f"memory.{name} is {getattr(self, name)}; set it to 1 or more")
        if self.prototypes > self.slots:
            raise ValueError(
                f"{self.prototypes} prototypes of {self.slots} slots; set memory.slots higher"
            )
        source = getattr(self, self.identities_from)
        if self.identities > source:
            raise ValueError(
                f"{self.identities} identities of {source} {self.identities_from}; "
                f"set memory.{self.identities_from} higher"
            )


@flax.struct.dataclass
class ShapeMemory:
    """The collection `memory`: all that is known of codes, in every checkpoint."""

    bank: feature_bank.FeatureBank
    """Recorded shape codes."""
    prototypes: Clusters
    """What they were purified to last; sizes are zero before the first time."""
    identities: Clusters
    """What those were refined to; sizes are zero before the first time."""
    compensates: jax.Array
    """Whether codes are fused with the prototypes by now, bool []."""


def fresh_memory(rng: jax.Array, config: MemoryConfig, features: int) -> ShapeMemory:
    """A memory that has seen nothing."""

    def unknown(count: int) -> Clusters:
        shape = (config.categories, count)
        return Clusters(jnp.zeros((*shape, features)), jnp.zeros(shape))

    return ShapeMemory(
        bank=feature_bank.noise_bank(rng, config.categories, config.slots, features),
        prototypes=unknown(config.prototypes),
        identities=unknown(config.identities),
        compensates=jnp.asarray(False),
    )


@typechecked
def advance(
    rng: Key[Array, ""],
    memory: ShapeMemory,
    config: MemoryConfig,
    step: Int[Array, ""],
    *,
    steps_per_pass: int,
) -> ShapeMemory:
    """The memory as `step` uses it: purified if due, and compensating if the time has come.

    Purified are banks that recorded anything, at the start of a pass over the data and at
    `purify_at`. A pure function of state, so that resumed runs repeat; with the same `rng` on every
    replica all find the same clusters.
    """
    at = jnp.asarray(config.purify_at, jnp.int32)
    due = (step % steps_per_pass == 0) | jnp.any(step == at)

    def purified() -> tuple[Clusters, Clusters]:
        first, second = jax.random.split(rng)
        noise_counts = config.noise_counts
        prototypes = feature_bank.purify(
            first, memory.bank, config.prototypes, noise_counts=noise_counts
        )
        if config.identities_from == "prototypes":
            return prototypes, feature_bank.refine(second, prototypes, config.identities)
        identities = feature_bank.purify(
            second, memory.bank, config.identities, noise_counts=noise_counts
        )
        return prototypes, identities

    prototypes, identities = jax.lax.cond(
        due & jnp.any(memory.bank.writes > 0),
        purified,
        lambda: (memory.prototypes, memory.identities),
    )
    opened = step >= max(steps_per_pass, config.compensation_start)
    known = jnp.any(prototypes.sizes > 0)
    return memory.replace(
        prototypes=prototypes,
        identities=identities,
        compensates=opened & known & config.compensation,
    )


@typechecked
def explains(
    config: MemoryConfig, mask_iou: Float[Array, " b"], *, complete: Bool[Array, ""]
) -> Bool[Array, " b"]:
    """Codes worth recording: their silhouette is right (S^r > delta_r) and they are open in full.

    The first few entries of a code say too little.
    """
    return (mask_iou > config.min_iou) & complete


@typechecked
def record(
    memory: ShapeMemory,
    config: MemoryConfig,
    codes: Float[Array, "b q"],
    categories: Int[Array, " b"],
    accepted: Bool[Array, " b"],
    *,
    axis_name: str,
) -> ShapeMemory:
    """Writes the accepted codes of all replicas.

    Args:
        memory: Before this step, the same on every replica.
        config: Update rule.
        codes: Shape codes before compensation.
        categories: Categories of the photographs.
        accepted: Candidates that `explains` accepted.
        axis_name: Mapped axis of the replicas.
    """
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


@typechecked
def fill(memory: ShapeMemory) -> Float[Array, ""]:
    """Share of all slots that have been written to."""
    slots = memory.bank.rows.shape[1]
    return jnp.mean(jnp.minimum(memory.bank.writes, slots) / slots)


class Compensation(nn.Module):
    """Fuses codes with what the memory makes of them (M-SRN eq. 24-26)."""

    config: MemoryConfig

    @nn.compact
    @typechecked
    def __call__(
        self,
        codes: Float[Array, "b q"],
        prototypes: Clusters,
        size: Int[Array, ""],
        *,
        active: Bool[Array, ""],
    ) -> Float[Array, "b q"]:
        width = codes.shape[-1]
        recalled = feature_bank.recall(codes, prototypes)
        # Starting as the identity, it does not disturb a decoder that has learned without it.
        fusion = nn.Dense(width, kernel_init=_identity_then_zeros, name="fusion")
        fused = fusion(jnp.concatenate([codes, recalled], axis=-1))
        # The fusion mixes all entries; those that are closed stay so.
        return jnp.where(active, mask_code(fused, size), codes)


def _identity_then_zeros(rng: jax.Array, shape: tuple[int, int], dtype=jnp.float32) -> jax.Array:
    return jnp.eye(*shape, dtype=dtype)
