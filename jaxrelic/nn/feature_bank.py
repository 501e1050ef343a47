"""Memory banks of features by category: written in a ring, purified to prototypes, compared.

Equations are those of M-SRN (Sci. China Inf. Sci. 69(2):122106, 2026). Its literal update mixes
1 - momentum of a code into a slot of noise: with 500 slots and a momentum of 0.99 a slot becomes
the mean of a hundred codes, whatever they are, and prototypes hardly tell them apart. `replace` and
`nearest_ema` keep slots that look like codes (tests/nn/test_bank_simulation.py measures all).
"""

from typing import Literal

import flax.struct
import jax
import jax.numpy as jnp

from jaxrelic.nn.kmeans import Clusters, kmeans, squared_distances
from jaxrelic.typing import Array, Bool, Float, Int, Key, typechecked

UpdateRule = Literal["ema", "replace", "nearest_ema"]
"""How a slot takes a code.

ema mixes it into the next slot, replace overwrites that slot; nearest_ema fills the bank and then
mixes each code into the slot closest to it.
"""

FirstVisit = Literal["ema", "overwrite"]
"""What rule `ema` does to a slot that still holds noise."""

_NO_MATCH = -1e9
"""Score of a prototype that stands for nothing; finite, so that even all of them give no NaN."""


@flax.struct.dataclass
class FeatureBank:
    """Features of every category."""

    rows: jax.Array
    """[t, k, q]; noise where nothing has been written."""
    writes: jax.Array
    """Codes accepted so far, int32 [t]; the next slot in the ring is this modulo k."""


@typechecked
def noise_bank(rng: Key[Array, ""], categories: int, slots: int, features: int) -> FeatureBank:
    """A bank that nothing was written to: slots of N(0, 1) (section 4.3 of the paper)."""
    rows = jax.random.normal(rng, (categories, slots, features))
    return FeatureBank(rows, jnp.zeros(categories, jnp.int32))


@typechecked
def write(
    bank: FeatureBank,
    codes: Float[Array, "n q"],
    categories: Int[Array, " n"],
    accepted: Bool[Array, " n"],
    *,
    rule: UpdateRule,
    first_visit: FirstVisit = "overwrite",
    momentum: float = 0.99,
) -> FeatureBank:
    """Writes a batch with the result of writing its codes one by one (M-SRN eq. 16-17).

    Args:
        bank: Banks of all categories.
        codes: Features.
        categories: Which bank each code belongs to.
        accepted: Codes that are good enough; the others leave no trace.
        rule: How a slot takes a code.
        first_visit: What `ema` does to a slot of noise; the paper's is `ema` too.
        momentum: Share of a slot that `ema` and `nearest_ema` keep.
    """
    slots = bank.rows.shape[1]
    if len(codes) > slots:
        raise ValueError(f"{len(codes)} codes at once overrun a bank of {slots} slots; add slots")
    codes = jax.lax.stop_gradient(codes)
    if rule == "nearest_ema":
        return _write_nearest(bank, codes, categories, accepted, momentum)
    same = (categories[:, None] == categories[None]) & accepted[None]
    earlier = jnp.sum(jnp.tril(same, k=-1), axis=-1)
    turn = bank.writes[categories] + earlier
    slot = turn % slots
    if rule == "ema":
        mixed = momentum * bank.rows[categories, slot] + (1 - momentum) * codes
        fresh = (turn < slots) & (first_visit == "overwrite")
        codes = jnp.where(fresh[:, None], codes, mixed)
    # A rejected code aims past the end of the bank, where it is dropped.
    aimed = jnp.where(accepted, slot, slots)
    return FeatureBank(
        rows=bank.rows.at[categories, aimed].set(codes, mode="drop"),
        writes=bank.writes.at[categories].add(accepted.astype(jnp.int32)),
    )


def _write_nearest(
    bank: FeatureBank, codes: Array, categories: Array, accepted: Array, momentum: float
) -> FeatureBank:
    """One by one: where a code goes depends on what the one before it has moved."""
    slots = bank.rows.shape[1]

    def step(bank: FeatureBank, item: tuple[Array, Array, Array]) -> tuple[FeatureBank, None]:
        code, category, accept = item
        turn, rows = bank.writes[category], bank.rows[category]
        closest = jnp.argmin(squared_distances(code[None], rows)[0])
        filled = turn >= slots
        slot = jnp.where(filled, closest, turn)
        row = jnp.where(filled, momentum * rows[slot] + (1 - momentum) * code, code)
        aimed = jnp.where(accept, slot, slots)
        rows = bank.rows.at[category, aimed].set(row, mode="drop")
        return FeatureBank(rows, bank.writes.at[category].add(accept.astype(jnp.int32))), None

    return jax.lax.scan(step, bank, (codes, categories, accepted))[0]


