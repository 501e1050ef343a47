"""Normals where a file gives none, but says which faces are one smooth surface."""

import numpy as np

SHARP_DEG = 80.0
"""Two faces that turn further from each other meet in an edge, also on a smooth surface.

Most programs write one group for a whole model, boxes and lids included, and show it with such a
limit: 90 degrees in Sweet Home 3D, of which a right angle must stay clear.
"""


def smooth_normals(
    positions: np.ndarray, faces: np.ndarray, groups: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Normals [k, 3], and which of them each corner [f, 3] has; -1 on faces that are flat.

    A normal is the mean of the faces around a vertex that are joined by smooth edges, weighted by
    their angles there (Thuermer and Wuethrich, Journal of Graphics Tools 3(1), 1998).

    Args:
        positions: [v, 3].
        faces: [f, 3] into the positions.
        groups: Smoothing group of each face, 0 for none, [f]; one face at least has one.
    """
    rows = np.flatnonzero(groups)
    triangles = faces[rows]
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):  # `split` refuses those.
        sides = np.roll(positions[triangles], -1, axis=1) - positions[triangles]
        across = np.cross(sides[:, 0], sides[:, 1])
        units = np.nan_to_num(across / np.linalg.norm(across, axis=-1, keepdims=True))
        angles = _angles(sides)
    links = _links(triangles, groups[rows], units)
    # Imported here: it takes longer than most files, and most do without.
    from scipy import sparse
    from scipy.sparse import csgraph

    graph = sparse.coo_array(
        (np.ones(len(links), bool), (links[:, 0], links[:, 1])), shape=(triangles.size,) * 2
    )
    count, label = csgraph.connected_components(graph, directed=False)
    weighted = (angles[..., None] * units[:, None]).reshape(-1, 3)
    normals = np.stack([np.bincount(label, axis, count) for axis in weighted.T], axis=-1)
    chosen = np.full(faces.shape, -1)
    chosen[rows] = label.reshape(-1, 3)
    return normals, chosen


def _angles(sides: np.ndarray) -> np.ndarray:
    """Angle at each corner [f, 3] of triangles, by their sides [f, 3, 3] from each corner on."""
    back = -np.roll(sides, 1, axis=1)
    sine = np.linalg.norm(np.cross(sides, back), axis=-1)
    return np.nan_to_num(np.arctan2(sine, (sides * back).sum(axis=-1)))


def _links(triangles: np.ndarray, groups: np.ndarray, units: np.ndarray) -> np.ndarray:
    """Pairs of corners [n, 2], counted through all triangles, that share a normal."""
    ends = np.stack([triangles, np.roll(triangles, -1, axis=1)], axis=-1).reshape(-1, 2)
    key = ends.min(axis=-1) * (int(triangles.max()) + 1) + ends.max(axis=-1)
    order = np.argsort(key, kind="stable")
    one, other = order[:-1], order[1:]
    same = (key[one] == key[other]) & (groups[one // 3] == groups[other // 3])
    one, other = one[same], other[same]
    turn = (units[one // 3] * units[other // 3]).sum(axis=-1)
    smooth = turn > np.cos(np.radians(SHARP_DEG))
    one, other = one[smooth], other[smooth]
    # Edge i of a triangle leads from its corner i to the next; the neighbour's may lead back.
    along = ends[one, 0] == ends[other, 0]
    begin, end = other, _next(other)
    return np.concatenate(
        [
            np.stack([one, np.where(along, begin, end)], axis=-1),
            np.stack([_next(one), np.where(along, end, begin)], axis=-1),
        ]
    )


def _next(corners: np.ndarray) -> np.ndarray:
    return corners - corners % 3 + (corners + 1) % 3
