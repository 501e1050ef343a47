"""Closed surfaces with texture coordinates: lathes and lofts, plates, and level sets of a field.

World frame: z up, the front faces -y. Vertices on a texture seam are doubled; `twin` says which
share a position, so normals and curvature run across the seam as if it were not there.
"""

import dataclasses
from collections.abc import Callable
from typing import Literal

import numpy as np
import scipy.interpolate
import scipy.ndimage
import skimage.measure

Field = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""Signed distance (negative inside) of broadcastable coordinates x, y, z."""

NODE_CLEARANCE = 1e-3
"""Smallest |field| at a grid node, in cells: keeps marching-cubes vertices apart."""

POLE = 1e-9
"""An end ring narrower than this share of the whole is a single point."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Surface:
    """A closed triangle mesh, unwrapped onto the unit square."""

    vertices: np.ndarray
    """World positions, [v, 3] float64."""
    faces: np.ndarray
    """Vertex indices, counter-clockwise seen from outside, [f, 3] int64."""
    uvs: np.ndarray
    """Texture coordinates in [0, 1], v = 1 is row 0 of the texture, [v, 2]."""
    twin: np.ndarray
    """Representative of all vertices at one position, [v] int64."""
    grid: tuple[int, int] | None = None
    """Rows and columns where the vertices form one grid over the whole texture."""
    projection: Literal["around", "front_back"] | None = None
    """How texture coordinates follow from positions, where they do."""


def smooth_curve(points, count: int) -> np.ndarray:
    """A curve [count, 2] through control points [p, 2], at even steps of arc length.

    Monotone cubic in each coordinate (Fritsch and Carlson 1980): no overshoot, so a radius that is
    positive at the control points stays positive between them.
    """
    points = np.asarray(points, dtype=float)
    chord = np.r_[0, np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=-1))]
    curve = scipy.interpolate.PchipInterpolator(chord, points, axis=0)
    dense = curve(np.linspace(0, chord[-1], 8 * count))
    arc = np.r_[0, np.cumsum(np.linalg.norm(np.diff(dense, axis=0), axis=-1))]
    even = np.linspace(0, arc[-1], count)
    return np.stack([np.interp(even, arc, axis) for axis in dense.T], axis=-1)


def volume_of_revolution(profile: np.ndarray) -> float:
    """Volume swept about z by a polyline [k, 2] of (radius, z) that starts and ends on the axis.

    The sum of its conical frusta, V = pi/3 sum (z1 - z0)(r0^2 + r0 r1 + r1^2); for a closed loop
    off the axis the same sum is Pappus' value.
    """
    (r0, z0), (r1, z1) = profile[:-1].T, profile[1:].T
    return float(np.pi / 3 * abs(np.sum((z1 - z0) * (r0 * r0 + r0 * r1 + r1 * r1))))


def lathe(profile: np.ndarray, *, columns: int, lobes: int = 0, lobe_depth: float = 0.0) -> Surface:
    """Turns a profile [k, 2] of (radius, z), anticlockwise in the (r, z) half-plane, about z.

    Lobes scale the radius by 1 + depth cos(lobes * angle) and so the volume by 1 + depth^2 / 2.
    """
    angle = 2 * np.pi * np.arange(columns) / columns
    radius = profile[:, :1] * (1 + lobe_depth * np.cos(lobes * angle))
    z = np.broadcast_to(profile[:, 1:], radius.shape)
    # Columns run from the back (+y), where the seam hides, by way of -x to the front.
    return tube(np.stack([-radius * np.sin(angle), radius * np.cos(angle), z], axis=-1))


