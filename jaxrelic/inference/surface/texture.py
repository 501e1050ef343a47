"""A texture instead of vertex colours: finer than the mesh, and what most viewers expect.

The surface is cut into charts that look the same way along an axis, xatlas (the `texture` extra)
packs them, each texel is a point of the surface, and the field is asked for its colour. xatlas can
cut surfaces too, with less stretching; a mesh of 30 000 faces takes it 20 s and more take minutes.
"""

import dataclasses

import numpy as np
import scipy.ndimage
import scipy.sparse

from jaxrelic.errors import UserError
from jaxrelic.geometry import meshes, z_buffer
from jaxrelic.inference.surface import colours as surface_colours
from jaxrelic.inference.surface.fields import ColourField

SMOOTHING_ROUNDS = 8
"""How often directions are averaged with those around them before they choose an axis: fewer make
ragged charts."""
LEAST_COSINE = 0.3
"""A face that turns farther from the axis its surroundings choose would shrink to nothing; it takes
another axis."""
FACE_SIDE = 100.0
"""Side of the mean face as xatlas sees it, which takes faces of less than 1e-7 for nothing and
leaves them out."""
AXES = np.concatenate([np.eye(3), -np.eye(3)])
"""Directions in which charts are looked at."""


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
    field: ColourField,
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
        painted = np.sum(np.asarray(mesh.vertex_colours)[corners] * weights, axis=1)
        rgb = np.where(seen[:, None], rgb, painted)
    texture = np.zeros((charts.height, charts.width, 3), np.float32)
    texture[drawn.mask] = rgb
    return mesh.replace(
        vertex_colours=None, texture=_beyond_rims(texture, drawn.mask), face_uvs=charts.face_uvs
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Charts:
    """The surface laid flat."""

    position: np.ndarray
    """Place of each face's corners, x right and y down, in texels from the corner of the first, [f,
    3, 2] float64."""
    height: int
    """Texels."""
    width: int
    """Texels."""

    @property
    def face_uvs(self) -> np.ndarray:
        """UVs for `meshes.Mesh`, whose outer texel centres lie at 0 and 1 and whose v points up."""
        # A chart may begin at the first texel's centre, and rounding must not push it out.
        scaled = np.clip((self.position - 0.5) / (np.array([self.width, self.height]) - 1), 0, 1)
        return np.float32(np.stack([scaled[..., 0], 1 - scaled[..., 1]], axis=-1))


def unwrap(vertices: np.ndarray, faces: np.ndarray, settings: TextureSettings) -> Charts:
    """Cuts a surface into charts, which are seen along one axis each, and packs them.

    A chart that winds over itself, like a spiral stair, shows only one of its storeys.
    """
    try:
        import xatlas
    except ImportError as error:
        raise UserError(
            'a texture needs xatlas; pip install "jaxrelic[texture]", or keep vertex colours'
        ) from error
    axis = choose_axes(vertices, faces)
    chart = number_charts(faces, axis)
    flat = _seen_along(vertices[faces].astype(np.float64), axis)
    sides = flat[:, 1:] - flat[:, :1]
    flat *= FACE_SIDE / np.sqrt(np.abs(np.linalg.det(sides)).mean())
    # One vertex per chart and vertex of the mesh.
    corners = np.stack([np.repeat(chart, 3), faces.reshape(-1)], axis=-1)
    _, first, index = np.unique(corners, axis=0, return_index=True, return_inverse=True)
    atlas = xatlas.Atlas()
    atlas.add_uv_mesh(
        np.float32(flat.reshape(-1, 2)[first]),
        np.uint32(index.reshape(-1, 3)),
        np.uint32(chart)[:, None],
    )
    packing = xatlas.PackOptions()
    packing.resolution, packing.padding, packing.bilinear = settings.size, settings.padding, True
    atlas.generate(xatlas.ChartOptions(), packing)
    if atlas.atlas_count != 1:
        raise UserError(
            f"the surface does not fit one texture of {settings.size} texels a side; "
            "set a larger texture size"
        )
    _, packed, uvs = atlas[0]
    size = np.array([atlas.width, atlas.height])
    position = uvs[packed].astype(np.float64) * size
    assert ((position >= 0) & (position <= size)).all(), "xatlas has left out faces"
    return Charts(position=position, height=atlas.height, width=atlas.width)


def choose_axes(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Which of `AXES` each face is looked at along, [f]: the one its surroundings face."""
    a, b, c = np.moveaxis(vertices[faces].astype(np.float64), 1, 0)
    normals = _unit(np.cross(b - a, c - a))
    smooth = normals
    for _ in range(SMOOTHING_ROUNDS):
        around = [np.bincount(faces.reshape(-1), np.repeat(x, 3)) for x in smooth.T]
        smooth = _unit(np.stack(around, axis=-1)[faces].sum(axis=1))
    cosine = normals @ AXES.T
    possible = cosine > LEAST_COSINE
    return np.where(
        possible.any(axis=-1),
        np.where(possible, smooth @ AXES.T, -np.inf).argmax(axis=-1),
        cosine.argmax(axis=-1),
    )


def number_charts(faces: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """The chart of each face, [f]: faces of one axis that edges connect."""
    edges = np.sort(faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=-1)
    face = np.repeat(np.arange(len(faces)), 3)
    order = np.lexsort(edges.T)
    edges, face = edges[order], face[order]
    joined = (edges[1:] == edges[:-1]).all(axis=-1) & (axis[face[1:]] == axis[face[:-1]])
    pairs = face[:-1][joined], face[1:][joined]
    graph = scipy.sparse.coo_array((np.ones(len(pairs[0])), pairs), shape=(len(faces), len(faces)))
    return scipy.sparse.csgraph.connected_components(graph, directed=False)[1]


def _seen_along(corners: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """Corners [f, 3, 3] as seen along the faces' axes, [f, 3, 2], none of them mirrored."""
    right, up = np.array([1, 2, 0]), np.array([2, 0, 1])
    choose = np.stack([right[axis % 3], up[axis % 3]], axis=-1)
    flat = np.take_along_axis(corners, np.repeat(choose[:, None], 3, axis=1), axis=-1)
    return flat * np.where(axis[:, None, None] < 3, 1, [-1, 1])


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-30)


def _beyond_rims(texture: np.ndarray, covered: np.ndarray) -> np.ndarray:
    """The texture [h, w, 3] in which bare texels have the colour of the nearest covered one."""
    if not covered.any():
        return texture
    nearest = scipy.ndimage.distance_transform_edt(
        ~covered, return_distances=False, return_indices=True
    )
    return texture[tuple(nearest)]
