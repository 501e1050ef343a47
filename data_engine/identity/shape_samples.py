"""A surface through random samples, and the few numbers that tell one shape from another.

Another decimation, another order of triangles and another place, turn or size of the object change
next to nothing here.
"""

import dataclasses

import numpy as np

from data_engine.gltf.reader import Geometry
from jaxrelic.geometry.surface_samples import sample_surface

DESCRIPTOR_POINTS, DESCRIPTOR_PAIRS = 8192, 1 << 17
DISTANCE_BINS, RADIUS_BINS = 48, 24
FARTHEST = 3.0
"""Distances are histogrammed up to this many times their root mean square."""
EXTENT_WEIGHT = 0.5
"""Weight of the principal extents beside two histograms of unit length."""


@dataclasses.dataclass(frozen=True)
class Surface:
    """Samples of a mesh, centred, with root mean square radius 1."""

    points: np.ndarray
    """[n, 3]"""
    normals: np.ndarray
    """[n, 3], unit length."""
    axes: np.ndarray
    """[3, 3]: rows are the principal directions, longest first, a proper rotation."""
    extents: np.ndarray
    """[3]: root mean square along them."""
    diagonal: float
    """Diagonal of the bounding box along the principal axes."""
    area: float
    """Area of the whole surface."""


def sample(geometry: Geometry, count: int) -> Surface:
    """Draws samples by area; the same geometry gives the same ones."""
    shown = geometry.vertices[np.unique(geometry.faces)]
    low, high = shown.min(axis=0), shown.max(axis=0)
    vertices = (geometry.vertices - low) / (high - low).max()
    points, normals = sample_surface(vertices, geometry.faces, count=count, key="shape")
    points = points.astype(np.float64)
    points -= points.mean(axis=0)
    radius = np.sqrt(np.mean(np.sum(points**2, axis=-1)))
    points /= radius
    variances, columns = np.linalg.eigh(points.T @ points / count)
    axes = columns.T[::-1].copy()
    axes[2] *= np.sign(np.linalg.det(axes))
    a, b, c = np.moveaxis(vertices[geometry.faces], 1, 0)
    area = np.linalg.norm(np.cross(b - a, c - a), axis=-1).sum() / 2 / radius**2
    return Surface(
        points=points,
        normals=normals.astype(np.float64),
        axes=axes,
        extents=np.sqrt(np.maximum(variances[::-1], 0.0)),
        diagonal=float(np.linalg.norm(np.ptp(points @ axes.T, axis=0))),
        area=float(area),
    )


def descriptor(surface: Surface) -> np.ndarray:
    """What is the same of an object turned, moved, scaled or meshed anew: [d], of unit length.

    Square roots of two histograms, so that a dot product is their Bhattacharyya coefficient: the
    distances of random pairs of points (D2, Osada et al., TOG 2002) and those from the centre;
    beside them the principal extents.
    """
    points = surface.points
    rng = np.random.default_rng(0)
    a, b = rng.integers(len(points), size=(2, DESCRIPTOR_PAIRS))
    parts = [
        _histogram(np.linalg.norm(points[a] - points[b], axis=-1) / np.sqrt(2), DISTANCE_BINS),
        _histogram(np.linalg.norm(surface.points, axis=-1), RADIUS_BINS),
        EXTENT_WEIGHT * surface.extents,
    ]
    joined = np.concatenate(parts)
    return (joined / np.linalg.norm(joined)).astype(np.float32)


def _histogram(distances: np.ndarray, bins: int) -> np.ndarray:
    """Root of the share of distances per bin; linear votes for two bins keep noise small."""
    place = np.minimum(distances / FARTHEST, 1.0) * (bins - 1)
    low = np.minimum(place.astype(int), bins - 2)
    high_share = place - low
    votes = np.bincount(low, 1 - high_share, bins) + np.bincount(low + 1, high_share, bins)
    return np.sqrt(votes / votes.sum())
