"""Signed distance fields, negative inside: the clay that composite relics are modelled from.

Coordinates arrive as a triple of arrays that broadcast against one another, so a term in one
coordinate costs one axis and not the whole grid. Distances are exact or close to it near the zero
surface, which is all that is used.
"""

import itertools

import numpy as np

Coordinates = tuple[np.ndarray, np.ndarray, np.ndarray]


def sphere(p: Coordinates, centre, radius: float) -> np.ndarray:
    """A ball."""
    x, y, z = (q - c for q, c in zip(p, centre, strict=True))
    return np.sqrt(x * x + y * y + z * z) - radius


def ellipsoid(p: Coordinates, centre, radii) -> np.ndarray:
    """A ball stretched along the axes: k (k - 1) / |grad k|, k = |p / radii|, to first order."""
    unit = [(q - c) / r for q, c, r in zip(p, centre, radii, strict=True)]
    k = np.sqrt(sum(q * q for q in unit))
    gradient = np.sqrt(sum((q / r) ** 2 for q, r in zip(unit, radii, strict=True)))
    return k * (k - 1) / np.maximum(gradient, 1e-6)


def box(p: Coordinates, centre, half, *, rounding: float = 0.0) -> np.ndarray:
    """A box with rounded edges; `half` are its half sides, rounding included."""
    q = [np.abs(c - m) - (h - rounding) for c, m, h in zip(p, centre, half, strict=True)]
    outside = np.sqrt(sum(np.maximum(c, 0) ** 2 for c in q))
    inside = np.minimum(np.maximum(np.maximum(q[0], q[1]), q[2]), 0)
    return outside + inside - rounding


def limb(p: Coordinates, start, end, start_radius: float, end_radius: float) -> np.ndarray:
    """A rounded segment whose radius runs evenly from one end to the other."""
    start, axis = np.asarray(start, float), np.subtract(end, start)
    rel = [q - np.float32(s) for q, s in zip(p, start, strict=True)]
    along = sum(q * np.float32(a) for q, a in zip(rel, axis, strict=True))
    t = np.clip(along / np.float32(axis @ axis), 0, 1)
    gap = [q - t * np.float32(a) for q, a in zip(rel, axis, strict=True)]
    return np.sqrt(sum(q * q for q in gap)) - (start_radius + (end_radius - start_radius) * t)


def path(p: Coordinates, points, radii) -> np.ndarray:
    """A bent limb through points [n, 3] with a radius at each."""
    parts = zip(points[:-1], points[1:], radii[:-1], radii[1:], strict=True)
    return union(*(limb(p, a, b, ra, rb) for a, b, ra, rb in parts))


def ring(p: Coordinates, centre, radius: float, thickness: float, *, axis: int) -> np.ndarray:
    """A torus around one coordinate axis."""
    q = [c - m for c, m in zip(p, centre, strict=True)]
    along = q.pop(axis)
    return np.hypot(np.hypot(*q) - radius, along) - thickness


def revolve(p: Coordinates, profile: np.ndarray) -> np.ndarray:
    """The solid of a closed polygon [k, 2] of (radius, z) turned about z.

    The planar distance is tabulated over (radius, z) and looked up along the radius.
    """
    x, y, z = p
    radius = np.hypot(x, y)
    shells = int(1.5 * max(x.size, y.size))
    table = polygon_distance(np.linspace(0, radius.max(), shells), z.reshape(-1), profile)
    at = radius[..., 0] * np.float32((shells - 1) / radius.max())
    index = np.minimum(at.astype(np.int64), shells - 2)
    weight = (at - index)[..., None]
    return table[index] * (1 - weight) + table[index + 1] * weight


def polygon_distance(r: np.ndarray, z: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    """Signed distance table [r, z] of a closed polygon, inside by crossing parity."""
    r, z = (q.astype(np.float32) for q in np.meshgrid(r, z, indexing="ij"))
    nearest = np.full(r.shape, np.inf, dtype=np.float32)
    inside = np.zeros(r.shape, dtype=bool)
    closed = np.concatenate([polygon, polygon[:1]]).astype(np.float32)
    for (r0, z0), (r1, z1) in itertools.pairwise(closed):
        dr, dz = r1 - r0, z1 - z0
        # An edge on the axis bounds the polygon but not the solid.
        if r0 > 0 or r1 > 0:
            t = np.clip(((r - r0) * dr + (z - z0) * dz) / max(dr * dr + dz * dz, 1e-12), 0, 1)
            nearest = np.minimum(nearest, (r - r0 - t * dr) ** 2 + (z - z0 - t * dz) ** 2)
        if dz:
            inside ^= ((z0 > z) != (z1 > z)) & (r < r0 + (z - z0) * dr / dz)
    return np.where(inside, -1, 1) * np.sqrt(nearest)


def union(*parts: np.ndarray) -> np.ndarray:
    """All parts, with sharp creases."""
    whole = parts[0]
    for part in parts[1:]:
        whole = np.minimum(whole, part)
    return whole


def blend(k: float, *parts: np.ndarray) -> np.ndarray:
    """All parts, with creases filled over a width k (Quilez' polynomial smooth minimum)."""
    whole = parts[0]
    for part in parts[1:]:
        h = np.maximum(k - np.abs(whole - part), 0) / k
        whole = np.minimum(whole, part) - h * h * np.float32(k / 4)
    return whole


def carve(k: float, solid: np.ndarray, *tools: np.ndarray) -> np.ndarray:
    """The solid less the tools, with edges rounded over a width k."""
    for tool in tools:
        solid = -blend(k, -solid, tool)
    return solid
