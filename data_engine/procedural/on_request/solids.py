"""Solids of random proportions about the origin: the vocabulary of the abstract family.

Every solid fits roughly into the unit ball. A shape is a function of coordinates, so that it can be
moved, folded, twisted and combined before a single grid node is evaluated.
"""

from collections.abc import Callable

import numpy as np
import scipy.ndimage

from data_engine.procedural import fields
from data_engine.procedural.fields import Coordinates
from data_engine.procedural.surfaces import smooth_curve

Shape = Callable[[Coordinates], np.ndarray]
"""Signed distance, negative inside, of coordinates of one common shape."""

TABLE_SIZE = 96
"""Nodes along each side of a tabulated outline."""
_SHIFT = 8.0
"""Outlines are moved right by this: left of the axis `polygon_distance` knows no edges."""


def ellipsoid(rng: np.random.Generator) -> Shape:
    """An ellipsoid, egg-shaped at times."""
    radii, egg = rng.uniform(0.35, 1, 3), rng.uniform(-0.35, 0.35) * (rng.random() < 0.4)

    def shape(p: Coordinates) -> np.ndarray:
        x, y, z = p
        wider = 1 / (1 + np.float32(egg) * np.clip(z, -1, 1))
        return fields.ellipsoid((x * wider, y * wider, z), (0, 0, 0), radii)

    return shape


def box(rng: np.random.Generator) -> Shape:
    """A box with edges from sharp to well rounded, tapered at times."""
    half = rng.uniform(0.25, 0.8, 3)
    rounding = float(rng.choice([0.02, 0.1, 0.3]) * half.min())
    taper = rng.uniform(-0.5, 0.5) * (rng.random() < 0.4)

    def shape(p: Coordinates) -> np.ndarray:
        x, y, z = p
        wider = 1 / (1 + np.float32(taper) * np.clip(z / half[2], -1, 1)).astype(np.float32)
        return fields.box((x * wider, y * wider, z), (0, 0, 0), half, rounding=rounding)

    return shape


def frustum(rng: np.random.Generator) -> Shape:
    """A cylinder, a cone or what lies between, of a round or many-sided section."""
    low, high = (1, 1) if rng.random() < 0.4 else rng.uniform(0.05, 1, 2)
    radius, half = rng.uniform(0.3, 0.8), rng.uniform(0.2, 0.9)
    sides, turn = int(rng.choice([0, 0, 3, 4, 5, 6, 8])), rng.uniform(0, 2 * np.pi)
    rounding = np.float32(rng.choice([0.0, 0.05, 0.12]))

    def shape(p: Coordinates) -> np.ndarray:
        x, y, z = p
        share = np.clip(0.5 + z / (2 * half), 0, 1)
        around = radius * (low + (high - low) * share)
        side = (_section(x, y, sides, turn) - around).astype(np.float32) + rounding
        cap = np.abs(z) - np.float32(half) + rounding
        outside = np.hypot(np.maximum(side, 0), np.maximum(cap, 0))
        return outside + np.minimum(np.maximum(side, cap), 0) - rounding

    return shape


def _section(x: np.ndarray, y: np.ndarray, sides: int, turn: float) -> np.ndarray:
    """Distance from the axis in the norm whose unit circle is a regular polygon; round for 0."""
    radius = np.hypot(x, y)
    if not sides:
        return radius
    wedge = 2 * np.pi / sides
    angle = (np.arctan2(y, x) + turn) % wedge - wedge / 2
    return radius * np.cos(angle)


def torus(rng: np.random.Generator) -> Shape:
    """A ring about z, of a round or flattened section."""
    radius, thickness, flat = rng.uniform(0.5, 0.8), rng.uniform(0.08, 0.3), rng.uniform(0.4, 2)
    return lambda p: fields.ring(
        (p[0], p[1], p[2] * np.float32(flat)), (0, 0, 0), radius, thickness, axis=2
    )


def capsule(rng: np.random.Generator) -> Shape:
    """A rounded rod along z that narrows."""
    half, low, high = rng.uniform(0.4, 0.9), *rng.uniform(0.08, 0.4, 2)
    return lambda p: fields.limb(p, (0, 0, -half), (0, 0, half), low, high)


