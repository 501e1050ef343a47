"""The surface of a signed distance field as a mesh (specification one2345 C.16).

    mesh = extract(one2345_predictor.read(views), SurfaceSettings(resolution=256))

The original asks for every distance, leaves holes where the surface meets the cube's faces, keeps
every floater, and colours vertices by views that cannot see them; `SurfaceSettings.literal` does.
"""

import dataclasses
import logging
from typing import Literal

import numpy as np
import skimage.measure

from jaxrelic.errors import UserError
from jaxrelic.geometry import meshes
from jaxrelic.inference.surface import colours as surface_colours
from jaxrelic.inference.surface import grid
from jaxrelic.inference.surface import texture as surface_texture
from jaxrelic.inference.surface.fields import ColourField, DistanceField

NODE_CLEARANCE = 1e-3
"""Least distance at a grid point, in cells: keeps the vertices of marching cubes apart."""
LID_STEEPNESS = 100
"""How much farther outside a point beyond the cube is than its neighbour on the face is inside.
Lids lie a hundredth of a cell off the faces, so that vertices stay apart at edges and corners."""

_log = logging.getLogger(__name__)


class NoSurfaceError(UserError):
    """The field has one sign everywhere."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SurfaceSettings:
    """How a field becomes a mesh."""

    resolution: int = 256
    """Points per side of the grid."""
    coarsest: int | None = 65
    """Most points per side of the grid that the search for the surface begins with; None computes
    every point of the fine grid, as the original does."""
    safety: float = 2.0
    """How much farther the surface may be from a grid point than its distance and the field's
    slope say, before it is missed."""
    only_known: bool = True
    """What fewer than two views see is outside; else the network's extrapolation counts."""
    closed: bool = True
    """Lids where the surface meets the faces of the cube."""
    min_share: float = 0.01
    """Pieces with less than this share of the largest one's volume are dropped, and hollows that
    nobody can look into are filled; 1 keeps the largest piece, 0 keeps everything."""
    colour: Literal["vertices", "texture", "none"] = "vertices"
    """Colours at the vertices, in a texture (needs xatlas), or none."""
    colours: surface_colours.ColourSettings = dataclasses.field(
        default_factory=surface_colours.ColourSettings
    )
    """Choice of the views that colour each part of the surface."""
    texture: surface_texture.TextureSettings = dataclasses.field(
        default_factory=surface_texture.TextureSettings
    )
    """Settings of `colour` "texture"."""

    def __post_init__(self) -> None:
        if self.resolution < 8 or (self.coarsest is not None and self.coarsest < 8):
            raise ValueError("a grid of fewer than 8 points per side shows nothing; set more")
        if not 0 <= self.min_share <= 1:
            raise ValueError(f"min_share is {self.min_share}; set a share between 0 and 1")
        if self.min_share > 0 and not self.closed:
            raise ValueError("open pieces have no volume to share; set min_share 0, or closed")

    @classmethod
    def literal(cls) -> "SurfaceSettings":
        """The original's extraction."""
        return cls(
            coarsest=None,
            only_known=False,
            closed=False,
            min_share=0.0,
            colours=surface_colours.ColourSettings.literal(),
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Surface:
    """A surface without colours, in the frame of the cube."""

    vertices: np.ndarray
    """[v, 3] float32."""
    faces: np.ndarray
    """Counter-clockwise seen from outside, [f, 3] int32."""
    evaluated: int
    """Points whose distance was computed."""


def extract(field: ColourField, settings: SurfaceSettings) -> meshes.Mesh:
    """The coloured mesh of a field, in the world."""
    surface = find_surface(field, settings)
    _log.info(
        "%d faces; %d of %d distances computed",
        len(surface.faces),
        surface.evaluated,
        settings.resolution**3,
    )
    vertices = np.asarray(field.cube.to_world(surface.vertices), np.float32)
    mesh = meshes.Mesh(vertices=vertices, faces=surface.faces)
    if settings.colour == "none":
        return mesh
    mesh = surface_colours.paint(field, mesh, settings.colours)
    if settings.colour == "vertices":
        return mesh
    return surface_texture.bake(field, mesh, settings.colours, settings.texture)


def find_surface(field: DistanceField, settings: SurfaceSettings) -> Surface:
    """Marching cubes on the distances, and the pieces that are worth keeping."""
    cell = 2 / (settings.resolution - 1)

    def distances(points: np.ndarray) -> np.ndarray:
        found = field.distances(points)
        if settings.only_known:
            found = np.where(field.known(points), found, np.maximum(found, cell))
        return found

    sampled = grid.sample(
        distances, settings.resolution, coarsest=settings.coarsest, safety=settings.safety
    )
    vertices, faces = level_set(sampled.values, closed=settings.closed)
    vertices, faces = _worth_keeping(vertices, faces, settings.min_share)
    return Surface(vertices=vertices, faces=faces, evaluated=sampled.evaluated)


def level_set(values: np.ndarray, *, closed: bool) -> tuple[np.ndarray, np.ndarray]:
    """Marching cubes (Lewiner et al. 2003) of distances [r, r, r] at the points of the cube.

    Returns:
        vertices [v, 3] float32 in [-1, 1] and faces [f, 3] int32, facing outward.
    """
    if not np.isfinite(values).all():
        raise UserError("the field has distances that are not finite; the model has diverged")
    low, high = float(values.min()), float(values.max())
    if low >= 0 or high < 0:
        side = "outside" if low >= 0 else "inside"
        raise NoSurfaceError(
            f"the field has no surface: every point of the cube is {side} (distances from "
            f"{low:.3g} to {high:.3g}); train the model longer, or check cameras and masks"
        )
    cell = 2 / (len(values) - 1)
    clearance = np.float32(NODE_CLEARANCE * cell)
    values = np.where(
        np.abs(values) < clearance, np.where(values < 0, -clearance, clearance), values
    )
    if closed:
        values = _with_outside(values)
    vertices, faces, _, _ = skimage.measure.marching_cubes(values, 0.0)
    vertices = (vertices - float(closed)) * cell - 1
    return np.float32(vertices), faces.astype(np.int32)


def _with_outside(values: np.ndarray) -> np.ndarray:
    """A layer of points around the cube that are all outside."""
    padded = np.pad(values, 1, mode="edge")
    beyond = np.ones(padded.shape, bool)
    beyond[1:-1, 1:-1, 1:-1] = False
    padded[beyond] = LID_STEEPNESS * np.abs(padded[beyond])
    return padded


def _worth_keeping(
    vertices: np.ndarray, faces: np.ndarray, min_share: float
) -> tuple[np.ndarray, np.ndarray]:
    """Drops small pieces and hollows, and the vertices that only they have."""
    if min_share > 0:
        piece = meshes.pieces(faces, len(vertices))[faces[:, 0]]
        a, b, c = np.moveaxis(vertices[faces].astype(np.float64), 1, 0)
        volume = np.bincount(piece, np.sum(a * np.cross(b, c), axis=-1) / 6)
        # The shell of a hollow faces inward, so its volume is negative.
        faces = faces[(volume >= min_share * volume.max())[piece]]
    used = np.zeros(len(vertices), bool)
    used[faces] = True
    return vertices[used], (np.cumsum(used, dtype=np.int32) - 1)[faces]
