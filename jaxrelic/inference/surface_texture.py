"""A texture in place of vertex colours: finer than the mesh, and what most viewers expect.

The surface is cut and laid flat by xatlas (the `texture` extra), each texel is a point of the
surface, and the field is asked for its colour.
"""

import dataclasses

import numpy as np
import scipy.ndimage

from jaxrelic.errors import UserError
from jaxrelic.geometry import meshes
from jaxrelic.inference import surface_colours
from jaxrelic.rendering import z_buffer


@dataclasses.dataclass(frozen=True, kw_only=True)
class TextureSettings:
    """How the surface is laid flat."""

    size: int = 1024
    """Wished side of the texture in texels; the packing decides how near it comes."""
    padding: int = 4
    """Texels between the pieces, which continue the colours of their rims."""

    def __post_init__(self) -> None:
        if self.size < 16 or self.padding < 1:
            raise ValueError("a texture needs 16 texels a side and 1 between pieces; set more")


def bake(
    field: surface_colours.ColourField,
    mesh: meshes.Mesh,
    colours: surface_colours.ColourSettings,
    settings: TextureSettings,
) -> meshes.Mesh:
    """The painted mesh with a texture instead; texels that no view sees keep the vertex colours."""
    charts = unwrap(np.asarray(mesh.vertices), np.asarray(mesh.faces), settings)
    # Texels are pixels of a drawing of the flat surface, all at one depth.
    drawn = z_buffer.rasterize(
        charts.position.reshape(-1, 2),
        np.ones(charts.position.size // 2),
        np.arange(charts.position.size // 2).reshape(-1, 3),
        height=charts.height,
        width=charts.width,
    )
    corners = np.asarray(mesh.faces)[drawn.face[drawn.mask]]
    weights = drawn.barycentrics[drawn.mask][..., None]
    points = np.float32(np.sum(np.asarray(mesh.vertices)[corners] * weights, axis=1))
    rgb, seen = surface_colours.colours_at(field, mesh, points, colours)
    if colours.fill:
        painted = np.sum(np.asarray(mesh.vertex_colors)[corners] * weights, axis=1)
        rgb = np.where(seen[:, None], rgb, painted)
    texture = np.zeros((charts.height, charts.width, 3), np.float32)
    texture[drawn.mask] = rgb
    return mesh.replace(
        vertex_colors=None, texture=_beyond_rims(texture, drawn.mask), face_uvs=charts.face_uvs
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Charts:
    """The surface laid flat."""

    position: np.ndarray
    """Of each face's corners, x right and y down, in texels from the corner of the first, [f, 3, 2]
    float64."""
    height: int
    """Texels."""
    width: int
    """Texels."""

    @property
    def face_uvs(self) -> np.ndarray:
        """For `meshes.Mesh`, whose outer texel centres lie at 0 and 1 and whose v points up."""
        scaled = (self.position - 0.5) / (np.array([self.width, self.height]) - 1)
        return np.float32(np.stack([scaled[..., 0], 1 - scaled[..., 1]], axis=-1))


def unwrap(vertices: np.ndarray, faces: np.ndarray, settings: TextureSettings) -> Charts:
    """Cuts a surface into charts and packs them."""
    try:
        import xatlas
    except ImportError as error:
        raise UserError(
            'a texture needs xatlas; pip install "jaxrelic[texture]", or keep vertex colours'
        ) from error
    atlas = xatlas.Atlas()
    atlas.add_mesh(np.float32(vertices), np.uint32(faces))
    charting, packing = xatlas.ChartOptions(), xatlas.PackOptions()
    packing.resolution, packing.padding, packing.bilinear = settings.size, settings.padding, True
    atlas.generate(charting, packing)
    if atlas.atlas_count != 1:
        raise UserError(
            f"the surface does not fit one texture of {settings.size} texels a side; "
            "set a larger texture size"
        )
    _, corners, uvs = atlas[0]
    size = np.array([atlas.width, atlas.height], np.float64)
    return Charts(
        position=uvs[corners].astype(np.float64) * size, height=atlas.height, width=atlas.width
    )


def _beyond_rims(texture: np.ndarray, covered: np.ndarray) -> np.ndarray:
    """The texture [h, w, 3] in which bare texels have the colour of the nearest covered one."""
    if not covered.any():
        return texture
    nearest = scipy.ndimage.distance_transform_edt(
        ~covered, return_distances=False, return_indices=True
    )
    return texture[tuple(nearest)]
