"""Distances between two sampled surfaces: Chamfer, F-score, normal consistency.

Everything here runs on the host in float64 with a k-d tree, so that a hundred thousand points per
surface cost a fraction of a second and no device memory.
"""

import dataclasses
from typing import Literal

import numpy as np
import scipy.spatial

from jaxrelic.typing import Float, typechecked

F_SCORE_THRESHOLDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
"""Distances at which F-scores are reported, in the length unit of the points."""

CHAMFER_FACTOR = 100.0
"""Tables of M-SRN print 100 x the mean unsquared distance (specification msrn F.1)."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SurfaceDistances:
    """Unsquared distances from each point of one surface to the nearest point of the other."""

    accuracy: np.ndarray
    """Distances from the predicted points to the true surface, [n]."""
    completeness: np.ndarray
    """Distances from the true points to the predicted surface, [m]."""
    nearest_truth: np.ndarray
    """Index of the true point nearest to each predicted one, [n]."""
    nearest_prediction: np.ndarray
    """Index of the predicted point nearest to each true one, [m]."""


@typechecked
def surface_distances(
    prediction: Float[np.ndarray, "n 3"], truth: Float[np.ndarray, "m 3"]
) -> SurfaceDistances:
    """Nearest distances in both directions, in the units of the points."""
    accuracy, nearest_truth = scipy.spatial.cKDTree(truth).query(prediction)
    completeness, nearest_prediction = scipy.spatial.cKDTree(prediction).query(truth)
    return SurfaceDistances(
        accuracy=accuracy,
        completeness=completeness,
        nearest_truth=nearest_truth,
        nearest_prediction=nearest_prediction,
    )


def chamfer(distances: SurfaceDistances) -> float:
    """100 x the mean of accuracy and completeness, unsquared (CD-L1); lower is better.

    Example:
        >>> plane = np.stack(np.meshgrid(np.arange(9.0), np.arange(9.0)), -1).reshape(-1, 2) / 8
        >>> floor = np.pad(plane, ((0, 0), (0, 1)))
        >>> round(chamfer(surface_distances(floor, floor + [0, 0, 0.02])), 3)
        2.0
    """
    return CHAMFER_FACTOR * 0.5 * float(distances.accuracy.mean() + distances.completeness.mean())


def squared_chamfer(distances: SurfaceDistances, reduction: Literal["sum", "mean"]) -> float:
    """M-SRN eq. 46: squared distances of both directions, added up.

    Args:
        distances: Distances of the two surfaces.
        reduction: Each direction is the sum over its points, as printed, or their mean.
    """
    directions = (distances.accuracy, distances.completeness)
    return sum(float(getattr(np.square(each), reduction)()) for each in directions)


def f_score(distances: SurfaceDistances, threshold: float) -> float:
    """Harmonic mean of precision and recall at a distance (Knapitsch et al., TOG 2017).

    Args:
        distances: Distances of the two surfaces.
        threshold: In the units of the points; a point counts if it is strictly nearer.

    Example:
        >>> distances = surface_distances(np.zeros((1, 3)), np.array([[0, 0, 0.02]]))
        >>> f_score(distances, 0.01), f_score(distances, 0.05)
        (0.0, 1.0)
    """
    precision = float(np.mean(distances.accuracy < threshold))
    recall = float(np.mean(distances.completeness < threshold))
    total = precision + recall
    return 2 * precision * recall / total if total > 0 else 0.0


@typechecked
def sampling_floor(surfaces: Float[np.ndarray, "b n 3"], rng: np.random.Generator) -> float:
    """Mean Chamfer distance of two samples of n points of the same surface: nothing scores lower.

    Each sample is halved and its halves compared. They hold n / 2 points, and distances to the
    nearest of n random points of a surface fall with the root of n (specification msrn H-E4).
    """
    halves = []
    for points in surfaces:
        order = rng.permutation(len(points))
        one, two = np.array_split(points[order], 2)
        halves.append(chamfer(surface_distances(one, two)))
    return float(np.mean(halves) / np.sqrt(2))


@typechecked
def normal_consistency(
    distances: SurfaceDistances,
    prediction_normals: Float[np.ndarray, "n 3"],
    truth_normals: Float[np.ndarray, "m 3"],
) -> float:
    """Mean |cosine| between the normals of nearest points, both ways; 1 is best, 0.5 is chance.

    The sign is ignored, as in Occupancy Networks (CVPR 2019), because scans are often inside out.
    """
    forward = np.sum(prediction_normals * truth_normals[distances.nearest_truth], axis=-1)
    backward = np.sum(truth_normals * prediction_normals[distances.nearest_prediction], axis=-1)
    return 0.5 * float(np.abs(forward).mean() + np.abs(backward).mean())
