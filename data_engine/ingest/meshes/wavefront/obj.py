"""Wavefront OBJ: polygons, materials, texture coordinates and the colours that people add.

After "Object Files (.obj)", Alias|Wavefront, 1995; colours after the position as MeshLab writes
them, and ZBrush's `#MRGB`. Curves, surfaces, lines and points are passed over.
"""

import mmap
import re

import numpy as np

from data_engine.catalog.notes import Note
from data_engine.errors import Refusal
from data_engine.ingest.companions import Companions
from data_engine.ingest.meshes.colours import PALE, blank, linear, unit_range
from data_engine.ingest.meshes.lines import (
    Lines,
    numbers,
    plain_text,
    tokens_per_line,
)
from data_engine.ingest.meshes.model import Material, Model, Soup
from data_engine.ingest.meshes.pictures import Pictures
from data_engine.ingest.meshes.polygons import triangles_of
from data_engine.ingest.meshes.smoothing import smooth_normals
from data_engine.ingest.meshes.wavefront.mtl import MtlMaterial
from data_engine.ingest.meshes.wavefront.mtl_materials import Laid, as_gltf, read_libraries
from data_engine.ingest.meshes.wavefront.obj_faces import read_faces
from data_engine.ingest.names import decode, key, spellings

MAX_STATEMENTS = 1 << 20
"""`usemtl` and `mtllib` lines."""
MAX_MENTIONS, MAX_LIBRARY_LINE, MAX_INDENT = 1 << 16, 4096, 64
_TRAILING_COMMENT = re.compile(rb"\s+#.*")
_LINE_BEGINS = re.compile(rb"[\r\n][ \t]*\Z")
_ZBRUSH = re.compile(rb"(?m)^#MRGB ((?:[0-9a-fA-F]{8})+)\s*$")


def read_obj(data: bytes, companions: Companions) -> Model:
    """Reads an OBJ file with its materials and pictures; `Refusal` if it is not sound."""
    text = plain_text(data)
    lines = Lines(text)
    notes: list[Note] = []
    is_vertex = lines.starting_with(b"v")
    positions, colours = _vertices(lines.block(is_vertex, 1), notes)
    if colours is None and b"#MRGB" in text:
        colours = _zbrush_colours(text, len(positions))
    is_uv, is_normal = lines.starting_with(b"vt"), lines.starting_with(b"vn")
    uvs = _rows(lines.block(is_uv, 2), 2, "texture coordinates", at_least=1)
    normals = _rows(lines.block(is_normal, 2), 3, "normals")
    faces = read_faces(lines, is_vertex, is_uv, is_normal)
    triangles, owner = triangles_of(faces.counts, faces.check(len(positions)), positions)
    normal_faces = faces.normals[triangles]
    if normals is None and (groups := _smoothing_groups(lines, faces.lines[owner])).any():
        normals, normal_faces = smooth_normals(positions, faces.vertices[triangles], groups)
    materials, face_materials, uvs, uv_faces = _materials(
        lines, faces.lines[owner], uvs, faces.uvs[triangles], companions, notes
    )
    colours = _beside_materials(colours, materials, face_materials, notes)
    soup = Soup(
        positions=positions,
        faces=faces.vertices[triangles],
        uvs=uvs,
        uv_faces=uv_faces,
        normals=normals,
        normal_faces=normal_faces,
        vertex_colours=colours,
        face_materials=face_materials,
    )
    return Model(soup=soup, materials=materials, notes=notes)


def library_names(text: bytes | mmap.mmap) -> list[bytes]:
    """What the `mtllib` lines of an OBJ name, for those who need no more of it."""
    names, at = [], -1
    for _ in range(MAX_MENTIONS):
        if (at := text.find(b"mtllib", at + 1)) < 0:
            break
        before = text[max(0, at - MAX_INDENT) : at].removeprefix(b"\xef\xbb\xbf")
        if _LINE_BEGINS.search(before) or (at < MAX_INDENT and not before.strip()):
            rest = text[at + 6 : at + 6 + MAX_LIBRARY_LINE]
            names.append(re.split(rb"[\r\n]", rest, maxsplit=1)[0].strip())
    return names


