"""Whether two surfaces are one object: laid upon each other as well as they go, how far apart.

A mirror image is another object.
"""

import dataclasses
import itertools

import numpy as np
import scipy.spatial
import scipy.spatial.transform

from data_engine.gltf.reader import Geometry
from data_engine.identity.shape_samples import Surface

FINE_POINTS, MIDDLE_POINTS, COARSE_POINTS = 65_536, 2048, 256
"""Samples that stand for a surface in the end, that are moved then, and that find the way there."""
COMPARED_POINTS = 8192
"""Samples whose distance from the other surface is measured."""
SEARCH_ROUNDS, REFINE_ROUNDS = 10, 15
SEARCHED_STARTS, REFINED_STARTS = 16, 3
"""Starting rotations that a look leaves, and that a search leaves."""
HOPELESS = 0.02
"""A distance after the search, relative to the diagonal, beyond which nothing is refined."""
SCALES = 0.95, 1.05
"""Surfaces come with equal radii; free to shrink, one would collapse into a corner of the other."""
DAMPING = 1e-7
"""Share of each point's weight that keeps the free turns of a sphere or a vase where they are."""
SETTLED = 1e-3
"""Share by which a round must bring the points nearer, or it was the last."""
SAME_CORNER = 3e-4
"""Farthest a corner may be from its twin, in root mean square radii: exporters round."""
EQUAL_EXTENTS = 1.25
"""Principal extents within this ratio leave the turn about the third axis open."""
OPEN_TURNS = 8
"""Starting angles about such an axis."""

Pose = tuple[float, np.ndarray, np.ndarray]
"""Scale, rotation [3, 3] and shift [3]."""


@dataclasses.dataclass(frozen=True)
class Match:
    """The best alignment that was found."""

    distance: float
    """Root mean square distance of the surfaces, the larger of both directions, relative to the
    diagonal: a handle more or less counts, where a mean would drown it in the rest."""
    pose: Pose
    """Moves the first surface onto the second."""


def align(one: Surface, other: Surface) -> Match:
    """Lays one surface upon the other by rotation, scale and shift.

    Many starting rotations are looked at, the better ones aligned with few points, the best of
    those with many.
    """
    few, some = one.points[:COARSE_POINTS], one.points[:MIDDLE_POINTS]
    target = _Target(other, MIDDLE_POINTS)
    looks = [(1.0, rotation, np.zeros(3)) for rotation in _starts(one, other)]
    looks = target.best(few, looks, SEARCHED_STARTS)
    found = [target.align(few, pose, SEARCH_ROUNDS) for pose in looks]
    found = target.best(few, found, REFINED_STARTS)
    rough = target.residual(_moved(few, found[0])) / other.diagonal
    if rough > HOPELESS:
        return Match(rough, found[0])
    target = _Target(other, FINE_POINTS)
    refined = [target.align(some, pose, REFINE_ROUNDS) for pose in found]
    refined += [target.settle(some, pose, REFINE_ROUNDS) for pose in refined]
    pose = target.best(some, refined, 1)[0]
    return Match(_symmetric(one, target, pose), pose)