def tube(rings: np.ndarray) -> Surface:
    """A grid of rings [k, n, 3], closed around n; end rings are single points or meet each other.

    Each ring runs anticlockwise seen along the direction in which the rings advance reversed, as
    seen from above when they climb.
    """
    rows, columns = rings.shape[:2]
    rings = rings.copy()
    poles = [row for row in (0, -1) if np.ptp(rings[row], axis=0).max() < POLE * np.ptp(rings)]
    rings[poles] = rings[poles].mean(axis=1, keepdims=True)
    vertices = np.concatenate([rings, rings[:, :1]], axis=1).reshape(-1, 3)
    corner = np.arange(rows * (columns + 1)).reshape(rows, columns + 1)
    a, b = corner[:-1, :-1], corner[:-1, 1:]
    d, c = corner[1:, :-1], corner[1:, 1:]
    faces = np.stack([np.stack([a, b, c], -1), np.stack([a, c, d], -1)], axis=2).reshape(-1, 3)
    twin = np.arange(rows)[:, None] * (columns + 1) + np.arange(columns + 1) % columns
    for row in poles:
        twin[row] = corner[row, 0]
    if np.array_equal(rings[0], rings[-1]):
        twin[-1] = twin[0]
    twin = twin.reshape(-1)
    u, v = np.meshgrid(np.linspace(0, 1, columns + 1), np.linspace(0, 1, rows))
    return Surface(
        vertices=vertices,
        faces=_without_collapsed(faces, twin),
        uvs=np.stack([u, v], axis=-1).reshape(-1, 2),
        twin=twin,
        grid=(rows, columns + 1),
    )


def _without_collapsed(faces: np.ndarray, twin: np.ndarray) -> np.ndarray:
    """Drops triangles with two corners at one position, as a pole makes them."""
    a, b, c = twin[faces].T
    return faces[(a != b) & (b != c) & (c != a)]


def plate(front: np.ndarray, back: np.ndarray) -> Surface:
    """Two height fields [r, c, 3] over one grid, joined along their common border.

    Rows climb in z and columns in x; the front half of the texture is on the left. Border positions
    must agree.
    """
    rows, columns = front.shape[:2]
    corner = np.arange(rows * columns).reshape(rows, columns)
    a, b = corner[:-1, :-1], corner[:-1, 1:]
    d, c = corner[1:, :-1], corner[1:, 1:]
    # A corner cell is cut so that no triangle has all corners on the border: it would meet its twin
    # from the other side and enclose nothing.
    turned = np.zeros(a.shape, dtype=bool)
    turned[0, -1] = turned[-1, 0] = True
    lower = np.stack([a, b, np.where(turned, d, c)], -1)
    upper = np.stack([np.where(turned, b, a), c, d], -1)
    ahead = np.stack([lower, upper]).reshape(-1, 3)
    rim = np.ones((rows, columns), dtype=bool)
    rim[1:-1, 1:-1] = False
    behind = np.where(rim, corner, corner + rows * columns)
    u, v = np.meshgrid(np.linspace(0, 0.5, columns), np.linspace(0, 1, rows))
    return Surface(
        vertices=np.concatenate([front, back]).reshape(-1, 3),
        faces=np.concatenate([ahead, ahead[:, ::-1] + rows * columns]),
        uvs=np.stack([np.stack([u, 1 - u]), np.stack([v, v])], axis=-1).reshape(-1, 2),
        twin=np.concatenate([corner.reshape(-1), behind.reshape(-1)]),
    )


def level_set(field: Field, low, high, *, cells: int) -> tuple[np.ndarray, np.ndarray]:
    """The zero surface of a field in the box [low, high]: vertices [v, 3] and outward faces [f, 3].

    Marching cubes (Lewiner et al. 2003) on about `cells` cubes.
    """
    low, high = np.asarray(low, dtype=float), np.asarray(high, dtype=float)
    step = float((np.prod(high - low) / cells) ** (1 / 3))
    counts = np.ceil((high - low) / step).astype(int) + 1
    axes = [lo + step * np.arange(n) for lo, n in zip(low, counts, strict=True)]
    x, y, z = np.meshgrid(*(axis.astype(np.float32) for axis in axes), indexing="ij", sparse=True)
    values = field(x, y, z)
    clearance = np.float32(NODE_CLEARANCE * step)
    values = np.where(np.abs(values) < clearance, clearance, values)
    inside = _in_one_piece(values < 0)
    values = np.where(inside, np.minimum(values, -clearance), np.maximum(values, clearance))
    vertices, faces, _, _ = skimage.measure.marching_cubes(
        values, 0.0, spacing=(step, step, step), gradient_direction="descent"
    )
    return vertices + low, faces.astype(np.int64)


def _in_one_piece(inside: np.ndarray) -> np.ndarray:
    """Fills hollows that no path reaches from outside and drops specks, so the surface is one.

    A tip thinner than a cell can come loose as a speck; anything larger is a mistake in the field.
    """
    hollows, _ = scipy.ndimage.label(~inside)
    solids, _ = scipy.ndimage.label(hollows != hollows[0, 0, 0])
    sizes = np.bincount(solids.reshape(-1))[1:]
    assert sizes.max() > 0.999 * sizes.sum(), f"the field has parts of {sizes} grid nodes"
    return solids == 1 + sizes.argmax()


