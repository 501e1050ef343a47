"""STL: text and binary, and the colours that two programs put into the spare bytes of binary.

After the format of 3D Systems (1989). Binary facets are 50 bytes; VisCAM and SolidView use the last
two for a colour if the highest bit is set, Materialise Magics if it is not, with a colour for all
others behind `COLOR=` in the header.
"""

import re

import numpy as np

from data_engine.catalog.notes import Note
from data_engine.errors import Refusal
from data_engine.gltf.checks import MAX_TRIANGLES
from data_engine.ingest.meshes.colours import linear
from data_engine.ingest.meshes.lines import Lines, numbers, plain_text
from data_engine.ingest.meshes.model import NEUTRAL_GREY, Model, Soup

_HEADER, _FACET = 84, 50
_STATEMENT = re.compile(rb"\s(facet|outer|vertex|endloop|endfacet|endsolid)(?=\s)", re.IGNORECASE)
_RECORD = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("colour", "<u2")])


def read_stl(data: bytes) -> Model:
    """Reads an STL file; corners at the same place become one vertex."""
    notes: list[Note] = []
    if is_text(data):
        corners, colours = _read_text(data), None
    else:
        corners, colours = _read_binary(data, notes)
    if len(corners) == 0:
        raise Refusal("no_mesh", "the STL holds no triangle")
    positions, faces = _merged(corners.reshape(-1, 3))
    soup = Soup(positions=positions, faces=faces.reshape(-1, 3), face_colours=colours)
    return Model(soup=soup, notes=notes)


def is_text(data: bytes) -> bool:
    """Whether an STL is text: binary ones may also begin with `solid`."""
    if len(data) >= _HEADER and len(data) == _HEADER + _FACET * _facets(data):
        return False
    head = data[:1024].removeprefix(b"\xef\xbb\xbf")
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return True
    return head.lstrip()[:5].lower() == b"solid" and b"\0" not in head


def _facets(data: bytes) -> int:
    return int.from_bytes(data[80:84], "little")


def _read_text(data: bytes) -> np.ndarray:
    """Corners [f, 3, 3] of all solids of a text, whatever their names."""
    text = plain_text(data, continued=False)
    lines = Lines(text)
    facets = int(lines.starting_with(b"facet").sum())
    if lines.starting_with(b"vertex").sum() != 3 * facets or not facets:
        lines = Lines(_STATEMENT.sub(rb"\n\1", text))  # Some write it all in one line.
        facets = int(lines.starting_with(b"facet").sum())
    if facets > MAX_TRIANGLES:
        raise Refusal("too_large", f"it has {facets} triangles; at most {MAX_TRIANGLES} are read")
    block = lines.block(lines.starting_with(b"vertex"), len(b"vertex"))
    values = numbers(block, "vertices")
    if len(values) != 9 * facets:
        words = f"{len(values)} numbers for the corners of {facets} facets"
        raise Refusal("bad_mesh", f"the STL has {words}; it is cut off or damaged")
    return values.reshape(-1, 3, 3)


def _read_binary(data: bytes, notes: list[Note]) -> tuple[np.ndarray, np.ndarray | None]:
    """Corners [f, 3, 3] and linear colours [f, 3], if there are any."""
    if len(data) < _HEADER:
        raise Refusal("bad_mesh", f"the STL ends after {len(data)} bytes, inside its header")
    count, present = _facets(data), (len(data) - _HEADER) // _FACET
    if count == 0 < present and len(data) == _HEADER + _FACET * present:
        notes.append(Note("count_assumed", f"its header promises no triangle, there are {present}"))
        count = present
    if count > present:
        words = f"its header promises {count} triangles, there are bytes for {present}"
        raise Refusal("bad_mesh", words)
    if count > MAX_TRIANGLES:
        raise Refusal("too_large", f"it has {count} triangles; at most {MAX_TRIANGLES} are read")
    if extra := len(data) - _HEADER - _FACET * count:
        notes.append(Note("trailing_bytes", f"{extra} bytes after its last triangle were ignored"))
    records = np.frombuffer(data, _RECORD, count, _HEADER)
    return records["corners"].astype(np.float64), _colours(data[:80], records["colour"], notes)


def _colours(header: bytes, codes: np.ndarray, notes: list[Note]) -> np.ndarray | None:
    """Linear colours [f, 3] of codes of five bits a channel; None where there are none.

    Programs that know no colours leave 0 there, 0xFFFF, or whatever was in memory.
    """
    low, middle, high = (codes >> shift & 31 for shift in (0, 5, 10))
    own = codes >> 15 == 1
    if (at := header.find(b"COLOR=")) >= 0 and at + 10 <= len(header):
        channels, own = (low, middle, high), ~own & codes.any()
        others = linear(np.frombuffer(header[at + 6 : at + 9], np.uint8) / 255.0)
    elif _are_none(codes, own):
        words = "the spare bytes of its triangles hold something that is no colour"
        notes.append(Note("colours_ignored", words))
        return None
    elif own.any():
        channels, others = (high, middle, low), np.full(3, NEUTRAL_GREY)
    else:
        return None
    light = linear(np.stack(channels, axis=-1) / 31.0)
    return np.where(own[:, None], light, others)


def _are_none(codes: np.ndarray, own: np.ndarray) -> bool:
    """Whether codes are no colours of VisCAM, which leaves 0 where the highest bit is not set."""
    strays = int((codes[~own] != 0).sum())
    return strays > own.sum() / 10 or bool(len(codes) and (codes == 0xFFFF).all())


def _merged(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct positions [v, 3] and the one [c] of each corner [c, 3]."""
    corners = corners + 0.0  # So that -0 and 0 are one.
    order = np.lexsort(corners.T)
    ordered = corners[order]
    new = np.ones(len(corners), bool)
    new[1:] = (ordered[1:] != ordered[:-1]).any(axis=-1)
    faces = np.empty(len(corners), np.int64)
    faces[order] = np.cumsum(new) - 1
    return ordered[new], faces