def superquadric(rng: np.random.Generator) -> Shape:
    """A superellipsoid (Barr 1981): pillows, barrels, octahedra and all between them."""
    radii, (e1, e2) = rng.uniform(0.35, 0.9, 3), rng.uniform(0.25, 1.8, 2)

    def shape(p: Coordinates) -> np.ndarray:
        x, y, z = (np.abs(q / np.float32(r)) + 1e-4 for q, r in zip(p, radii, strict=True))
        ring = (x ** np.float32(2 / e2) + y ** np.float32(2 / e2)) ** np.float32(e2 / e1)
        level = (ring + z ** np.float32(2 / e1)) ** np.float32(e1 / 2)
        return (level - 1) * np.float32(radii.min())

    return shape


def lathe(rng: np.random.Generator, *, hollow: bool | None = None) -> Shape:
    """A turned solid of a random profile, a vessel open at the top if hollow."""
    hollow = rng.random() < 0.5 if hollow is None else hollow
    profile = _profile(rng)
    if hollow:
        profile = _opened(profile, wall=rng.uniform(0.06, 0.11))
    lobes = int(rng.integers(3, 12)) if rng.random() < 0.25 else 0
    depth, turn = rng.uniform(0.03, 0.12), rng.uniform(-2, 2) * (rng.random() < 0.4)
    square = rng.uniform(2.5, 6) if rng.random() < 0.15 else 2.0
    table = _table(profile, low=0.0)

    def shape(p: Coordinates) -> np.ndarray:
        x, y, z = p
        radius = np.hypot(x, y) if square == 2 else _superellipse(x, y, square)
        if lobes:
            angle = lobes * (np.arctan2(y, x) + np.float32(turn) * z)
            radius = radius / (1 + np.float32(depth) * np.cos(angle))
        return _looked_up(table, 0.0, radius, z)

    return shape


def turned(outer: np.ndarray, *, wall: float) -> Shape:
    """A vessel open at the top whose outer wall swings through points [k, 2] of (radius, z)."""
    side = smooth_curve(outer, 36)
    profile = np.concatenate([[[0, side[0, 1]]], side, [[0, side[-1, 1]]]])
    table = _table(_opened(profile, wall=wall), low=0.0)
    return lambda p: _looked_up(table, 0.0, np.hypot(p[0], p[1]), p[2])


def _superellipse(x: np.ndarray, y: np.ndarray, power: float) -> np.ndarray:
    total = (np.abs(x) + 1e-4) ** np.float32(power) + (np.abs(y) + 1e-4) ** np.float32(power)
    return total ** np.float32(1 / power)


def _profile(rng: np.random.Generator) -> np.ndarray:
    """A profile [k, 2] of (radius, z) from the axis below to the axis above."""
    count = int(rng.integers(3, 8))
    z = np.sort(rng.uniform(-0.9, 0.9, count))
    z[[0, -1]] = -0.9, 0.9
    z += np.linspace(0, 1e-3, count)
    radius = rng.uniform(0.1, 0.75, count) * rng.uniform(0.6, 1)
    side = np.stack([radius, z], axis=-1)
    if rng.random() < 0.7:
        side = smooth_curve(side, 36)
    return np.concatenate([[[0, side[0, 1]]], side, [[0, side[-1, 1]]]])


def _opened(profile: np.ndarray, *, wall: float) -> np.ndarray:
    """Takes the inside out of a profile from above, down to a floor of the wall's thickness."""
    outer = profile[1:-1]
    inner = np.maximum(outer[::-1] - [wall, 0], [0.02, -2])
    inner = inner[inner[:, 1] > outer[0, 1] + 1.5 * wall]
    floor = [[0, outer[0, 1] + 1.5 * wall]]
    return np.concatenate([profile[:1], outer, inner, floor])


def extrusion(rng: np.random.Generator, *, half: float | None = None) -> Shape:
    """A plate or block of a random outline in x and z, with rounded or sharp edges."""
    half = float(rng.uniform(0.05, 0.5)) if half is None else half
    table = _table(outline(rng) * rng.uniform([0.5, 0.5], [1, 1]), low=-1.3)
    swell, rounding = rng.uniform(0, 0.8) * half, np.float32(rng.choice([0.1, 0.5, 1]) * half)

    def shape(p: Coordinates) -> np.ndarray:
        x, y, z = p
        side = _looked_up(table, -1.3, x, z) + rounding
        cap = np.abs(y) - np.float32(half) + rounding
        cap = cap - np.float32(swell) * np.sqrt(np.clip(-side, 0, 0.3))
        outside = np.hypot(np.maximum(side, 0), np.maximum(cap, 0))
        return outside + np.minimum(np.maximum(side, cap), 0) - rounding

    return shape