def is_moved(one: Geometry, other: Geometry, rotation: np.ndarray) -> bool:
    """Whether two meshes are the same triangles, scaled and moved, given the rotation roughly."""
    if len(one.faces) != len(other.faces):
        return False
    source, target = _corners(one), _corners(other)
    tree = scipy.spatial.cKDTree(target)
    some = source[:: 1 + len(source) // MIDDLE_POINTS]
    pose = (1.0, rotation, np.zeros(3))
    for _ in range(SEARCH_ROUNDS):
        _, nearest = tree.query(_moved(some, pose))
        pose = _similarity(some, target[nearest])
    moved = _moved(source, pose)
    there, _ = tree.query(moved)
    back, _ = scipy.spatial.cKDTree(moved).query(target)
    return bool(max(there.max(), back.max()) < SAME_CORNER)


def _corners(geometry: Geometry) -> np.ndarray:
    """Distinct corners of the triangles, centred, with root mean square radius 1, [v, 3]."""
    corners = np.unique(geometry.vertices[np.unique(geometry.faces)], axis=0)
    corners -= corners.mean(axis=0)
    return corners / np.sqrt(np.mean(np.sum(corners**2, axis=-1)))


def _symmetric(one: Surface, target: "_Target", pose: Pose) -> float:
    there = target.residual(_moved(one.points[:COMPARED_POINTS], pose))
    rotation = pose[1]
    moved = dataclasses.replace(
        one, points=_moved(one.points, pose), normals=one.normals @ rotation.T
    )
    other = target.surface
    back = _Target(moved, FINE_POINTS).residual(other.points[:COMPARED_POINTS])
    return float(max(there, back) / other.diagonal)


def _moved(points: np.ndarray, pose: Pose) -> np.ndarray:
    scale, rotation, shift = pose
    return scale * points @ rotation.T + shift


class _Target:
    """A surface to align others with, by some of its samples."""

    def __init__(self, surface: Surface, count: int):
        self.surface = surface
        self._points, self._normals = surface.points[:count], surface.normals[:count]
        self._disc = 2 * np.sqrt(surface.area / (np.pi * count))
        self._tree = scipy.spatial.cKDTree(self._points)

    def best(self, points: np.ndarray, poses: list[Pose], count: int) -> list[Pose]:
        return sorted(poses, key=lambda pose: self.residual(_moved(points, pose)))[:count]

    def align(self, points: np.ndarray, pose: Pose, rounds: int) -> Pose:
        """Iterated closest points with a scale (Besl and McKay, TPAMI 1992)."""
        before = np.inf
        for _ in range(rounds):
            distances, nearest = self._tree.query(_moved(points, pose))
            pose = _similarity(points, self._points[nearest])
            if (now := distances.mean()) > (1 - SETTLED) * before:
                break
            before = now
        return pose

    def settle(self, points: np.ndarray, pose: Pose, rounds: int) -> Pose:
        """Iterated closest planes (Chen and Medioni 1992), which slide along the surface freely.

        Each round solves n . (p + w x p + t + g p) = n . q for a small turn w, shift t, growth g.
        """
        for _ in range(rounds):
            moved = _moved(points, pose)
            _, nearest = self._tree.query(moved)
            normals, gap = self._normals[nearest], self._points[nearest] - moved
            along = np.sum(normals * moved, axis=-1, keepdims=True)
            rows = np.concatenate([np.cross(moved, normals), normals, along], axis=-1)
            damped = rows.T @ rows + DAMPING * len(rows) * np.eye(7)
            step = np.linalg.solve(damped, rows.T @ np.sum(normals * gap, axis=-1))
            turn = scipy.spatial.transform.Rotation.from_rotvec(step[:3]).as_matrix()
            scale, rotation, shift = pose
            growth = np.clip(scale * (1 + step[6]), *SCALES) / scale
            pose = (growth * scale, turn @ rotation, growth * turn @ shift + step[3:6])
        return pose

    def residual(self, points: np.ndarray) -> float:
        """Root mean square distance of points from the surface that the samples stand for.

        Along the normal of the nearest sample in full; across it only beyond the sample's disc.
        """
        _, nearest = self._tree.query(points)
        offset = points - self._points[nearest]
        off_plane = np.sum(offset * self._normals[nearest], axis=-1)
        across = np.sqrt(np.maximum(np.sum(offset**2, axis=-1) - off_plane**2, 0.0))
        beyond = np.maximum(across - self._disc, 0.0)
        return float(np.sqrt(np.mean(off_plane**2 + beyond**2)))


def _similarity(source: np.ndarray, target: np.ndarray) -> Pose:
    """Scale, rotation and shift that move matched points best (Umeyama, TPAMI 1991)."""
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    centred = source - source_mean
    u, singular, vt = np.linalg.svd((target - target_mean).T @ centred)
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
    rotation = (u * signs) @ vt
    scale = np.clip(singular @ signs / np.sum(centred**2), *SCALES)
    return scale, rotation, target_mean - scale * rotation @ source_mean


def _starts(one: Surface, other: Surface) -> list[np.ndarray]:
    """Rotations that lay principal axes on principal axes, in every way the extents allow."""
    flips = [np.diag([a, b, a * b]) for a, b in itertools.product((1.0, -1.0), repeat=2)]
    turns = [np.eye(3)]
    extents = np.sqrt(one.extents * other.extents)
    for axis in range(3):
        i, j = (k for k in range(3) if k != axis)
        if extents[i] < EQUAL_EXTENTS * extents[j]:
            angles = 2 * np.pi * np.arange(OPEN_TURNS) / OPEN_TURNS
            turns = [turn @ _about(axis, angle) for turn in turns for angle in angles]
    return [other.axes.T @ turn @ flip @ one.axes for turn in turns for flip in flips]


def _about(axis: int, angle: float) -> np.ndarray:
    rotation = np.eye(3)
    i, j = [k for k in range(3) if k != axis]
    rotation[[i, j], [i, j]] = np.cos(angle)
    rotation[i, j], rotation[j, i] = -np.sin(angle), np.sin(angle)
    return rotation
