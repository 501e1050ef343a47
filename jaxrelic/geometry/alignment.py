"""Moves one point cloud onto another: closed form, rigid ICP, and ICP by gradient descent.

Every function returns `target_from_source`, a 4x4 matrix, so that alignments compose with each
other and with cameras. The first two run on the host in float64, because their nearest
neighbours come from a k-d tree; the third runs on the device.
"""

import functools

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
import optax
import scipy.spatial

from jaxrelic.geometry import transforms
from jaxrelic.typing import Array, Float, Int, typechecked

RIGID_ITERATIONS = 50
"""Nearest neighbour and Kabsch rounds of `rigid_icp`, as in SDF-SRN and ZeroShape."""

GRADIENT_ITERATIONS = 100
GRADIENT_LEARNING_RATE = 0.01
GRADIENT_CHECK_EVERY = 10
"""Settings of Unicorn's gradient ICP (specification F.2)."""

GRADIENT_CLOUDS_AT_ONCE = 8
"""Pairs of clouds that `gradient_icp` keeps in memory together."""

MIN_SCALE = 1e-3
"""Axis scales stay above this, so that gradient descent cannot mirror a shape."""


def homogeneous(matrix: np.ndarray, translation: np.ndarray) -> np.ndarray:
    """The 4x4 matrix that applies `matrix` [3, 3], then adds `translation` [3]."""
    result = np.eye(4)
    result[:3, :3], result[:3, 3] = matrix, translation
    return result


