"""Faces of OBJ: corners `v`, `v/vt`, `v//vn` and `v/vt/vn`, counted from 1 or backwards."""

import dataclasses
import re

import numpy as np

from data_engine.errors import Refusal
from data_engine.ingest.meshes.lines import Lines, numbers, tokens_per_line, word_places

_OPEN_END = re.compile(rb"/+(?=\s)")
_SLASH = ord("/")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Faces:
    """Polygons, their corners one after the other."""

    lines: np.ndarray
    """Line of each face, [f]."""
    counts: np.ndarray
    """Corners of each face, [f]."""
    vertices: np.ndarray
    """Positions from 0, [c]."""
    uvs: np.ndarray
    """Texture coordinates from 0, -1 for none, [c]."""
    normals: np.ndarray
    """Normals from 0, -1 for none, [c]."""

    def check(self, count: int) -> np.ndarray:
        """The vertices, if there are as many as they say; else `Refusal`."""
        if len(self.vertices) and (self.vertices.min() < 0 or self.vertices.max() >= count):
            wrong = (self.vertices < 0) | (self.vertices >= count)
            face = int(np.searchsorted(np.cumsum(self.counts), wrong.argmax(), side="right"))
            words = (
                f"the face in line {int(self.lines[face]) + 1} names a vertex beyond its {count}"
            )
            raise Refusal("bad_mesh", words)
        return self.vertices


def read_faces(
    lines: Lines, is_vertex: np.ndarray, is_uv: np.ndarray, is_normal: np.ndarray
) -> Faces:
    """All faces of a file; relative numbers count back from the line they stand in.

    Args:
        lines: The file.
        is_vertex: Which lines are positions, [n].
        is_uv: Which are texture coordinates.
        is_normal: Which are normals.
    """
    is_face = lines.starting_with(b"f")
    numbers_of_lines = np.flatnonzero(is_face)
    block = lines.block(is_face, 1)
    counts = tokens_per_line(block)
    table = _corner_table(block, int(counts.sum()))
    columns = []
    for column, defined in enumerate((is_vertex, is_uv, is_normal)):
        before = np.repeat(np.cumsum(defined, dtype=np.int64)[numbers_of_lines], counts)
        given = table[:, column]
        columns.append(np.where(given > 0, given - 1, np.where(given < 0, before + given, -1)))
        if (columns[-1] < -1).any() or (columns[-1][given < 0] < 0).any():
            raise Refusal("bad_mesh", "a face counts back beyond the beginning of the file")
    vertices, uvs, normals = columns
    return Faces(lines=numbers_of_lines, counts=counts, vertices=vertices, uvs=uvs, normals=normals)


def _corner_table(block: bytes, count: int) -> np.ndarray:
    """Vertex, texture coordinate and normal of each corner, [c, 3]; 0 where one is not given."""
    if b"//" in block:
        block = block.replace(b"//", b"/0/")
    if b"/ " in block or b"/\n" in block:
        block = _OPEN_END.sub(b"", block)
    slashes = _slashes(block)
    values = numbers(block.replace(b"/", b" "), "the corners of faces", np.int64)
    if len(slashes) != count or len(values) != int((slashes + 1).sum()) or (slashes > 2).any():
        raise Refusal("bad_mesh", "the corners of a face are not v, v/vt, v//vn or v/vt/vn")
    table = np.zeros((count, 3), np.int64)
    if count and slashes.min() == slashes.max():
        table[:, : slashes[0] + 1] = values.reshape(count, -1)
        return table
    starts = np.cumsum(slashes + 1) - (slashes + 1)
    for column in range(3):
        has = slashes >= column
        table[has, column] = values[starts[has] + column]
    return table


def _slashes(block: bytes) -> np.ndarray:
    """Slashes in each word [c] of a block."""
    slashes = np.flatnonzero(np.frombuffer(block, np.uint8) == _SLASH)
    return np.diff(np.searchsorted(slashes, word_places(block)), append=len(slashes))