def unwrap_around(vertices: np.ndarray, faces: np.ndarray) -> Surface:
    """Angle and height about the z axis as texture coordinates, with the seam at the back (+y)."""
    x, y, z = vertices.T
    u = np.arctan2(-x, y) / (2 * np.pi) % 1.0
    v = (z - z.min()) / np.ptp(z)
    across = np.ptp(u[faces], axis=1) > 0.5
    doubled = across[:, None] & (u[faces] < 0.5)
    # Past the seam u would exceed one by a fraction of a face; it is held at the border.
    return _split(
        vertices, faces, np.stack([u, v], -1), np.stack([0 * u + 1, v], -1), doubled, "around"
    )


def unwrap_front_back(vertices: np.ndarray, faces: np.ndarray) -> Surface:
    """The front (towards -y) on the left half of the texture, the back mirrored on the right."""
    x, _, z = vertices.T
    u = 0.5 * (x - x.min()) / np.ptp(x)
    v = (z - z.min()) / np.ptp(z)
    a, b, c = vertices[faces].transpose(1, 0, 2)
    behind = np.cross(b - a, c - a)[:, 1] > 0
    doubled = np.broadcast_to(behind[:, None], faces.shape)
    return _split(
        vertices, faces, np.stack([u, v], -1), np.stack([1 - u, v], -1), doubled, "front_back"
    )


def _split(vertices, faces, uvs, second_uvs, doubled, projection) -> Surface:
    """Gives each doubled face corner a second vertex that carries the second coordinates."""
    corner = np.where(doubled, faces + len(vertices), faces)
    # Vertices without a face are dropped: they would colour texels that are not theirs.
    used, renumbered = np.unique(corner, return_inverse=True)
    _, first, position = np.unique(used % len(vertices), return_index=True, return_inverse=True)
    return Surface(
        vertices=vertices[used % len(vertices)],
        faces=renumbered.reshape(-1, 3),
        uvs=np.concatenate([uvs, second_uvs])[used],
        twin=first[position],
        projection=projection,
    )


def _gather(surface: Surface, index: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Sums values [n, c] at vertex positions; every twin receives the sum."""
    at, count = surface.twin[index], len(surface.vertices)
    sums = [np.bincount(at, weights=column, minlength=count) for column in values.T]
    return np.stack(sums, axis=-1)[surface.twin]


def smooth_normals(surface: Surface) -> np.ndarray:
    """Unit vertex normals [v, 3], weighted by face area and shared across seams."""
    a, b, c = surface.vertices[surface.faces].transpose(1, 0, 2)
    area = np.cross(b - a, c - a)
    total = _gather(surface, surface.faces.T.reshape(-1), np.tile(area, (3, 1)))
    return total / np.maximum(np.linalg.norm(total, axis=-1, keepdims=True), 1e-30)


def concavity(surface: Surface, normals: np.ndarray, *, rounds: int = 4) -> np.ndarray:
    """How far each vertex lies below its neighbours' mean, in edge lengths, smoothed, [v]."""
    start = surface.faces.T.reshape(-1)
    end = surface.faces[:, [1, 2, 0]].T.reshape(-1)
    both, other = np.concatenate([start, end]), np.concatenate([end, start])
    edges = surface.vertices[other] - surface.vertices[both]
    along = np.sum(edges * normals[both], axis=-1) / np.linalg.norm(edges, axis=-1).mean()
    degree = _gather(surface, both, np.ones((len(both), 1)))[:, 0]
    value = _gather(surface, both, along[:, None])[:, 0] / np.maximum(degree, 1)
    for _ in range(rounds):
        mean = _gather(surface, both, value[other][:, None])[:, 0] / np.maximum(degree, 1)
        value = 0.5 * (value + mean)
    return value


def signed_volume(vertices: np.ndarray, faces: np.ndarray) -> float:
    """Enclosed volume by the divergence theorem; negative where faces point inward."""
    a, b, c = vertices[faces].transpose(1, 0, 2)
    return float(np.sum(a * np.cross(b, c)) / 6)
