"""What a painter knows about each texel: where on the relic it lies, how it faces, how deep."""

import dataclasses
import functools

import cv2
import numpy as np
import scipy.ndimage

from data_engine.procedural.surfaces import Surface, concavity, smooth_normals

TEXTURE_SIZE = 256
"""Side of every texture, in texels."""

_NODES, _CELLS = 128, 16
"""Nodes and coarsest cells of one period of noise, along each axis."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Canvas:
    """Maps over the texture, [h, w] or [h, w, 3] float32, row 0 on top."""

    points: np.ndarray
    """Positions in units of the longest side; x and y from the middle, z from the bottom."""
    normals: np.ndarray
    """Outward unit normals."""
    hollow: np.ndarray
    """Concavity: about +1 in grooves, -1 on worn edges, 0 where flat."""
    shift: np.ndarray
    """Where in the noise this relic lies, in periods, [3]."""

    @property
    def height(self) -> np.ndarray:
        """0 at the bottom, 1 at the top."""
        z = self.points[..., 2]
        return (z - z.min()) / np.ptp(z)

    @property
    def turn(self) -> np.ndarray:
        """Angle about z in turns, 0.5 at the front."""
        return np.arctan2(-self.points[..., 0], self.points[..., 1]) / (2 * np.pi) % 1

    @property
    def outward(self) -> np.ndarray:
        """1 where the surface faces away from the z axis, -1 inside a vessel."""
        radial = self.points[..., :2] / np.maximum(
            np.linalg.norm(self.points[..., :2], axis=-1, keepdims=True), 1e-6
        )
        return np.sum(radial * self.normals[..., :2], axis=-1)

    def noise(self, scale: float, *, octaves: int = 3, seed: int = 0) -> np.ndarray:
        """Smooth noise of the position, evenly spread over [0, 1]; `scale` cells per longest side.

        Computed at half size, since the finest octave is several texels wide.
        """
        width, height = self.points.shape[1::-1]
        points = cv2.resize(self.points, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
        # Irrational shifts keep the noises of one relic apart.
        shift = self.shift + np.float32([0.37, 0.71, 0.13]) * seed
        at = (points * np.float32(scale / _CELLS) + shift) * _NODES
        values = scipy.ndimage.map_coordinates(
            _fractal(octaves), np.moveaxis(at, -1, 0), order=1, mode="grid-wrap", prefilter=False
        )
        return cv2.resize(_spread(values), (width, height))


@functools.cache
def _fractal(octaves: int) -> np.ndarray:
    """A periodic block of value noise, each octave twice as fine and half as strong.

    One block serves every relic, at a different shift: summing octaves once and looking them up
    costs a quarter of summing them per texel.
    """
    rng, total = np.random.default_rng(octaves), np.zeros((_NODES,) * 3, np.float32)
    for octave in range(octaves):
        block = rng.random((_CELLS << octave,) * 3, dtype=np.float32)
        for axis in range(3):
            block = _stretch(block, axis)
        total += block / 2**octave
    return total


def _stretch(block: np.ndarray, axis: int) -> np.ndarray:
    """Periodic linear interpolation along one axis to the full number of nodes."""
    cells = block.shape[axis]
    at = np.arange(_NODES) * (cells / _NODES)
    low = at.astype(int)
    shape = [1, 1, 1]
    shape[axis] = _NODES
    weight = (at - low).astype(np.float32).reshape(shape)
    ahead = np.take(block, (low + 1) % cells, axis)
    return np.take(block, low, axis) * (1 - weight) + ahead * weight


def _spread(values: np.ndarray) -> np.ndarray:
    """Maps roughly normal values to [0, 1] by the logistic of their z-score."""
    return (1 / (1 + np.exp(-1.7 * (values - values.mean()) / (values.std() + 1e-9)))).astype(
        np.float32
    )


def canvas_of(surface: Surface, rng: np.random.Generator) -> Canvas:
    """Carries position, normal and concavity of the vertices over to the texels."""
    normals = smooth_normals(surface)
    hollow = concavity(surface, normals)
    low, high = surface.vertices.min(0), surface.vertices.max(0)
    anchor = np.array([*(low + high)[:2] / 2, low[2]])
    points = (surface.vertices - anchor) / (high - low).max()
    columns = np.concatenate([points, normals, hollow[:, None]], axis=-1).astype(np.float32)
    maps = _from_grid(surface, columns) if surface.grid else _from_scatter(surface, columns)
    unit = maps[..., 3:6] / np.maximum(np.linalg.norm(maps[..., 3:6], axis=-1)[..., None], 1e-6)
    # Half of any surface counts as flat: that keeps the mesh's own steps out of the dirt.
    depth = np.abs(maps[..., 6])
    flat, deep = np.percentile(depth[::2, ::2], (50, 97))
    return Canvas(
        points=np.ascontiguousarray(maps[..., :3]),
        normals=unit,
        hollow=np.sign(maps[..., 6]) * np.clip((depth - flat) / (deep - flat + 0.02), 0, 1),
        shift=rng.random(3, dtype=np.float32),
    )


def _from_grid(surface: Surface, columns: np.ndarray) -> np.ndarray:
    """Linear interpolation of the vertex grid at texel centres."""
    rows, across = surface.grid
    centre = ((np.arange(TEXTURE_SIZE) + 0.5) / TEXTURE_SIZE).astype(np.float32)
    x, y = np.meshgrid(centre * (across - 1), (1 - centre) * (rows - 1))
    grid = columns.reshape(rows, across, -1)
    channels = [
        cv2.remap(np.ascontiguousarray(grid[..., c]), x, y, cv2.INTER_LINEAR)
        for c in range(grid.shape[-1])
    ]
    return np.stack(channels, axis=-1)


def _from_scatter(surface: Surface, columns: np.ndarray) -> np.ndarray:
    """Averages vertices per texel and fills the gaps from coarser levels (pull-push)."""
    size = TEXTURE_SIZE // 2
    texel = np.clip((surface.uvs * size).astype(int), 0, size - 1)
    at = (size - 1 - texel[:, 1]) * size + texel[:, 0]
    weighted = np.concatenate([columns, np.ones((len(columns), 1), np.float32)], axis=-1)
    sums = [np.bincount(at, weights=w, minlength=size * size) for w in weighted.T]
    level = np.stack(sums, axis=-1).reshape(size, size, -1).astype(np.float32)
    pyramid = [level]
    while len(pyramid[-1]) > 4:
        a = pyramid[-1]
        pyramid.append(a[::2, ::2] + a[1::2, ::2] + a[::2, 1::2] + a[1::2, 1::2])
    filled = pyramid[-1][..., :-1] / np.maximum(pyramid[-1][..., -1:], 1e-6)
    for level in pyramid[-2::-1]:
        filled = _resize(filled, len(level))
        trust = level[..., -1:] / (level[..., -1:] + 0.3)
        mean = level[..., :-1] / np.maximum(level[..., -1:], 1e-6)
        filled = filled + trust * (mean - filled)
    return _exact(_resize(filled, TEXTURE_SIZE), surface, columns)


def _resize(image: np.ndarray, size: int) -> np.ndarray:
    """Bilinear enlargement; OpenCV takes four channels at once."""
    parts = [
        cv2.resize(np.ascontiguousarray(image[..., c : c + 4]), (size, size)).reshape(
            size, size, -1
        )
        for c in range(0, image.shape[-1], 4)
    ]
    return np.concatenate(parts, axis=-1)


def _exact(maps: np.ndarray, surface: Surface, columns: np.ndarray) -> np.ndarray:
    """Replaces the coordinates that the unwrapping fixes, so that painted lines are straight."""
    if surface.projection is None:
        return maps
    u = (np.arange(TEXTURE_SIZE) + 0.5) / TEXTURE_SIZE
    (x0, _, z0), (x1, _, z1) = columns[:, :3].min(0), columns[:, :3].max(0)
    maps[..., 2] = (z1 + (z0 - z1) * u)[:, None]
    if surface.projection == "front_back":
        maps[..., 0] = x0 + (x1 - x0) * 2 * np.minimum(u, 1 - u)
    else:
        radius = np.hypot(maps[..., 0], maps[..., 1])
        maps[..., 0] = -radius * np.sin(2 * np.pi * u)
        maps[..., 1] = radius * np.cos(2 * np.pi * u)
    return maps
