"""Where cameras stand, seen from a point, and which of them are far apart."""

from collections.abc import Iterator
from typing import Literal

import numpy as np

Up = Literal["auto", "x", "y", "z", "-x", "-y", "-z"]
"""Direction of the poses' world that is up; auto asks the pose file, then the cameras."""


def directions(cam_from_world: np.ndarray, centre: np.ndarray | float = 0.0) -> np.ndarray:
    """Unit vectors from a point [3], or the world's origin, to cameras [n, 4, 4]; [n, 3].

    A camera that is not known, NaN, has the direction NaN.
    """
    positions = -np.einsum("nji,nj->ni", cam_from_world[:, :3, :3], cam_from_world[:, :3, 3])
    away = positions - centre
    return away / np.maximum(np.linalg.norm(away, axis=-1, keepdims=True), 1e-12)


def farthest_first(directions: np.ndarray) -> Iterator[int]:
    """Numbers of all directions [n, 3]: the first, then always the farthest from those before.

    The rule of Gonzalez (1985). Directions that are NaN come last.
    """
    unknown = np.isnan(directions).any(axis=-1)
    known = list(np.flatnonzero(~unknown))
    nearest = np.full(len(directions), -np.inf)  # Cosine to the nearest of those before.
    while known:
        chosen = min(known, key=lambda i: nearest[i])
        known.remove(chosen)
        yield chosen
        nearest = np.maximum(nearest, directions @ directions[chosen])
    yield from np.flatnonzero(unknown)