@typechecked
def purify(
    rng: Key[Array, ""], bank: FeatureBank, count: int, *, noise_counts: bool = False
) -> Clusters:
    """Prototypes of every category, [t, count, q] (M-SRN eq. 20-23: k-means of its bank).

    Args:
        rng: Key of the seeding.
        bank: Banks of all categories.
        count: Prototypes per category, K' in the paper.
        noise_counts: Cluster slots that nothing was written to as well, as the paper does; else a
            category without codes has prototypes of size zero, which take no part in anything.
    """
    categories, slots, _ = bank.rows.shape
    written = jnp.arange(slots)[None] < bank.writes[:, None]
    weights = (written | noise_counts).astype(jnp.float32)
    keys = jax.random.split(rng, categories)
    return jax.vmap(lambda *args: kmeans(*args, count))(keys, bank.rows, weights)


@typechecked
def refine(rng: Key[Array, ""], prototypes: Clusters, count: int) -> Clusters:
    """Fewer prototypes of every category, each counting by its size (K'', M-SRN eq. 33-34)."""
    keys = jax.random.split(rng, len(prototypes.sizes))
    return jax.vmap(lambda *args: kmeans(*args, count))(keys, prototypes.centres, prototypes.sizes)


@typechecked
def affinity(codes: Float[Array, "b q"], prototypes: Clusters) -> Float[Array, "b p"]:
    """How much each code resembles each prototype of all categories; rows sum to 1 (M-SRN eq. 24).

    Args:
        codes: Features.
        prototypes: Prototypes of all categories, [t, k]; p is t * k.
    """
    centres = prototypes.centres.reshape(-1, codes.shape[-1])
    scores = codes @ jax.lax.stop_gradient(centres).T
    known = prototypes.sizes.reshape(1, -1) > 0
    return jax.nn.softmax(jnp.where(known, scores, _NO_MATCH), axis=-1)


@typechecked
def recall(codes: Float[Array, "b q"], prototypes: Clusters) -> Float[Array, "b q"]:
    """What the memory knows of codes: their mixture of prototypes, z+ of M-SRN eq. 25.

    No category is needed, so photographs of unknown objects are compensated too. The gradient
    reaches the codes through their affinity; the memory has none.
    """
    centres = prototypes.centres.reshape(-1, codes.shape[-1])
    return affinity(codes, prototypes) @ jax.lax.stop_gradient(centres)


@typechecked
def identity(
    codes: Float[Array, "b q"], refined: Clusters, categories: Int[Array, " b"]
) -> Int[Array, " b"]:
    """Which prototype of its category a code is most like, by cosine (M-SRN eq. 35-36).

    Codes of zero, and all codes of a category without prototypes, are number 0.
    """
    centres, known = refined.centres[categories], refined.sizes[categories] > 0
    norms = jnp.linalg.norm(codes, axis=-1)[:, None] * jnp.linalg.norm(centres, axis=-1)
    cosine = jnp.einsum("bq,bkq->bk", codes, centres) / jnp.maximum(norms, 1e-8)
    return jnp.argmax(jnp.where(known, cosine, _NO_MATCH), axis=-1)


@typechecked
def keep_candidates(
    codes: Float[Array, "b q"],
    candidates: Float[Array, "b n q"],
    refined: Clusters,
    categories: Int[Array, " b"],
) -> Bool[Array, "b n"]:
    """Candidates that are most like the same prototype as their query (M-SRN eq. 37, M-SRN eq. 38).

    Args:
        codes: Codes of the queries.
        candidates: Codes of each query's candidates.
        refined: Prototypes of all categories.
        categories: Categories of the queries; their candidates are judged by the same prototypes.
    """
    theirs = jax.vmap(lambda code: identity(code, refined, categories), 1, 1)(candidates)
    return theirs == identity(codes, refined, categories)[:, None]
