"""PLY: faces or strips, colours of vertices or faces, pictures of vertices or corners.

The names of properties are those that MeshLab, Blender, CloudCompare, Metashape and Stanford's
scanners write; the pictures come from comments `TextureFile`, as MeshLab began them.
"""

import dataclasses

import numpy as np

from data_engine.catalog.notes import Note
from data_engine.errors import Refusal
from data_engine.ingest.companions import Companions
from data_engine.ingest.meshes.colours import blank, linear, unit_range
from data_engine.ingest.meshes.model import Material, Model, Soup
from data_engine.ingest.meshes.pictures import Pictures
from data_engine.ingest.meshes.ply_body import Lists, Table, read_tables
from data_engine.ingest.meshes.ply_header import Header, read_header
from data_engine.ingest.meshes.polygons import triangles_of

_COLOURS = (
    ("red", "green", "blue"),
    ("diffuse_red", "diffuse_green", "diffuse_blue"),
    ("r", "g", "b"),
)
_UVS = (("s", "t"), ("u", "v"), ("texture_u", "texture_v"), ("texture_s", "texture_t"))
_CORNERS = ("vertex_indices", "vertex_index", "vertex_indexes", "indices")
_CORNER_UVS = ("texcoord", "texcoords", "texture_coordinates", "uv")
_ELEMENTS = frozenset({"vertex", "vertices", "face", "faces", "tristrips"})
_MAX_INDEX = float(1 << 53)
_TOP = {"u1": 255.0, "i1": 127.0, "u2": 65535.0}


def read_ply(data: bytes, companions: Companions) -> Model:
    """Reads a PLY file with its pictures; `Refusal` if it is not sound."""
    header = read_header(data)
    tables = read_tables(data, header, _ELEMENTS)
    notes: list[Note] = []
    vertices = tables.get("vertex", tables.get("vertices", Table()))
    faces = tables.get("face", tables.get("faces", Table()))
    if (positions := _columns(vertices, ("x", "y", "z"))) is None:
        raise Refusal("no_mesh", "it holds no triangle: its vertices have no x, y and z")
    polygons = _polygons(faces, tables.get("tristrips", Table()))
    _check(polygons.corners, len(positions))
    triangles, owner = triangles_of(polygons.counts, polygons.corners, positions)
    if len(triangles) == 0:
        raise Refusal("no_mesh", "the PLY holds no triangle")
    soup = Soup(positions=positions, faces=polygons.corners[triangles])
    soup.vertex_colours = _colours(vertices, notes)
    colours = _colours(faces, notes)
    kind = blank(soup.vertex_colours) if soup.vertex_colours is not None else ""
    if kind and colours is not None and not blank(colours):
        words = f"colours of vertices, all {kind}, were left out, because the faces have colours"
        notes.append(Note("colours_ignored", words))
        soup.vertex_colours = None
    if colours is not None and soup.vertex_colours is not None:
        words = "colours of faces were left out, because the vertices have colours"
        notes.append(Note("colours_ignored", words))
    elif colours is not None:
        soup.face_colours = np.concatenate([colours, np.ones((polygons.strips, 3))])[owner]
    normals = _columns(vertices, ("nx", "ny", "nz"))
    if normals is not None and normals.any():
        soup.normals, soup.normal_faces = normals, soup.faces
    _lay_pictures(soup, vertices, faces, polygons, triangles, owner)
    materials = _materials(soup, header, faces, polygons, owner, Pictures(companions, notes), notes)
    return Model(soup=soup, materials=materials, notes=notes)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Polygons:
    """Faces, then the triangles of the strips."""

    counts: np.ndarray
    """[f]."""
    corners: np.ndarray
    """[sum of counts]."""
    strips: int
    """How many of the last faces come from strips."""


def _polygons(faces: Table, strips: Table) -> _Polygons:
    counts, corners = np.zeros(0, np.int64), np.zeros(0, np.int64)
    if (listed := _lists(faces, _CORNERS)) is not None:
        counts, corners = listed.counts, _integers(listed.values)
    more = np.zeros((0, 3), np.int64)
    if (listed := _lists(strips, _CORNERS)) is not None:
        more = _strip_triangles(listed)
    return _Polygons(
        counts=np.concatenate([counts, np.full(len(more), 3)]),
        corners=np.concatenate([corners, more.ravel()]),
        strips=len(more),
    )


def _strip_triangles(strips: Lists) -> np.ndarray:
    """Triangles [t, 3] of strips that -1 divides; every other one is turned round."""
    ends = np.cumsum(strips.counts)
    corners = np.insert(_integers(strips.values), ends, -1)
    if len(corners) < 3:
        return np.zeros((0, 3), np.int64)
    place = np.arange(len(corners))
    begins = np.maximum.accumulate(np.where(corners < 0, place + 1, 0))
    odd = ((place - begins) % 2).astype(bool)[:-2]
    first, second, third = corners[:-2], corners[1:-1], corners[2:]
    triangles = np.stack(
        [first, np.where(odd, third, second), np.where(odd, second, third)], axis=-1
    )
    # Strips are joined by triangles that use a corner twice.
    proper = (first != second) & (second != third) & (first != third)
    return triangles[proper & (triangles >= 0).all(axis=-1)]


