"""Weighted k-means of fixed length, a pure function that maps over sets of points."""

import flax.struct
import jax
import jax.numpy as jnp

from jaxrelic.typing import Array, Float, Int, Key, typechecked

ITERATIONS = 25
"""Lloyd steps; a fixed number lets sets of points run side by side and repeat exactly."""

ATTEMPTS = 2
"""Seedings, of which the one with the lowest inertia is kept."""

_FAR = 1e30
"""A squared distance beyond all others, whose product with any weight is finite."""


@flax.struct.dataclass
class Clusters:
    """Centres of points and the weight of the points around each."""

    centres: jax.Array
    """[*b, k, q]."""
    sizes: jax.Array
    """Summed weight, [*b, k]; zero where there was no point left to stand for."""


@typechecked
def kmeans(
    rng: Key[Array, ""], points: Float[Array, "n q"], weights: Float[Array, " n"], count: int
) -> Clusters:
    """Euclidean k-means (Lloyd) from k-means++ seeds (Arthur and Vassilvitskii 2007).

    Nothing here fails for fewer distinct points than clusters: surplus clusters repeat others and
    have size zero.

    Args:
        rng: Key of the seeding.
        points: What is clustered.
        weights: How often each point counts; zero leaves it out.
        count: Clusters, at most n.
    """
    if not 1 <= count <= len(points):
        raise ValueError(f"{count} clusters of {len(points)} points; ask for 1 to {len(points)}")

    def attempt(rng: Array) -> tuple[Array, Clusters]:
        centres = _seeds(rng, points, weights, count)
        centres = jax.lax.fori_loop(
            0, ITERATIONS, lambda _, at: _lloyd(points, weights, at), centres
        )
        nearest, distance = _assign(points, centres)
        sizes = jnp.sum(_members(nearest, weights, count), axis=0)
        return jnp.sum(weights * distance), Clusters(centres, sizes)

    inertia, clusters = jax.vmap(attempt)(jax.random.split(rng, ATTEMPTS))
    best = jnp.argmin(inertia)
    return jax.tree.map(lambda leaf: leaf[best], clusters)


def _seeds(rng: Array, points: Array, weights: Array, count: int) -> Array:
    """k-means++: each seed is drawn in proportion to its squared distance from those before."""

    def draw(distance: Array, rng: Array) -> tuple[Array, Array]:
        seed = points[jax.random.categorical(rng, jnp.log(weights * distance))]
        return jnp.minimum(distance, squared_distances(points, seed[None])[:, 0]), seed

    anywhere = jnp.full(len(points), _FAR)
    return jax.lax.scan(draw, anywhere, jax.random.split(rng, count))[1]


def _lloyd(points: Array, weights: Array, centres: Array) -> Array:
    """Moves every centre to the mean of its points; one without any to the worst placed point."""
    nearest, distance = _assign(points, centres)
    members = _members(nearest, weights, len(centres))
    sizes = jnp.sum(members, axis=0)
    sums = jnp.einsum("nk,nq->kq", members, points, precision=jax.lax.Precision.HIGHEST)
    empty = sizes == 0
    means = sums / jnp.where(empty, 1.0, sizes)[:, None]
    # The first empty cluster takes the farthest point, the second the next one.
    _, farthest = jax.lax.top_k(jnp.where(weights > 0, distance, -1.0), len(centres))
    return jnp.where(empty[:, None], points[farthest[jnp.cumsum(empty) - 1]], means)


def _assign(points: Array, centres: Array) -> tuple[Array, Array]:
    """Nearest centre of each point and its squared distance, both [n]."""
    distances = squared_distances(points, centres)
    return jnp.argmin(distances, axis=-1), jnp.min(distances, axis=-1)


def _members(nearest: Int[Array, " n"], weights: Array, count: int) -> Array:
    return jax.nn.one_hot(nearest, count) * weights[:, None]


@typechecked
def squared_distances(
    points: Float[Array, "n q"], centres: Float[Array, "k q"]
) -> Float[Array, "n k"]:
    """|p - c|^2 by the binomial formula: no [n, k, q] array, hence full precision and a clamp."""
    cross = jnp.einsum("nq,kq->nk", points, centres, precision=jax.lax.Precision.HIGHEST)
    norms = jnp.sum(points**2, axis=-1)[:, None] + jnp.sum(centres**2, axis=-1)[None]
    return jnp.maximum(norms - 2 * cross, 0.0)
