"""Faces of any number of corners become triangles of the same area."""

import numpy as np

from data_engine.errors import Refusal
from data_engine.gltf.checks import MAX_TRIANGLES
from data_engine.ingest.meshes.ears import cut_ears


def triangles_of(
    counts: np.ndarray, corners: np.ndarray, points: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Triangles [t, 3] as places in `corners`, and the face [t] each is of, in order of faces.

    Args:
        counts: Corners of each face, [f]; faces of fewer than three give nothing.
        corners: Vertices of all faces, one face after the other, [sum of counts].
        points: Positions of the vertices, [v, 3]. Not finite where no face uses them.
    """
    starts = np.cumsum(counts) - counts
    if (total := int(np.maximum(counts - 2, 0).sum())) > MAX_TRIANGLES:
        raise Refusal("too_large", f"it has {total} triangles; at most {MAX_TRIANGLES} are read")
    made, owners = [np.zeros((0, 3), np.int64)], [np.zeros(0, np.int64)]
    for sides in _different(counts):
        faces = np.flatnonzero(counts == sides)
        places = starts[faces][:, None] + np.arange(sides)
        cut = _cut(places, points[corners[places]]) if sides > 3 else places[:, None]
        made.append(cut.reshape(-1, 3))
        owners.append(np.repeat(faces, sides - 2))
    triangles, owner = np.concatenate(made), np.concatenate(owners)
    if len(made) > 2:
        order = np.argsort(owner, kind="stable")
        triangles, owner = triangles[order], owner[order]
    return triangles, owner


def _different(counts: np.ndarray) -> np.ndarray:
    """The numbers of corners that occur, from three on."""
    if len(counts) and counts.min() == counts.max():
        return counts[:1][counts[:1] >= 3]
    return np.unique(counts[counts >= 3])


def _cut(places: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Triangles [f, n - 2, 3] of polygons of n corners: fans where they are convex."""
    sides = places.shape[1]
    spokes = np.arange(1, sides - 1)
    fan = np.stack([np.zeros_like(spokes), spokes, spokes + 1], axis=-1)
    cut = np.broadcast_to(fan, (len(places), *fan.shape)).copy()
    folded = _folded(points)
    if sides == 4:  # The other diagonal is right where this one is not.
        cut[folded] = [[1, 2, 3], [1, 3, 0]]
    else:
        for face in np.flatnonzero(folded):
            cut[face] = cut_ears(points[face])
    return np.take_along_axis(places, cut.reshape(len(places), -1), axis=1).reshape(cut.shape)


def _folded(points: np.ndarray) -> np.ndarray:
    """Whether a fan from the first corner of each polygon [f, n, 3] has a triangle folded back.

    A polygon that is not finite, or has no area, is left as a fan.
    """
    spokes = points - points[:, :1]
    normals = np.cross(spokes[:, 1:-1], spokes[:, 2:])
    whole = normals.sum(axis=1, keepdims=True)
    backwards = ((normals * whole).sum(axis=-1) < 0).any(axis=-1)
    return backwards & np.isfinite(points).all(axis=(-2, -1))
