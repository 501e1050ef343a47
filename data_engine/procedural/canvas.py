"""What a painter knows about each texel: where on the relic it lies, how it faces, how deep."""

import dataclasses

import cv2
import numpy as np
import scipy.ndimage

from data_engine.procedural.surfaces import Surface, concavity, smooth_normals

TEXTURE_SIZE = 256
"""Side of every texture, in texels."""

_LATTICE = 32


@dataclasses.dataclass(frozen=True, kw_only=True)
class Canvas:
    """Maps over the texture, [h, w] or [h, w, 3] float32, row 0 on top."""

    points: np.ndarray
    """Positions in units of the longest side; x and y from the middle, z from the bottom."""
    normals: np.ndarray
    """Outward unit normals."""
    hollow: np.ndarray
    """Concavity: about +1 in grooves, -1 on worn edges, 0 where flat."""
    lattice: np.ndarray
    """Random values on a periodic lattice; `noise` reads it."""

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
        points = self.points[::2, ::2].reshape(-1, 3).T
        total = np.zeros(points.shape[1], dtype=np.float32)
        for octave in range(octaves):
            # Irrational shifts keep octaves and seeds from sharing lattice planes.
            shift = np.array([0.37, 0.71, 0.13])[:, None] * (7.3 * seed + 3.1 * octave + 1)
            at = (points * scale * 2**octave + shift * _LATTICE) % _LATTICE
            total += _trilinear(self.lattice, at) / 2**octave
        image = _spread(total).reshape(self.points[::2, ::2].shape[:2])
        return cv2.resize(image, self.points.shape[1::-1], interpolation=cv2.INTER_LINEAR)


def _trilinear(lattice: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Periodic linear interpolation at positions [3, n]."""
    return scipy.ndimage.map_coordinates(lattice, at, order=1, mode="grid-wrap", prefilter=False)


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
    spread = np.percentile(np.abs(maps[..., 6]), 97) + 0.03
    return Canvas(
        points=np.ascontiguousarray(maps[..., :3]),
        normals=unit,
        hollow=np.clip(maps[..., 6] / spread, -1, 1),
        lattice=rng.random((_LATTICE,) * 3, dtype=np.float32),
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