def _vertices(block: bytes, notes: list[Note]) -> tuple[np.ndarray, np.ndarray | None]:
    """Positions [v, 3], and linear colours [v, 3] if there are any."""
    counts, values = tokens_per_line(block), numbers(block, "vertices")
    if len(counts) == 0:
        return np.zeros((0, 3)), None
    if counts.min() < 3:
        raise Refusal("bad_mesh", f"vertex {int(counts.argmin()) + 1} has no three coordinates")
    starts = np.cumsum(counts) - counts
    coloured = counts >= 6  # x y z r g b; four numbers are x y z w.
    if counts.min() == counts.max():
        table = values.reshape(len(counts), -1)
        positions, colours = table[:, :3], table[coloured][:, 3:6]
    else:
        positions = values[starts[:, None] + np.arange(3)]
        colours = values[starts[coloured][:, None] + np.arange(3, 6)]
    if not coloured.any():
        return positions, None
    codes, to_255 = unit_range(colours)
    if blank(linear(codes)) == "white":
        return positions, None  # Programs that know no colours write white.
    if to_255:
        words = "vertex colours count to 255 and not to 1"
        notes.append(Note("colours_assumed", words))
    if not coloured.all():
        words = f"{int((~coloured).sum())} of {len(coloured)} vertices have no colour and are white"
        notes.append(Note("colours_assumed", words))
    light = np.ones((len(counts), 3))
    light[coloured] = linear(codes)
    return positions, light


def _beside_materials(
    colours: np.ndarray | None, materials: list[Material], used: np.ndarray, notes: list[Note]
) -> np.ndarray | None:
    """Colours of vertices, unless they are the same black throughout beside materials."""
    bare = {materials[n].colour for n in np.unique(used[used >= 0]) if not materials[n].picture}
    if colours is None or not bare:
        return colours
    if kind := blank(colours):
        words = f"colours of vertices, all {kind}, were left out, because it has materials"
        notes.append(Note("colours_ignored", words))
        return None
    if len(bare) > 1 or any(len(set(colour)) > 1 for colour in bare):
        if colours.min() >= PALE:
            words = "colours of vertices, almost white, were left out, because it has materials"
            notes.append(Note("colours_ignored", words))
            return None
        words = "colours of its materials were left out, because the vertices have colours"
        notes.append(Note("colours_ignored", words))
    return colours


def _zbrush_colours(text: bytes, count: int) -> np.ndarray | None:
    """Colours of `#MRGB` lines: eight digits a vertex, mask first; None if they are too few."""
    digits = b"".join(_ZBRUSH.findall(text))
    codes = np.frombuffer(bytes.fromhex(digits.decode()), np.uint8).reshape(-1, 4)
    return linear(codes[:count, 1:] / 255.0) if count and len(codes) >= count else None


def _rows(block: bytes, width: int, what: str, at_least: int | None = None) -> np.ndarray | None:
    """The first `width` numbers of each line, [n, width]; None if there are no lines."""
    if not block:
        return None
    counts, values = tokens_per_line(block), numbers(block, what)
    if counts.min() < (at_least or width):
        raise Refusal("bad_mesh", f"some of its {what} have fewer than {width} numbers")
    if counts.min() == counts.max() and counts[0] >= width:
        return values.reshape(len(counts), -1)[:, :width]
    starts = (np.cumsum(counts) - counts)[:, None] + np.arange(width)
    present = np.arange(width) < counts[:, None]
    return np.where(present, values[np.minimum(starts, len(values) - 1)], 0.0)


def _smoothing_groups(lines: Lines, face_lines: np.ndarray) -> np.ndarray:
    """Smoothing group of each triangle [t], 0 for none, by the line [t] of its face."""
    is_group = lines.starting_with(b"s")
    if is_group.sum() > MAX_STATEMENTS:
        return np.zeros(len(face_lines), np.int64)
    words = [line[1:].strip().lower() for line in lines.texts(is_group)]
    distinct = {word: number for number, word in enumerate(dict.fromkeys(words), 1)}
    distinct |= dict.fromkeys((b"off", b"0"), 0)
    order = np.array([0] + [distinct[word] for word in words])
    return order[np.searchsorted(np.flatnonzero(is_group), face_lines)]


