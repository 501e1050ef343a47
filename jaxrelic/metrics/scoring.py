"""Carries out a protocol: frames, normalisation, alignment, and the figures that follow.

Every step is a 4x4 matrix, so that what was done to a prediction can be said in the world frame:
the meshes that silhouettes are drawn of are moved exactly as the points were.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from jaxrelic.geometry import voxels
from jaxrelic.geometry.registration import alignment, gradient_icp, rotation_search
from jaxrelic.metrics import geometry
from jaxrelic.metrics.protocols import Protocol
from jaxrelic.typing import Float, typechecked

ALIGNMENT_POINTS = 1024
"""Points of each cloud that gradient ICP looks at; metrics use all of them."""

VOXELS_FROM_WORLD = alignment.homogeneous(
    np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]), np.zeros(3)
)
"""U-CMR's axes of the voxel grid (specification msrn F.4)."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shapes:
    """Surfaces of one kind, predicted or true, in the world frame."""

    points: np.ndarray
    """Points on the surfaces, in random order, [b, n, 3] float64."""
    normals: np.ndarray
    """Unit, of either sign, [b, n, 3] float64."""
    cam_from_world: np.ndarray
    """Camera of the input as far as this kind knows it: predicted, or true, [b, 4, 4]."""
    vertices: Sequence[np.ndarray] | None = None
    """Vertices of each mesh, [v, 3]; None where surfaces are known by their points."""
    faces: Sequence[np.ndarray] | None = None
    """Faces of each mesh, [f, 3]."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SurfaceScore:
    """Figures of one predicted surface under one protocol."""

    protocol: str
    """Name of the protocol."""
    num_points: int
    """Smaller of the two clouds' sizes."""
    chamfer: float
    """After alignment, in the protocol's unit; lower is better."""
    chamfer_before: float
    """The same when normalised and not aligned yet."""
    f_scores: dict[float, float]
    """F-score at each of `geometry.F_SCORE_THRESHOLDS`, in [0, 1], after alignment."""
    normal_consistency: float
    """Mean |cosine| of the normals of nearest points, after alignment; 0.5 is chance."""
    normal_consistency_before: float
    """The same before alignment."""
    iou_3d: float | None
    """Overlap of the solids, in [0, 1]; None where the protocol compares none."""
    world_from_prediction: np.ndarray
    """Affine map that the protocol applied, expressed in the world frame, [4, 4]."""


@typechecked
def unit_cube_from(points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "4 4"]:
    """Centres the bounding box at the origin and scales its longest side to 1."""
    low, high = points.min(axis=0).astype(np.float64), points.max(axis=0).astype(np.float64)
    extent = float((high - low).max())
    if not np.isfinite(extent) or extent <= 0:
        raise ValueError(f"points span {extent} world units; a surface needs an extent")
    return alignment.homogeneous(np.eye(3) / extent, -0.5 * (low + high) / extent)


def score(
    protocol: Protocol, predictions: Shapes, truths: Shapes, *, rng: np.random.Generator
) -> list[SurfaceScore]:
    """Compares b predicted surfaces with b true ones.

    Args:
        protocol: One of `protocols.PROTOCOLS`.
        predictions: Where their method places them.
        truths: In the same order.
        rng: Chooses the points that gradient ICP looks at.
    """
    unit_from_truth = _normalisations(protocol, truths)
    unit_from_prediction = (
        unit_from_truth
        if protocol.normalisation == "true_unit_cube"
        else _normalisations(protocol, predictions)
    )
    predicted = _apply_each(unit_from_prediction, predictions.points)
    true = _apply_each(unit_from_truth, truths.points)
    aligned_from_unit = _align(protocol, predicted, true, rng)
    aligned_from_prediction = aligned_from_unit @ unit_from_prediction
    ious = _solid_overlaps(protocol, predictions, truths, aligned_from_prediction)
    scores = []
    for index in range(len(true)):
        before = after = _figures(
            protocol,
            predictions,
            truths,
            index,
            unit_from_prediction[index],
            unit_from_truth[index],
        )
        if protocol.alignment != "none":
            after = _figures(
                protocol,
                predictions,
                truths,
                index,
                aligned_from_prediction[index],
                unit_from_truth[index],
            )
        world = np.linalg.inv(unit_from_truth[index]) @ aligned_from_prediction[index]
        scores.append(
            SurfaceScore(
                protocol=protocol.name,
                num_points=min(predicted.shape[1], true.shape[1]),
                chamfer_before=before.chamfer,
                normal_consistency_before=before.normal_consistency,
                iou_3d=ious[index],
                world_from_prediction=world,
                **vars(after),
            )
        )
    return scores


def _normalisations(protocol: Protocol, shapes: Shapes) -> np.ndarray:
    """unit_from_world of each surface: into the protocol's frame, then to its size, [b, 4, 4]."""
    if protocol.frame == "camera":
        frames = shapes.cam_from_world
    else:
        frames = np.broadcast_to(np.eye(4), (len(shapes.points), 4, 4))
    if protocol.normalisation == "none":
        return frames
    find = (
        rotation_search.image_extent_normalisation
        if protocol.normalisation == "image_extent"
        else unit_cube_from
    )
    seen = _apply_each(frames, shapes.points)
    return np.stack([find(points) for points in seen]) @ frames


