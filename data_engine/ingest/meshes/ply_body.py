"""The tables of a PLY as arrays, text and both binary orders.

A table whose lists are all of one length is read at once; else the rows are walked, which is the
only way to know where they begin.
"""

import dataclasses
import itertools

import numpy as np

from data_engine.errors import Refusal
from data_engine.ingest.meshes.lines import numbers, plain_text, without_msvc
from data_engine.ingest.meshes.ply_header import Element, Header, Property

MAX_LIST = 1 << 24


@dataclasses.dataclass(frozen=True)
class Lists:
    """A list for each row of a table."""

    counts: np.ndarray
    """[n]."""
    values: np.ndarray
    """One list after the other, [sum of counts]."""


class Table(dict[str, np.ndarray | Lists]):
    """The properties of an element by their names."""

    def __init__(self, element: Element | None = None):
        """Starts without values."""
        super().__init__()
        self._kinds = {entry.name: entry.kind for entry in element.properties} if element else {}

    def kind_of(self, name: str) -> str:
        """The type of a property, a value of `ply_header.TYPES`."""
        return self._kinds[name]


def read_tables(data: bytes, header: Header, wanted: frozenset[str]) -> dict[str, Table]:
    """The wanted elements by name, each as its properties by name; bytes after the last are left.

    Raises:
        Refusal: The file is shorter than its header says.
    """
    if header.order:
        source = _Binary(data, header.size, header.order)
    else:
        text = plain_text(data[header.size :], continued=False)
        source = _Text(numbers(without_msvc(text), "the data"))
    tables = {}
    for element in header.elements:
        table = _read(source, element)
        if element.name in wanted and element.name not in tables:
            tables[element.name] = table
    return tables


class _Text:
    """Numbers one after the other, whatever the lines."""

    def __init__(self, values: np.ndarray):
        self._values = values
        self.at = 0
        self.left = len(values)

    def width(self, kind: str) -> int:
        return 1

    def count_at(self, place: int, kind: str) -> int:
        return int(self._values[place]) if np.isfinite(self._values[place]) else -1

    def column(self, places: np.ndarray, kind: str) -> np.ndarray:
        return self._values[places]

    def end(self) -> int:
        return len(self._values)

    def grid(self, rows: int, width: int, offset: int, length: int, kind: str) -> np.ndarray:
        """`length` numbers [rows, length] from `offset` of rows of one width."""
        whole = self._values[self.at : self.at + rows * width].reshape(rows, width)
        return whole[:, offset : offset + length]


class _Binary:
    """Bytes one after the other."""

    def __init__(self, data: bytes, start: int, order: str):
        self._data, self._order = data, order
        self._bytes = np.frombuffer(data, np.uint8)
        self.at = start
        self._endian = "little" if order == "<" else "big"

    def width(self, kind: str) -> int:
        return int(kind[1:])

    def count_at(self, place: int, kind: str) -> int:
        size = int(kind[1:])
        if size == 1:
            return self._data[place]
        if kind[0] == "f":
            value = np.frombuffer(self._data, self._order + kind, 1, place)[0]
            return int(value) if np.isfinite(value) else -1
        whole = self._data[place : place + size]
        return int.from_bytes(whole, self._endian, signed=kind[0] == "i")

    def column(self, places: np.ndarray, kind: str) -> np.ndarray:
        size = int(kind[1:])
        raw = self._bytes[places[..., None] + np.arange(size)]
        return np.ascontiguousarray(raw).view(self._order + kind)[..., 0]

    def end(self) -> int:
        return len(self._data)

    def grid(self, rows: int, width: int, offset: int, length: int, kind: str) -> np.ndarray:
        """`length` numbers [rows, length] from `offset` of rows of one width."""
        return np.ndarray(
            (rows, length),
            dtype=self._order + kind,
            buffer=self._data,
            offset=self.at + offset,
            strides=(width, int(kind[1:])),
        )


def _read(source: "_Text | _Binary", element: Element) -> Table:
    if element.count == 0 or not element.properties:
        empty = Table(element)
        for entry in element.properties:
            none = np.zeros(0)
            empty[entry.name] = Lists(none.astype(np.int64), none) if entry.count_kind else none
        return empty
    shortest = sum(source.width(p.count_kind or p.kind) for p in element.properties)
    if shortest * element.count > source.end() - source.at:
        raise _too_short(element)
    lengths = _first_lengths(source, element)
    if (table := _regular(source, element, lengths)) is not None:
        return table
    return _walked(source, element)


def _too_short(element: Element) -> Refusal:
    words = f"its header promises {element.count} of {element.name[:40]}, and the file ends before"
    return Refusal("bad_mesh", words)


def _first_lengths(source: "_Text | _Binary", element: Element) -> list[int]:
    """Lengths of the lists of the first row; 1 for single numbers."""
    place, lengths = source.at, []
    for entry in element.properties:
        length = 1
        if entry.count_kind:
            length = _checked_length(source, place, entry, element)
            place += source.width(entry.count_kind)
        place += length * source.width(entry.kind)
        lengths.append(length)
    return lengths


def _checked_length(
    source: "_Text | _Binary", place: int, entry: Property, element: Element
) -> int:
    if place + source.width(entry.count_kind) > source.end():
        raise _too_short(element)
    length = source.count_at(place, entry.count_kind)
    if not 0 <= length <= MAX_LIST:
        raise Refusal("bad_mesh", f"a list of {element.name[:40]} has {length} entries")
    return length


def _regular(source: "_Text | _Binary", element: Element, lengths: list[int]) -> Table | None:
    """The table if all rows are like the first; else None."""
    rows, offset, columns = element.count, 0, []
    for entry, length in zip(element.properties, lengths, strict=True):
        count_offset = offset
        offset += source.width(entry.count_kind) if entry.count_kind else 0
        columns.append((entry, length, count_offset, offset))
        offset += length * source.width(entry.kind)
    if offset * rows > source.end() - source.at:
        return None
    table = Table(element)
    for entry, length, count_offset, start in columns:
        if entry.count_kind:
            counts = source.grid(rows, offset, count_offset, 1, entry.count_kind)
            if (counts != length).any():
                return None
        values = source.grid(rows, offset, start, length, entry.kind)
        if entry.count_kind:
            table[entry.name] = Lists(np.full(rows, length), values.reshape(-1))
        else:
            table[entry.name] = values[:, 0]
    source.at += offset * rows
    return table


def _walked(source: "_Text | _Binary", element: Element) -> Table:
    """The table row by row."""
    steps = [
        (entry, source.width(entry.count_kind) if entry.count_kind else 0, source.width(entry.kind))
        for entry in element.properties
    ]
    starts: list[list[int]] = [[] for _ in steps]
    counts: list[list[int]] = [[] for _ in steps]
    place, end = source.at, source.end()
    for _ in itertools.repeat(None, element.count):
        for number, (entry, before, width) in enumerate(steps):
            length = 1
            if before:
                length = _checked_length(source, place, entry, element)
                place += before
                counts[number].append(length)
            starts[number].append(place)
            place += length * width
        if place > end:
            raise _too_short(element)
    source.at = place
    table = Table(element)
    for number, (entry, before, width) in enumerate(steps):
        places = np.array(starts[number])
        if not before:
            table[entry.name] = source.column(places, entry.kind)
            continue
        many = np.array(counts[number])
        within = np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many)
        flat = np.repeat(places, many) + within * width
        table[entry.name] = Lists(many, source.column(flat, entry.kind))
    return table
