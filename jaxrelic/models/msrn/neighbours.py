"""Which photographs of like objects a mesh must explain besides its own (specification msrn D).

The mesh of one photograph, drawn with the camera, scale and texture of another, should look like
that other one: a second view of a shape that no camera or label was needed for.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

import flax.struct
import jax
import jax.numpy as jnp

from jaxrelic.nn import feature_bank
from jaxrelic.nn.kmeans import Clusters
from jaxrelic.rendering import overlap
from jaxrelic.typing import Array, Bool, Float, Int, Key, typechecked

Source = Literal["none", "filtered", "fixed", "sampled", "unicorn"]
"""Where neighbours come from.

none leaves them out. The next three take the candidates that were stored with the data set:
filtered keeps those whose shape code has the query's identity (the paper), fixed keeps all, sampled
draws one, the likelier the less its silhouette covers the query's (ShapeClipper). unicorn takes the
closest shape code seen from elsewhere among the last photographs (arXiv:2204.10310).
"""

FROM_BATCH: tuple[Source, ...] = ("filtered", "fixed", "sampled")
"""Sources whose candidates come with the batch."""

_CANDIDATES = ("image", "rgb", "mask")

_NEVER = -1e9
"""Log probability of a candidate that does not exist."""


SAMPLE_POWER = 4.0
"""Source sampled: a candidate's odds are (1 - overlap of silhouettes) to this power."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class NeighbourConfig:
    """The neighbours that there are, and what they cost."""

    RETIRED: ClassVar[Mapping[str, Any]] = {
        "sample_power": SAMPLE_POWER,
        "recent_same_relic": False,
    }

    source: Source = "none"
    """Source of neighbours; filtered is the paper's."""
    start_step: int = 10_000
    """First training step with neighbours."""
    stop_gradient: bool = True
    """Let the mesh learn from neighbours, but not the networks that look at them."""
    max_render: int = 0
    """Draw at most this many of the neighbours kept, chosen anew in each step; 0 draws all."""
    recent: int = 1024
    """Source unicorn: photographs that are remembered."""

    def __post_init__(self) -> None:
        for name, least in {"start_step": 0, "max_render": 0, "recent": 1}.items():
            if getattr(self, name) < least:
                raise ValueError(
                    f"neighbours.{name} is {getattr(self, name)}; set it to {least} or more"
                )


@flax.struct.dataclass
class Candidates:
    """Photographs offered as neighbours, k for each query."""

    image: jax.Array
    """Photographs as the network reads them, [b, k, s, s, 3]."""
    rgb: jax.Array
    """Colours as targets, over the background, [b, k, h, h, 3]."""
    mask: jax.Array
    """Their silhouettes, [b, k, h, h]."""
    known: jax.Array
    """False where there is no such candidate, bool [b, k]."""

    @classmethod
    def of_batch(cls, batch: Mapping[str, Array]) -> Self:
        """What the loader offers."""
        fields = {name: batch[f"neighbours_{name}"] for name in _CANDIDATES}
        return cls(**fields, known=batch["neighbours_known"])

    def take(self, index: Int[Array, "b m"]) -> Self:
        """Some of each query's candidates."""
        return jax.tree.map(lambda x: jax.vmap(lambda row, at: row[at])(x, index), self)

    def images_with_company(self, query: Float[Array, "b s s 3"]) -> Float[Array, "b k s s 3"]:
        """The photographs, where there is none the query: black ones would sway a batch norm."""
        return jnp.where(self.known[..., None, None, None], self.image, query[:, None])


@typechecked
def filtered(
    codes: Float[Array, "b q"],
    theirs: Float[Array, "b k q"],
    identities: Clusters,
    categories: Int[Array, " b"],
    known: Bool[Array, "b k"],
) -> Bool[Array, "b k"]:
    """Candidates with the identity of their query (M-SRN eq. 33-38); all until there are any."""
    return known & feature_bank.keep_candidates(codes, theirs, identities, categories)


@typechecked
def sample_unlike(
    rng: Key[Array, ""],
    mask: Float[Array, "b h w"],
    theirs: Float[Array, "b k h w"],
    known: Bool[Array, "b k"],
) -> Bool[Array, "b k"]:
    """One candidate each, with odds (1 - mask IoU)^4: photographs from elsewhere say more."""
    iou = overlap.mask_iou(theirs, jnp.broadcast_to(mask[:, None], theirs.shape))
    odds = SAMPLE_POWER * jnp.log(jnp.maximum(1 - iou, 1e-6))
    chosen = jax.random.categorical(rng, jnp.where(known, odds, _NEVER))
    return known & (jnp.arange(known.shape[1])[None] == chosen[:, None])


@typechecked
def draw(
    rng: Key[Array, ""], kept: Bool[Array, "b k"], count: int
) -> tuple[Int[Array, "b m"], Bool[Array, "b m"]]:
    """Up to `count` of those kept, at random; 0 is no limit.

    Returns:
        Indices, and whether each was kept: fewer than `count` may have been.
    """
    candidates = kept.shape[1]
    if not 0 < count < candidates:
        return jnp.broadcast_to(jnp.arange(candidates)[None], kept.shape), kept
    score = jnp.where(kept, jax.random.uniform(rng, kept.shape), -1.0)
    best, index = jax.lax.top_k(score, count)
    return index, best >= 0