def _apply_each(matrices: np.ndarray, clouds: np.ndarray) -> np.ndarray:
    """One affine matrix per cloud: [b, 4, 4] on [b, n, 3]."""
    return np.stack([alignment.apply(m, c) for m, c in zip(matrices, clouds, strict=True)])


def _align(
    protocol: Protocol, predicted: np.ndarray, true: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """true_from_predicted for each pair, [b, 4, 4]."""
    if protocol.alignment == "none":
        return np.broadcast_to(np.eye(4), (len(predicted), 4, 4))
    if protocol.alignment == "averaged_boxes":
        return np.broadcast_to(averaged_boxes(predicted, true), (len(predicted), 4, 4))
    if protocol.alignment.startswith("gradient_icp"):
        return gradient_icp.gradient_icp(
            *(_subset(clouds, rng) for clouds in (predicted, true)),
            isotropic=protocol.alignment == "gradient_icp_isotropic",
            upstream_alias=protocol.alignment == "gradient_icp_upstream_alias",
        )
    one = {
        "rigid_icp": alignment.rigid_icp,
        "similarity_icp": alignment.similarity_icp,
        "rotation_search": rotation_search.brute_force,
    }[protocol.alignment]
    return np.stack([one(p, t) for p, t in zip(predicted, true, strict=True)])


def _subset(clouds: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The same random rows of every cloud."""
    count = min(ALIGNMENT_POINTS, clouds.shape[1])
    rows = rng.choice(clouds.shape[1], count, replace=False)
    return clouds[:, rows]


@typechecked
def averaged_boxes(
    predicted: Float[np.ndarray, "b n 3"], true: Float[np.ndarray, "b m 3"]
) -> Float[np.ndarray, "4 4"]:
    """One shift, then one scale for a whole test set: v -> (v + t) s, as U-CMR aligns.

    t is the mean difference of box centres, s the mean cube root of the ratio of box volumes.
    """
    (low_p, high_p), (low_t, high_t) = (
        (clouds.min(axis=1), clouds.max(axis=1)) for clouds in (predicted, true)
    )
    volume = np.prod(high_p - low_p, axis=-1)
    if not (volume > 0).all():
        raise ValueError(
            f"the box of predicted surface {int(np.argmin(volume))} has no volume; 3D IoU needs "
            "surfaces that enclose something"
        )
    shift = 0.5 * np.mean(low_t + high_t - low_p - high_p, axis=0)
    scale = float(np.mean(np.cbrt(np.prod(high_t - low_t, axis=-1) / volume)))
    return alignment.homogeneous(scale * np.eye(3), scale * shift)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Figures:
    chamfer: float
    f_scores: dict[float, float]
    normal_consistency: float


def _figures(
    protocol: Protocol,
    predictions: Shapes,
    truths: Shapes,
    index: int,
    unit_from_prediction: np.ndarray,
    unit_from_truth: np.ndarray,
) -> _Figures:
    """Figures of one pair, each moved by its matrix."""
    distances = geometry.surface_distances(
        alignment.apply(unit_from_prediction, predictions.points[index]),
        alignment.apply(unit_from_truth, truths.points[index]),
    )
    return _Figures(
        chamfer=_chamfer(protocol, distances),
        f_scores={tau: geometry.f_score(distances, tau) for tau in geometry.F_SCORE_THRESHOLDS},
        normal_consistency=geometry.normal_consistency(
            distances,
            _moved_normals(unit_from_prediction, predictions.normals[index]),
            _moved_normals(unit_from_truth, truths.normals[index]),
        ),
    )


def _chamfer(protocol: Protocol, distances: geometry.SurfaceDistances) -> float:
    if protocol.distance == "unsquared":
        return geometry.chamfer(distances)
    reduction = "sum" if protocol.distance == "squared_sum" else "mean"
    return geometry.squared_chamfer(distances, reduction)


def _moved_normals(matrix: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """Normals of a surface that an affine map has moved; they follow its inverse transpose."""
    moved = normals @ np.linalg.inv(matrix[:3, :3])
    return moved / np.maximum(np.linalg.norm(moved, axis=-1, keepdims=True), 1e-12)


def _solid_overlaps(
    protocol: Protocol, predictions: Shapes, truths: Shapes, true_from_prediction: np.ndarray
) -> list[float | None]:
    """3D IoU of each pair, or None."""
    if not protocol.voxels:
        return [None] * len(predictions.points)
    return [
        voxels.overlap(
            _solid(predictions, i, VOXELS_FROM_WORLD @ true_from_prediction[i]),
            _solid(truths, i, VOXELS_FROM_WORLD),
        )
        for i in range(len(predictions.points))
    ]


def _solid(shapes: Shapes, index: int, grid_from_shape: np.ndarray) -> np.ndarray:
    """One surface as voxels, from its mesh if there is one."""
    if shapes.vertices is None:
        return voxels.solid_from_samples(
            alignment.apply(grid_from_shape, shapes.points[index]),
            _moved_normals(grid_from_shape, shapes.normals[index]),
        )
    vertices = alignment.apply(grid_from_shape, shapes.vertices[index])
    return voxels.solid_from_mesh(vertices, shapes.faces[index])
