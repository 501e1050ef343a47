"""Moves one point cloud onto another: in closed form, and by iterated closest points.

Every function returns `target_from_source`, a 4x4 matrix, so that alignments compose with each
other and with cameras. Nearest neighbours come from k-d trees on the host. `gradient_icp` and
`rotation_search` are the other ways to align.
"""

import numpy as np
import scipy.spatial

from jaxrelic.typing import Float, typechecked

RIGID_ITERATIONS = 50
"""Nearest neighbour and Kabsch rounds of `rigid_icp`, as in SDF-SRN and ZeroShape."""

SIMILARITY_ITERATIONS = 30
"""Rounds of `similarity_icp`, as in Unicorn's mode "normal" (specification msrn F.3)."""

SIMILARITY_TOLERANCE = 1e-6
"""`similarity_icp` ends when its root mean square distance changes by a smaller part of itself."""

MIN_SPREAD = 1e-9
"""A cloud whose second largest singular value is a smaller part of its largest is a line."""


def homogeneous(matrix: np.ndarray, translation: np.ndarray) -> np.ndarray:
    """The 4x4 matrix that applies `matrix` [3, 3], then adds `translation` [3]."""
    result = np.eye(4)
    result[:3, :3], result[:3, 3] = matrix, translation
    return result


def apply(target_from_source: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Maps host points [n, 3] through an affine matrix [4, 4] in float64."""
    return points @ target_from_source[:3, :3].T + target_from_source[:3, 3]


@typechecked
def check_cloud(points: Float[np.ndarray, "n 3"], name: str) -> None:
    """Refuses a cloud that no rotation can be found from.

    Args:
        points: The cloud.
        name: How the message calls it.
    """
    if not np.isfinite(points).all():
        raise ValueError(f"{name} holds {np.sum(~np.isfinite(points))} values that are no numbers")
    spread = np.linalg.svd(points - points.mean(axis=0), compute_uv=False) if len(points) else 0
    if len(points) < 3 or spread[1] <= MIN_SPREAD * max(spread[0], MIN_SPREAD):
        raise ValueError(
            f"{name} ({len(points)} points) lies on a line or in one point, which leaves its "
            "rotation open; alignment needs points that span a plane at least"
        )


@typechecked
def umeyama(
    source: Float[np.ndarray, "n 3"], target: Float[np.ndarray, "n 3"], *, with_scale: bool = True
) -> Float[np.ndarray, "4 4"]:
    """Least-squares similarity between matched points (Umeyama, TPAMI 1991, eqs 40-43).

    Args:
        source: Points to move; they span a plane at least.
        target: Where each of them belongs, row by row.
        with_scale: Also find one common scale; otherwise the result is rigid (Kabsch).
    """
    check_cloud(source, "the cloud to move")
    return _umeyama(np.asarray(source, np.float64), np.asarray(target, np.float64), with_scale)


def _umeyama(source: np.ndarray, target: np.ndarray, with_scale: bool) -> np.ndarray:
    """`umeyama` for a source that was checked; never a reflection, whatever the target is."""
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    centred = source - source_mean
    covariance = (target - target_mean).T @ centred / len(source)
    u, singular, vt = np.linalg.svd(covariance)
    # The best orthogonal matrix may be a reflection; flipping the weakest axis forbids it.
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
    rotation = (u * signs) @ vt
    variance = np.mean(np.sum(centred**2, axis=-1))
    scale = float(singular @ signs / variance) if with_scale else 1.0
    return homogeneous(scale * rotation, target_mean - scale * rotation @ source_mean)


@typechecked
def rigid_icp(
    source: Float[np.ndarray, "n 3"],
    target: Float[np.ndarray, "m 3"],
    *,
    iterations: int = RIGID_ITERATIONS,
) -> Float[np.ndarray, "4 4"]:
    """Iterated closest points without scale (Besl and McKay, TPAMI 1992)."""
    return _closest_points(source, target, iterations, with_scale=False, tolerance=0.0)


@typechecked
def similarity_icp(
    source: Float[np.ndarray, "n 3"],
    target: Float[np.ndarray, "m 3"],
    *,
    iterations: int = SIMILARITY_ITERATIONS,
    with_scale: bool = True,
) -> Float[np.ndarray, "4 4"]:
    """Iterated closest points by Umeyama, as in PyTorch3D: one scale, and an early end."""
    return _closest_points(
        source, target, iterations, with_scale=with_scale, tolerance=SIMILARITY_TOLERANCE
    )


def _closest_points(
    source: np.ndarray, target: np.ndarray, iterations: int, *, with_scale: bool, tolerance: float
) -> np.ndarray:
    """Nearest target point of each source point, and Umeyama, in turn."""
    check_cloud(source, "the cloud to move")
    check_cloud(target, "the cloud to move onto")
    source, target = np.asarray(source, np.float64), np.asarray(target, np.float64)
    tree = scipy.spatial.cKDTree(target)
    target_from_source, nearest, before = np.eye(4), None, np.inf
    for _ in range(iterations):
        distance, following = tree.query(apply(target_from_source, source))
        rms = float(np.sqrt(np.mean(distance**2)))
        settled = nearest is not None and np.array_equal(following, nearest)
        # The same neighbours give the same motion again: all further rounds would change nothing.
        if settled or abs(before - rms) < tolerance * rms:
            break
        nearest, before = following, rms
        # Always solved from the original points: composing fifty updates would drift.
        target_from_source = _umeyama(source, target[nearest], with_scale)
    return target_from_source