def _integers(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind == "f" and not (np.abs(values) < _MAX_INDEX).all():
        raise Refusal("bad_mesh", "a face names a vertex or a picture by what is no number")
    return values.astype(np.int64)


def _check(corners: np.ndarray, count: int) -> None:
    if len(corners) and (corners.min() < 0 or corners.max() >= count):
        raise Refusal("bad_mesh", f"a face names a vertex beyond its {count}")


def _columns(table: Table, names: tuple[str, ...]) -> np.ndarray | None:
    """Properties side by side, [n, len(names)] float64; None unless all are there."""
    columns = [table.get(name) for name in names]
    if not all(isinstance(column, np.ndarray) for column in columns):
        return None
    return np.stack(columns, axis=-1).astype(np.float64)


def _lists(table: Table, names: tuple[str, ...]) -> Lists | None:
    """The first list of these names."""
    found = (table.get(name) for name in names)
    return next((entry for entry in found if isinstance(entry, Lists)), None)


def _colours(table: Table, notes: list[Note]) -> np.ndarray | None:
    """Linear colours [n, 3] under any of their names; None if there are none."""
    for names in _COLOURS:
        if (colours := _columns(table, names)) is None or len(colours) == 0:
            continue
        return linear(_codes(colours, table.kind_of(names[0]), notes))
    return None


def _codes(colours: np.ndarray, kind: str, notes: list[Note]) -> np.ndarray:
    """Colours in [0, 1] by the type they are written in."""
    if kind[0] != "f":
        return colours / _TOP.get(kind, 255.0)
    codes, to_255 = unit_range(colours)
    if to_255:
        notes.append(Note("colours_assumed", "colours of the type float count to 255"))
    return codes


def _lay_pictures(
    soup: Soup,
    vertices: Table,
    faces: Table,
    polygons: _Polygons,
    triangles: np.ndarray,
    owner: np.ndarray,
) -> None:
    """Texture coordinates of corners, or else of vertices."""
    if (listed := _lists(faces, _CORNER_UVS)) is not None and len(listed.values) > 1:
        pairs = listed.values[: len(listed.values) // 2 * 2].astype(np.float32).reshape(-1, 2)
        pairs, place = _distinct_pairs(pairs)
        whole = listed.counts == 2 * polygons.counts[: len(listed.counts)]
        first = np.where(whole, np.cumsum(listed.counts) - listed.counts, -1) // 2
        first = np.concatenate([first, np.full(polygons.strips, -1)])
        begins = np.cumsum(polygons.counts) - polygons.counts
        corner = first[owner][:, None] + triangles - begins[owner][:, None]
        has = (first[owner] >= 0)[:, None]
        soup.uvs = pairs
        soup.uv_faces = np.where(has, place[np.where(has, corner, 0)], -1)
        return
    for names in _UVS:
        if (uvs := _columns(vertices, names)) is not None:
            soup.uvs, soup.uv_faces = uvs, soup.faces
            return


def _distinct_pairs(pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Different rows of [n, 2] float32, and the one each row is."""
    bits = np.ascontiguousarray(pairs + np.float32(0)).view(np.int64)[:, 0]
    values, place = np.unique(bits, return_inverse=True)
    return values.view(np.float32).reshape(-1, 2).astype(np.float64), place


def _materials(
    soup: Soup,
    header: Header,
    faces: Table,
    polygons: _Polygons,
    owner: np.ndarray,
    pictures: Pictures,
    notes: list[Note],
) -> list[Material]:
    """One material for each picture, and which of them each triangle has."""
    if not header.textures:
        if soup.uvs is not None:
            words = "it has texture coordinates and names no picture"
            notes.append(Note("picture_missing", words))
        return []
    if soup.uvs is None:
        words = "it names a picture and has no texture coordinates"
        if any(element.name.startswith("multi_texture") for element in header.elements):
            words = "its texture coordinates are in multi_texture_face, which is not read"
        notes.append(Note("texture_coordinates_missing", words))
        return []
    number = np.zeros(len(owner), np.int64)
    given = faces.get("texnumber", faces.get("texture_index"))
    if isinstance(given, np.ndarray):
        number = np.concatenate([_integers(given), np.zeros(polygons.strips, np.int64)])[owner]
    elif len(header.textures) > 1:
        words = f"it names {len(header.textures)} pictures and not which face has which: the first"
        notes.append(Note("colours_assumed", words))
    known = (number >= 0) & (number < len(header.textures))
    bare = int((soup.uv_faces[known] < 0).any(axis=-1).sum()) + int((~known).sum())
    if bare:
        words = f"{bare} of {len(owner)} triangles have no place in a picture"
        notes.append(Note("texture_coordinates_missing", words))
    materials, place = [], np.full(len(header.textures), -1)
    for texture in np.unique(number[known]).tolist():
        if picture := pictures.get(header.textures[texture], "the header"):
            place[texture] = len(materials)
            materials.append(Material(colour=(1.0, 1.0, 1.0), picture=picture))
    soup.face_materials = np.where(known, place[np.where(known, number, 0)], -1)
    return materials
