"""What the readers of OBJ, PLY and STL hand over, whatever the format."""

import dataclasses

import numpy as np

from data_engine.catalog.notes import Note

MATTE, NEUTRAL_GREY = 0.9, 0.6
"""Roughness, and linear reflectance, of a surface whose file does not say; Blender's render gives
the same to a GLB without materials."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Picture:
    """The file of a picture, as glTF holds it."""

    data: bytes
    """PNG, JPEG or WebP."""
    mime_type: str
    name: str = ""
    clamped: bool = False
    """Whether it ends at its border instead of repeating."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Material:
    """A surface as glTF describes it, never a metal unless its file says so."""

    name: str = ""
    colour: tuple[float, float, float] = (NEUTRAL_GREY, NEUTRAL_GREY, NEUTRAL_GREY)
    """Linear; multiplies the picture."""
    alpha: float = 1.0
    picture: Picture | None = None
    cut_out: bool = False
    """Whether the alpha of the picture cuts holes."""
    roughness: float = MATTE
    metallic: float = 0.0


@dataclasses.dataclass(kw_only=True)
class Soup:
    """Triangles whose corners refer to tables of positions, texture coordinates and normals.

    A corner without texture coordinates or normal has -1 there.
    """

    positions: np.ndarray
    """[v, 3] float64; need not be finite where no face uses them."""
    faces: np.ndarray
    """[f, 3] int64 into the positions, counter-clockwise seen from outside."""
    uvs: np.ndarray | None = None
    """[n, 2], the origin at the lower left corner of the picture."""
    uv_faces: np.ndarray | None = None
    """[f, 3] into the texture coordinates."""
    normals: np.ndarray | None = None
    """[k, 3]."""
    normal_faces: np.ndarray | None = None
    """[f, 3] into the normals."""
    vertex_colours: np.ndarray | None = None
    """Linear, [v, 3]."""
    face_colours: np.ndarray | None = None
    """Linear, [f, 3]; hold where there are no vertex colours."""
    face_materials: np.ndarray | None = None
    """[f] into the materials of the model, -1 for none."""


@dataclasses.dataclass(kw_only=True)
class Model:
    """One file, read."""

    soup: Soup
    materials: list[Material] = dataclasses.field(default_factory=list)
    notes: list[Note] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(kw_only=True)
class Part:
    """Triangles of one material, every vertex used, as a primitive of glTF."""

    positions: np.ndarray
    """[v, 3]."""
    faces: np.ndarray
    """[f, 3]."""
    material: int
    """-1 for none."""
    uvs: np.ndarray | None = None
    """[v, 2], the origin at the lower left."""
    normals: np.ndarray | None = None
    """[v, 3], of length one."""
    colours: np.ndarray | None = None
    """Linear, [v, 3]."""