def outline(rng: np.random.Generator) -> np.ndarray:
    """A closed polygon [k, 2] about the origin, within the unit circle."""
    kind, angle = rng.integers(4), np.linspace(0, 2 * np.pi, 64, endpoint=False)
    if kind == 0:  # Fourier series
        order = np.arange(1, 8)
        weight, phase = rng.normal(size=7) / order**1.2, rng.uniform(0, 2 * np.pi, 7)
        radius = 1 + 0.35 * np.cos(angle[:, None] * order + phase) @ weight
    elif kind == 1:  # a star, sharp or soft
        tips, deep = rng.integers(3, 9), rng.uniform(0.1, 0.6)
        radius = 1 - deep * (0.5 - 0.5 * np.cos(tips * angle)) ** rng.uniform(0.4, 1.5)
    elif kind == 2:  # a leaf or blade: two mirrored halves
        height = np.linspace(-1, 1, 32)
        width = np.interp(height, np.linspace(-1, 1, 6), rng.uniform(0.05, 0.6, 6))
        right = smooth_curve(np.stack([width, height], axis=-1), 32)
        return np.concatenate([right, right[::-1] * [-1, 1]])
    else:  # a few corners
        angle = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(5, 10)))
        radius = rng.uniform(0.4, 1, len(angle))
    radius = np.clip(radius, 0.15, None) / radius.max()
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)


def _table(polygon: np.ndarray, *, low: float) -> np.ndarray:
    """Signed distances on the square [low, 1.3] x [-1.3, 1.3], negative inside."""
    across = np.linspace(low, 1.3, TABLE_SIZE)
    along = np.linspace(-1.3, 1.3, TABLE_SIZE)
    shift = 0.0 if low == 0 else _SHIFT
    return fields.polygon_distance(across + shift, along, polygon + np.array([shift, 0]))


def _looked_up(table: np.ndarray, low: float, across: np.ndarray, along: np.ndarray) -> np.ndarray:
    """Linear interpolation in a table; beyond its border the distance goes on rising."""
    last = TABLE_SIZE - 1
    a = (across - np.float32(low)) * np.float32(last / (1.3 - low))
    b = (along + np.float32(1.3)) * np.float32(last / 2.6)
    at = np.stack(np.broadcast_arrays(a, b))
    inside = np.clip(at, 0, last)
    beyond = np.abs(at - inside).max(axis=0) * np.float32(2.6 / last)
    value = scipy.ndimage.map_coordinates(table, inside, order=1, prefilter=False)
    return value.astype(np.float32) + beyond


def curve(rng: np.random.Generator) -> Shape:
    """A rod along a smooth curve: hooks, handles, horns, open and closed rings."""
    count, closed = int(rng.integers(3, 6)), rng.random() < 0.35
    if closed:
        angle = np.linspace(0, 2 * np.pi, 13)
        wave = 1 + 0.3 * np.cos(angle[:, None] * [2, 3] + rng.uniform(0, 6, 2)) @ rng.random(2)
        points = 0.6 * np.stack(
            [wave * np.cos(angle), 0.4 * np.sin(2 * angle), wave * np.sin(angle)]
        )
        points = points.T * rng.uniform([0.5, 0, 0.5], [1, 1, 1])
    else:
        knots = rng.uniform(-0.85, 0.85, (count, 3)) * [1, rng.uniform(0.1, 1), 1]
        t = np.linspace(0, 1, 11)
        points = np.stack([np.interp(t, np.linspace(0, 1, count), k) for k in knots.T], axis=-1)
        points = scipy.ndimage.gaussian_filter1d(points, 1.2, axis=0, mode="nearest")
    radii = rng.uniform(0.06, 0.2) * (1 + rng.uniform(-0.6, 0.6) * np.linspace(-1, 1, len(points)))
    if closed:
        radii[:] = radii.mean()
    return lambda p: fields.path(p, points, radii)


SOLIDS: dict[str, Callable[[np.random.Generator], Shape]] = {
    "ellipsoid": ellipsoid,
    "box": box,
    "frustum": frustum,
    "torus": torus,
    "capsule": capsule,
    "superquadric": superquadric,
    "lathe": lathe,
    "extrusion": extrusion,
    "curve": curve,
}
"""Every solid by name."""


def any_solid(rng: np.random.Generator) -> Shape:
    """One of the solids, each kind as likely as any other."""
    return list(SOLIDS.values())[int(rng.integers(len(SOLIDS)))](rng)