def apply(target_from_source: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Maps host points [n, 3] through an affine matrix [4, 4] in float64."""
    return points @ target_from_source[:3, :3].T + target_from_source[:3, 3]


@typechecked
def umeyama(
    source: Float[np.ndarray, "n 3"], target: Float[np.ndarray, "n 3"], *, with_scale: bool = True
) -> Float[np.ndarray, "4 4"]:
    """Least-squares similarity between matched points (Umeyama, TPAMI 1991, eqs 40-43).

    Args:
        source: Points to move.
        target: Where each of them belongs, row by row.
        with_scale: Also find one common scale; otherwise the result is rigid (Kabsch).
    """
    source, target = np.asarray(source, np.float64), np.asarray(target, np.float64)
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    centred = source - source_mean
    covariance = (target - target_mean).T @ centred / len(source)
    u, singular, vt = np.linalg.svd(covariance)
    # The best orthogonal matrix may be a reflection; flipping the weakest axis forbids it.
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
    rotation = (u * signs) @ vt
    variance = np.mean(np.sum(centred**2, axis=-1))
    scale = float(singular @ signs / variance) if with_scale and variance > 0 else 1.0
    return homogeneous(scale * rotation, target_mean - scale * rotation @ source_mean)


@typechecked
def rigid_icp(
    source: Float[np.ndarray, "n 3"],
    target: Float[np.ndarray, "m 3"],
    *,
    iterations: int = RIGID_ITERATIONS,
) -> Float[np.ndarray, "4 4"]:
    """Iterated closest points without scale (Besl and McKay, TPAMI 1992)."""
    source, target = np.asarray(source, np.float64), np.asarray(target, np.float64)
    tree = scipy.spatial.cKDTree(target)
    target_from_source = np.eye(4)
    for _ in range(iterations):
        _, nearest = tree.query(apply(target_from_source, source))
        # Always solved from the original points: composing fifty updates would drift.
        target_from_source = umeyama(source, target[nearest], with_scale=False)
    return target_from_source


@flax.struct.dataclass
class _Affine:
    """Parameters of the gradient ICP: rotate the scaled points, then translate."""

    rotation_6d: jax.Array
    """First two rows of the rotation before orthonormalisation, [6]."""
    translation: jax.Array
    """[3]."""
    scale: jax.Array
    """Per source axis, [3]."""

    def matrix(self) -> jax.Array:
        """target_from_source, [4, 4]."""
        rotation = rotation_from_6d(self.rotation_6d)
        scaled = rotation * jnp.maximum(self.scale, MIN_SCALE)[None, :]
        return transforms.from_rotation_translation(scaled, self.translation)


@typechecked
def rotation_from_6d(six: Float[Array, "*b 6"]) -> Float[Array, "*b 3 3"]:
    """Gram-Schmidt on two vectors (Zhou et al., CVPR 2019, eq 15); they become the columns."""
    first = six[..., :3] / jnp.linalg.norm(six[..., :3], axis=-1, keepdims=True)
    overlap = jnp.sum(first * six[..., 3:], axis=-1, keepdims=True)
    second = six[..., 3:] - overlap * first
    second = second / jnp.linalg.norm(second, axis=-1, keepdims=True)
    return jnp.stack([first, second, jnp.cross(first, second)], axis=-1)


@typechecked
def nearest_index(query: Float[Array, "n 3"], points: Float[Array, "m 3"]) -> Int[Array, " n"]:
    """Index of the closest of `points` to each query, by a dense distance matrix."""
    cross = jnp.matmul(query, points.T, precision=jax.lax.Precision.HIGHEST)
    # |query|^2 is the same for a whole row and cannot change its smallest entry.
    return jnp.argmin(jnp.sum(jnp.square(points), axis=-1)[None] - 2 * cross, axis=-1)


def _two_way_squared_distance(affine: _Affine, source: jax.Array, target: jax.Array) -> jax.Array:
    """Mean squared nearest distance, summed over both directions; neighbours are constants."""
    moved = transforms.transform_points(affine.matrix(), source)
    fixed = jax.lax.stop_gradient(moved)
    to_target = moved - target[nearest_index(fixed, target)]
    to_source = target - moved[nearest_index(target, fixed)]
    return sum(jnp.mean(jnp.sum(jnp.square(d), axis=-1)) for d in (to_target, to_source))


@functools.partial(jax.jit, static_argnames="iterations")
@typechecked
def gradient_icp(
    source: Float[Array, "b n 3"],
    target: Float[Array, "b m 3"],
    *,
    iterations: int = GRADIENT_ITERATIONS,
) -> Float[Array, "b 4 4"]:
    """Rotation, translation and a scale per axis by Adam, as Unicorn aligns (ECCV 2022).

    Every tenth iteration the mean loss since the last check is compared with the best so far
    and the parameters of that iteration are kept if it is lower. Upstream keeps the rotation
    only and returns the last translation and scale; here all three belong together.

    Args:
        source: Points to move, one cloud per object, near the unit cube. Distances are dense:
            a thousand or two points per cloud is the intended size.
        target: Points to move onto.
        iterations: Steps of Adam.
    """
    # A few clouds at a time: their dense distances are what fills the memory.
    descend = functools.partial(_descend, iterations=iterations)
    return jax.lax.map(descend, (source, target), batch_size=GRADIENT_CLOUDS_AT_ONCE)


def _descend(clouds: tuple[jax.Array, jax.Array], *, iterations: int) -> jax.Array:
    """`gradient_icp` of one object."""
    source, target = clouds
    optimizer = optax.adam(GRADIENT_LEARNING_RATE)
    start = _Affine(
        rotation_6d=jnp.asarray([1.0, 0, 0, 0, 1, 0]), translation=jnp.zeros(3), scale=jnp.ones(3)
    )

    def step(carry, iteration):
        affine, opt_state, best, best_loss, loss_sum, count = carry
        loss, grads = jax.value_and_grad(_two_way_squared_distance)(affine, source, target)
        loss_sum, count = loss_sum + loss, count + 1
        check = iteration % GRADIENT_CHECK_EVERY == 0
        better = check & (loss_sum / count < best_loss)
        best = jax.tree.map(lambda new, old: jnp.where(better, new, old), affine, best)
        best_loss = jnp.where(better, loss_sum / count, best_loss)
        loss_sum, count = jnp.where(check, 0.0, loss_sum), jnp.where(check, 0, count)
        updates, opt_state = optimizer.update(grads, opt_state)
        affine = optax.apply_updates(affine, updates)
        return (affine, opt_state, best, best_loss, loss_sum, count), None

    carry = (start, optimizer.init(start), start, jnp.inf, 0.0, 0)
    carry, _ = jax.lax.scan(step, carry, jnp.arange(iterations))
    return carry[2].matrix()
