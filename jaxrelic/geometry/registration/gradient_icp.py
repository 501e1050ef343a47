"""Iterated closest points by gradient descent, as Unicorn aligns before it measures.

Nearest neighbours come from k-d trees on the host, which on a CPU takes a quarter of the time of
dense distances; the step between them is JAX, compiled once, and serves all pairs together.
"""

import functools

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
import optax
import scipy.spatial

from jaxrelic.geometry import transforms
from jaxrelic.typing import Array, Float, typechecked

ITERATIONS = 100
LEARNING_RATE = 0.01
CHECK_EVERY = 10
"""Settings of Unicorn's gradient ICP (specification msrn F.2)."""

MIN_SCALE = 1e-3
"""Axis scales stay above this, so that gradient descent cannot mirror a shape."""


@flax.struct.dataclass
class _Affine:
    """Parameters of the gradient ICP: rotate the scaled points, then translate."""

    rotation_6d: jax.Array
    """First two rows of the rotation before orthonormalisation, [6]."""
    translation: jax.Array
    """[3]."""
    scale: jax.Array
    """Per source axis, [3], or one for all, [1]."""

    def matrix(self) -> jax.Array:
        """target_from_source, [4, 4]."""
        rotation = rotation_from_6d(self.rotation_6d)
        scaled = rotation * jnp.maximum(self.scale, MIN_SCALE)[..., None, :]
        return transforms.from_rotation_translation(scaled, self.translation)


@typechecked
def rotation_from_6d(six: Float[Array, "*b 6"]) -> Float[Array, "*b 3 3"]:
    """Gram-Schmidt on two vectors (Zhou et al., CVPR 2019, eq 15); they become the columns."""
    first = six[..., :3] / jnp.linalg.norm(six[..., :3], axis=-1, keepdims=True)
    overlap = jnp.sum(first * six[..., 3:], axis=-1, keepdims=True)
    second = six[..., 3:] - overlap * first
    second = second / jnp.linalg.norm(second, axis=-1, keepdims=True)
    return jnp.stack([first, second, jnp.cross(first, second)], axis=-1)


@flax.struct.dataclass
class _Descent:
    """Gradient ICP between two iterations, for one pair of clouds."""

    affine: _Affine
    """Where the descent is now."""
    opt_state: optax.OptState
    """Adam's moments."""
    best: _Affine
    """The parameters of the best check so far."""
    best_loss: jax.Array
    """Mean loss of the iterations before that check, []."""
    loss_sum: jax.Array
    """Sum of the losses since the last check, []."""
    count: jax.Array
    """Iterations since the last check, []."""


_ADAM = optax.adam(LEARNING_RATE)


def gradient_icp(
    source: np.ndarray,
    target: np.ndarray,
    *,
    iterations: int = ITERATIONS,
    isotropic: bool = False,
    upstream_alias: bool = False,
) -> np.ndarray:
    """Rotation, translation and scale by Adam (Monnier et al., ECCV 2022; specification msrn F.2).

    The loss is the mean squared nearest distance, summed over both directions. Every tenth
    iteration its mean since the last check is compared with the best so far and the parameters of
    that iteration are kept if it is lower.

    Args:
        source: Points to move, one cloud per object, near the unit cube, [b, n, 3].
        target: Points to move onto, [b, m, 3].
        iterations: Steps of Adam; Unicorn's quick mode takes 30.
        isotropic: One scale for all axes instead of one for each.
        upstream_alias: Return the kept rotation with the last translation and scale, as the
            published program does because its kept ones are the live parameters themselves.

    Returns:
        target_from_source, [b, 4, 4].
    """
    source, target = np.asarray(source, np.float32), np.asarray(target, np.float32)
    trees = [scipy.spatial.cKDTree(cloud) for cloud in target]
    descent = _start(len(source), 1 if isotropic else 3)
    moved = source
    for iteration in range(iterations):
        to_target = [tree.query(cloud)[1] for tree, cloud in zip(trees, moved, strict=True)]
        to_source = [
            scipy.spatial.cKDTree(cloud).query(goal)[1]
            for cloud, goal in zip(moved, target, strict=True)
        ]
        check = iteration % CHECK_EVERY == 0
        descent, moved = _descend(
            descent, source, target, np.stack(to_target), np.stack(to_source), check
        )
        moved = np.asarray(moved)
    found = descent.best
    if upstream_alias:
        found = descent.affine.replace(rotation_6d=found.rotation_6d)
    return np.asarray(found.matrix(), np.float64)


def _start(batch: int, scales: int) -> _Descent:
    """Descents at the identity, every field with a batch axis."""
    affine = _Affine(
        rotation_6d=jnp.asarray([1.0, 0, 0, 0, 1, 0]),
        translation=jnp.zeros(3),
        scale=jnp.ones(scales),
    )
    zero = jnp.zeros(())
    one = _Descent(affine, _ADAM.init(affine), affine, zero + jnp.inf, zero, zero)
    return jax.tree.map(lambda x: jnp.broadcast_to(x, (batch, *x.shape)), one)


@jax.jit
@functools.partial(jax.vmap, in_axes=(0, 0, 0, 0, 0, None))
def _descend(
    descent: _Descent,
    source: jax.Array,
    target: jax.Array,
    to_target: jax.Array,
    to_source: jax.Array,
    check: jax.Array,
) -> tuple[_Descent, jax.Array]:
    """One step of Adam with fixed neighbours; returns the moved source points too."""
    loss, grads = jax.value_and_grad(_two_way_squared_distance)(
        descent.affine, source, target, to_target, to_source
    )
    loss_sum, count = descent.loss_sum + loss, descent.count + 1
    better = check & (loss_sum / count < descent.best_loss)
    updates, opt_state = _ADAM.update(grads, descent.opt_state)
    affine = optax.apply_updates(descent.affine, updates)
    following = _Descent(
        affine=affine,
        opt_state=opt_state,
        best=jax.tree.map(lambda a, b: jnp.where(better, a, b), descent.affine, descent.best),
        best_loss=jnp.where(better, loss_sum / count, descent.best_loss),
        loss_sum=jnp.where(check, 0.0, loss_sum),
        count=jnp.where(check, 0.0, count),
    )
    return following, transforms.transform_points(affine.matrix(), source)


def _two_way_squared_distance(
    affine: _Affine,
    source: jax.Array,
    target: jax.Array,
    to_target: jax.Array,
    to_source: jax.Array,
) -> jax.Array:
    """Mean squared distance to given neighbours, summed over both directions, []."""
    moved = transforms.transform_points(affine.matrix(), source)
    gaps = (moved - target[to_target], target - moved[to_source])
    return sum(jnp.mean(jnp.sum(jnp.square(gap), axis=-1)) for gap in gaps)
