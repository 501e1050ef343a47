"""What is done to shapes: moving, folding, twisting, bumps; and the net they are cut from."""

from collections.abc import Callable

import numpy as np
import scipy.ndimage
import skimage.measure

from data_engine.procedural.fields import Coordinates
from data_engine.procedural.on_request.solids import Shape
from data_engine.procedural.surfaces import NODE_CLEARANCE, Surface

Warp = Callable[[Coordinates], Coordinates]

ROOM = 2.4
"""Half side of the cube in which shapes are looked for."""
COARSE = 40
"""Nodes per side of the grid that finds where a shape lies."""


def random_rotation(rng: np.random.Generator) -> np.ndarray:
    """A rotation [3, 3], uniform over all of them: the QR factors of a normal matrix."""
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    return q * np.sign(np.linalg.det(q))


def placed(shape: Shape, *, at, size: float, rotation: np.ndarray | None = None) -> Shape:
    """A shape moved to `at`, enlarged by `size`; columns of `rotation` are its axes."""
    turn = None if rotation is None else np.float32(rotation)
    at = np.float32(at)

    def moved(p: Coordinates) -> np.ndarray:
        q = [(c - a) / np.float32(size) for c, a in zip(p, at, strict=True)]
        if turn is not None:
            q = [sum(turn[j, i] * q[j] for j in range(3)) for i in range(3)]
        return shape(tuple(q)) * np.float32(size)

    return moved


def warped(shape: Shape, *warps: Warp) -> Shape:
    """A shape seen through warps of space, the last one nearest to the shape."""

    def bent(p: Coordinates) -> np.ndarray:
        for warp in warps:
            p = warp(p)
        return shape(p)

    return bent


def mirrored(p: Coordinates) -> Coordinates:
    """Left and right alike."""
    return np.abs(p[0]), p[1], p[2]


def repeated(count: int) -> Warp:
    """The wedge about +x, `count` times around z."""

    def warp(p: Coordinates) -> Coordinates:
        x, y, z = p
        wedge, radius = 2 * np.pi / count, np.hypot(x, y)
        angle = (np.arctan2(y, x) + wedge / 2) % wedge - wedge / 2
        return radius * np.cos(angle), radius * np.sin(angle), z

    return warp


def twisted(turns_per_unit: float) -> Warp:
    """Turns about z as it climbs."""

    def warp(p: Coordinates) -> Coordinates:
        x, y, z = p
        angle = np.float32(2 * np.pi * turns_per_unit) * z
        c, s = np.cos(angle), np.sin(angle)
        return c * x + s * y, c * y - s * x, z

    return warp


def bent(amount: float) -> Warp:
    """Leans towards +x with the square of the height."""
    return lambda p: (p[0] - np.float32(amount) * p[2] * p[2], p[1], p[2])


def bumpy(shape: Shape, rng: np.random.Generator, *, depth: float, wavelength: float) -> Shape:
    """A shape with random waves laid over its surface; creased where their sum folds at zero."""
    waves = random_waves(rng, count=6, wavelength=wavelength)
    creased = rng.random() < 0.4

    def rough(p: Coordinates) -> np.ndarray:
        height = waves(p)
        height = np.abs(height) * 2 - 1 if creased else height
        return shape(p) + np.float32(depth) * height

    return rough


def random_waves(rng: np.random.Generator, *, count: int, wavelength: float) -> Shape:
    """A sum of plane waves of random directions, of about unit size."""
    k = rng.normal(size=(count, 3))
    k *= 2 * np.pi / wavelength / np.linalg.norm(k, axis=-1, keepdims=True)
    k = np.float32(k * rng.uniform(0.6, 1.6, (count, 1)))
    phase = np.float32(rng.uniform(0, 2 * np.pi, count))
    scale = np.float32(np.sqrt(1 / count))

    def height(p: Coordinates) -> np.ndarray:
        return scale * sum(
            np.sin(sum(w * q for w, q in zip(a, p, strict=True)) + b)
            for a, b in zip(k, phase, strict=True)
        )

    return height


def room() -> Coordinates:
    """The coarse grid, dense."""
    axis = np.linspace(-ROOM, ROOM, COARSE, dtype=np.float32)
    return tuple(np.meshgrid(axis, axis, axis, indexing="ij"))


def surface_point(shape: Shape, rng: np.random.Generator) -> np.ndarray | None:
    """A random point [3] near the surface, None if there is none in the room."""
    grid = room()
    near = np.flatnonzero(np.abs(shape(grid).reshape(-1)) < ROOM / COARSE)
    if not len(near):
        return None
    return np.array([axis.reshape(-1)[near[rng.integers(len(near))]] for axis in grid])


def net(shape: Shape, *, cells: int) -> tuple[np.ndarray, np.ndarray] | None:
    """The largest piece's surface: vertices [v, 3] and outward faces [f, 3]; None if nothing.

    Smaller pieces are dropped and hollows that nothing reaches are filled: a relic is one body.
    """
    values = shape(room())
    inside = np.argwhere(values < ROOM / COARSE)
    if len(inside) < 8:
        return None
    spacing = 2 * ROOM / (COARSE - 1)
    low, high = (
        (edge + pad) * spacing - ROOM for edge, pad in ((inside.min(0), -1), (inside.max(0), 1))
    )
    step = float((np.prod(high - low) / cells) ** (1 / 3))
    axes = [np.arange(a, b + step, step, dtype=np.float32) for a, b in zip(low, high, strict=True)]
    values = shape(tuple(np.meshgrid(*axes, indexing="ij"))).astype(np.float32)
    values = np.pad(values, 1, constant_values=step)
    clearance = np.float32(NODE_CLEARANCE * step)
    body = _largest(values < 0)
    if body is None:
        return None
    values = np.where(body, np.minimum(values, -clearance), np.maximum(values, clearance))
    vertices, faces, _, _ = skimage.measure.marching_cubes(
        values, 0.0, spacing=(step,) * 3, gradient_direction="descent"
    )
    return vertices + low - step, faces.astype(np.int64)


def _largest(inside: np.ndarray) -> np.ndarray | None:
    """The largest connected part with its hollows filled."""
    parts, count = scipy.ndimage.label(inside)
    if not count:
        return None
    body = parts == 1 + np.bincount(parts.reshape(-1))[1:].argmax()
    return scipy.ndimage.binary_fill_holes(body)


def unwrap_box(vertices: np.ndarray, faces: np.ndarray) -> Surface:
    """Six views of the box side by side, three by two: each face goes to the side it faces most.

    Parts that hide one another in their view share texels, so what is painted must be a function of
    space; they then differ only where they lie at different depths.
    """
    a, b, c = vertices[faces].transpose(1, 0, 2)
    normal = np.cross(b - a, c - a)
    axis = np.abs(normal).argmax(axis=1)
    side = 2 * axis + (np.take_along_axis(normal, axis[:, None], 1)[:, 0] > 0)
    used, renumbered = np.unique(faces * 6 + side[:, None], return_inverse=True)
    vertex, side = used // 6, used % 6
    unit = (vertices - vertices.min(0)) / np.ptp(vertices, axis=0).max()
    planes = np.array([[1, 2], [0, 2], [0, 1]])[side // 2]
    margin = 0.02 + 0.96 * np.take_along_axis(unit[vertex], planes, axis=1)
    corner = np.stack([side // 2 / 3, side % 2 / 2], axis=-1)
    _, first, position = np.unique(vertex, return_index=True, return_inverse=True)
    return Surface(
        vertices=vertices[vertex],
        faces=renumbered.reshape(-1, 3),
        uvs=corner + margin / [3, 2],
        twin=first[position],
    )
