"""Named ways to compare a predicted surface with the true one.

A Chamfer distance means nothing without its alignment and unit (DESIGN 17), so every figure is a
row that carries the name of the protocol that made it.
"""

import dataclasses
from typing import Literal

import numpy as np

from jaxrelic.geometry import alignment
from jaxrelic.metrics import geometry
from jaxrelic.typing import Float, typechecked

F_SCORE_THRESHOLDS = (0.01, 0.02, 0.05, 0.1)
"""Distances at which F-scores are reported, in the protocol's length unit."""

ALIGNMENT_POINTS = 1024
"""Points of each cloud that gradient ICP looks at; metrics use all of them."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Protocol:
    """What happens to two surfaces before their distance is taken."""

    name: str
    """How rows refer to it."""
    unit_cube: bool
    """Both surfaces are first centred and scaled, each by its own box, to [-0.5, 0.5]^3."""
    alignment: Literal["none", "rigid_icp", "gradient_icp"]
    """How the prediction is then moved onto the truth."""
    unit: str
    """Of Chamfer distances and F-score thresholds, in words."""


PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        Protocol(
            name="unicorn",
            unit_cube=True,
            alignment="gradient_icp",
            unit="CD = 100 x mean unsquared distance; true box fitted to the unit cube",
        ),
        Protocol(
            name="rigid_icp",
            unit_cube=False,
            alignment="rigid_icp",
            unit="CD = 100 x mean unsquared distance; world units, longest side at most 0.8",
        ),
        Protocol(
            name="none",
            unit_cube=False,
            alignment="none",
            unit="CD = 100 x mean unsquared distance; world units, longest side at most 0.8",
        ),
    )
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class SurfaceScore:
    """Figures of one predicted surface under one protocol."""

    protocol: str
    """Name of the protocol."""
    chamfer: float
    """100 x mean unsquared distance, lower is better."""
    f_scores: dict[float, float]
    """F-score at each of `F_SCORE_THRESHOLDS`, in [0, 1]."""
    num_points: int
    """Smaller of the two clouds' sizes."""
    world_from_prediction: np.ndarray
    """Affine map that the alignment found, expressed in the world frame, [4, 4]."""


@typechecked
def unit_cube_from(points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "4 4"]:
    """Centres the bounding box at the origin and scales its longest side to 1."""
    low, high = points.min(axis=0).astype(np.float64), points.max(axis=0).astype(np.float64)
    extent = float((high - low).max())
    if not np.isfinite(extent) or extent <= 0:
        raise ValueError(f"points span {extent} world units; a surface needs an extent")
    return alignment.homogeneous(np.eye(3) / extent, -0.5 * (low + high) / extent)


@typechecked
def score(
    protocol: Protocol,
    predictions: Float[np.ndarray, "b n 3"],
    truths: Float[np.ndarray, "b m 3"],
    *,
    rng: np.random.Generator,
) -> list[SurfaceScore]:
    """Compares b predicted clouds with b true ones.

    Args:
        protocol: One of `PROTOCOLS`.
        predictions: Surface points in the world frame, in random order.
        truths: True surface points in the world frame.
        rng: Chooses the points that gradient ICP looks at.
    """
    normalise = unit_cube_from if protocol.unit_cube else _keep_world_units
    unit_from_prediction = np.stack([normalise(points) for points in predictions])
    unit_from_world = np.stack([normalise(points) for points in truths])
    predicted = _apply_each(unit_from_prediction, predictions)
    true = _apply_each(unit_from_world, truths)
    aligned_from_unit = _align(protocol, predicted, true, rng)
    aligned = _apply_each(aligned_from_unit, predicted)
    world = np.linalg.inv(unit_from_world) @ aligned_from_unit @ unit_from_prediction
    return [_row(protocol, p, t, w) for p, t, w in zip(aligned, true, world, strict=True)]


def _keep_world_units(points: np.ndarray) -> np.ndarray:
    """The identity, for protocols that do not rescale."""
    del points
    return np.eye(4)


def _apply_each(matrices: np.ndarray, clouds: np.ndarray) -> np.ndarray:
    """One affine matrix per cloud: [b, 4, 4] on [b, n, 3]."""
    return np.stack([alignment.apply(m, c) for m, c in zip(matrices, clouds, strict=True)])


def _align(
    protocol: Protocol, predicted: np.ndarray, true: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """true_from_predicted for each pair, [b, 4, 4]."""
    if protocol.alignment == "none":
        return np.broadcast_to(np.eye(4), (len(predicted), 4, 4))
    if protocol.alignment == "rigid_icp":
        return np.stack([alignment.rigid_icp(p, t) for p, t in zip(predicted, true, strict=True)])
    subsets = [_subset(clouds, rng) for clouds in (predicted, true)]
    return alignment.gradient_icp(*subsets)


def _subset(clouds: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The same random rows of every cloud."""
    count = min(ALIGNMENT_POINTS, clouds.shape[1])
    rows = rng.choice(clouds.shape[1], count, replace=False)
    return clouds[:, rows]


def _row(
    protocol: Protocol, aligned: np.ndarray, true: np.ndarray, world_from_prediction: np.ndarray
) -> SurfaceScore:
    """Scores two clouds that already share a frame."""
    distances = geometry.surface_distances(aligned, true)
    return SurfaceScore(
        protocol=protocol.name,
        chamfer=geometry.chamfer(distances),
        f_scores={tau: geometry.f_score(distances, tau) for tau in F_SCORE_THRESHOLDS},
        num_points=min(len(aligned), len(true)),
        world_from_prediction=world_from_prediction,
    )