def _materials(
    lines: Lines,
    face_lines: np.ndarray,
    uvs: np.ndarray | None,
    uv_faces: np.ndarray,
    companions: Companions,
    notes: list[Note],
) -> tuple[list[Material], np.ndarray, np.ndarray | None, np.ndarray]:
    """Materials in use, that of each triangle, and texture coordinates as these lay the pictures.

    Args:
        lines: The file.
        face_lines: Line of each triangle, [t].
        uvs: Texture coordinates [n, 2].
        uv_faces: Those of each triangle, [t, 3].
        companions: Where pictures are.
        notes: What is missing is added.
    """
    uses, libraries = lines.starting_with(b"usemtl"), lines.starting_with(b"mtllib")
    if uses.sum() + libraries.sum() > MAX_STATEMENTS:
        raise Refusal("too_large", f"it changes its material more than {MAX_STATEMENTS} times")
    names = [line[6:].strip() for line in lines.texts(uses)]
    distinct = {name: number for number, name in enumerate(dict.fromkeys(names))}
    order = np.array([-1] + [distinct[name] for name in names])
    face_names = order[np.searchsorted(np.flatnonzero(uses), face_lines)]
    mtl = read_libraries([line[6:].strip() for line in lines.texts(libraries)], companions, notes)
    if not names and len(mtl) == 1:
        distinct, face_names = dict.fromkeys(mtl, 0), np.zeros(len(face_lines), np.int64)
    else:
        _note_unnamed(face_names, mtl, uv_faces, notes)
    used = set(np.flatnonzero(np.bincount(face_names + 1)[1:]).tolist())
    by_reading = _by_reading(mtl)
    pictures = Pictures(companions, notes)
    materials: list[Material] = []
    place = np.full(len(distinct) + 1, -1)
    for name, number in distinct.items():
        if number not in used:
            continue
        if (found := mtl.get(name) or _by_any_reading(name, by_reading)) is None:
            words = f"material {decode(name)[:80]} is not defined; its faces are grey"
            notes.append(Note("material_missing", words))
            continue
        laid = as_gltf(found, pictures, notes)
        place[number] = len(materials)
        materials.append(laid.material)
        rows = np.flatnonzero(face_names == number)
        if laid.material.picture is not None:
            _note_bare_faces(uv_faces[rows], decode(name), notes)
        if uvs is not None and (laid.scale, laid.offset) != ((1.0, 1.0), (0.0, 0.0)):
            uvs, uv_faces = _moved(uvs, uv_faces, rows, laid)
    return materials, place[face_names], uvs, uv_faces


def _note_unnamed(
    face_names: np.ndarray, mtl: dict[bytes, MtlMaterial], uv_faces: np.ndarray, notes: list[Note]
) -> None:
    """Notes triangles that name no material, where there are materials or pictures to miss."""
    bare = int((face_names < 0).sum())
    if bare < len(face_names):
        if bare:
            words = f"{bare} of {len(face_names)} triangles come before the first material"
            notes.append(Note("material_missing", words))
    elif mtl:
        words = f"its triangles name none of its {len(mtl)} materials"
        notes.append(Note("material_missing", words))
    elif bare and (uv_faces >= 0).any():
        words = "it has texture coordinates and names no picture"
        notes.append(Note("picture_missing", words))


def _by_reading(mtl: dict[bytes, MtlMaterial]) -> dict[str, MtlMaterial]:
    """Materials by the ways to read their names; OBJ and MTL may be in different encodings."""
    found: dict[str, MtlMaterial] = {}
    for name, material in mtl.items():
        for reading in spellings(name):
            found.setdefault(key(reading), material)
    return found


def _by_any_reading(name: bytes, known: dict[str, MtlMaterial]) -> MtlMaterial | None:
    """A material by any reading of its name, or of what stands before a comment."""
    for part in (name, _TRAILING_COMMENT.sub(b"", name)):
        for reading in spellings(part):
            if found := known.get(key(reading)):
                return found
    return None


def _note_bare_faces(uv_faces: np.ndarray, name: str, notes: list[Note]) -> None:
    bare = int((uv_faces < 0).any(axis=-1).sum())
    if bare:
        words = f"{bare} of {len(uv_faces)} triangles of material {name[:60]} have no place in it"
        notes.append(Note("texture_coordinates_missing", words))


def _moved(
    uvs: np.ndarray, uv_faces: np.ndarray, rows: np.ndarray, laid: Laid
) -> tuple[np.ndarray, np.ndarray]:
    """Texture coordinates with a copy for the triangles `rows`, scaled and moved as MTL says."""
    moved = uvs * laid.scale + laid.offset
    uv_faces = uv_faces.copy()
    uv_faces[rows] = np.where(uv_faces[rows] >= 0, uv_faces[rows] + len(uvs), -1)
    return np.concatenate([uvs, moved]), uv_faces
