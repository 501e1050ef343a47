"""Decoders of the three EXT_meshopt_compression bitstreams and of their filters.

Written from the extension's specification (Khronos glTF, EXT_meshopt_compression, appendices A
and B); the names `next`, `last`, `code` and the two FIFOs are its own.
"""

import numpy as np

_ATTRIBUTES, _TRIANGLES, _INDICES = 0xA0, 0xE1, 0xD1
_MAX_BLOCK_BYTES, _MAX_BLOCK_ELEMENTS, _GROUP = 8192, 256, 16
_TAIL_BYTES = 32

_BYTES = np.arange(256, dtype=np.uint8)[:, None]
_UNPACKED = {
    1: _BYTES >> np.array([6, 4, 2, 0], np.uint8) & 3,
    2: _BYTES >> np.array([4, 0], np.uint8) & 15,
}
"""Deltas by header bits: those in each byte, most significant first."""
_PACKED_BYTES, _SENTINEL = {1: 4, 2: 8}, {1: 3, 2: 15}


class Malformed(ValueError):  # noqa: N818 - a verdict on a stream
    """A stream that does not follow the specification."""


def decode(data: bytes, *, count: int, stride: int, mode: str, filter_name: str) -> bytes:
    """The `count * stride` bytes of a compressed buffer view; `Malformed` if it cannot be.

    Args:
        data: The compressed stream, exactly.
        count: Elements.
        stride: Bytes per element.
        mode: ATTRIBUTES, TRIANGLES or INDICES.
        filter_name: NONE, OCTAHEDRAL, QUATERNION or EXPONENTIAL; only for attributes.
    """
    if mode == "ATTRIBUTES":
        if stride % 4 or not 4 <= stride <= 256 or filter_name not in _FILTERS:
            raise Malformed(f"attributes of {stride} bytes with filter {filter_name}")
        return _FILTERS[filter_name](_attributes(data, count, stride)).tobytes()
    if mode not in ("TRIANGLES", "INDICES") or stride not in (2, 4) or filter_name != "NONE":
        raise Malformed(f"mode {mode} of {stride} bytes with filter {filter_name}")
    try:
        values = (_triangles if mode == "TRIANGLES" else _indices)(data, count)
    except IndexError:
        raise Malformed(f"its {mode.lower()} end early") from None
    return np.array(values, np.uint32).astype(f"<u{stride}").tobytes()


def _attributes(data: bytes, count: int, stride: int) -> np.ndarray:
    """Mode 0: elements [count, stride] uint8."""
    tail = max(_TAIL_BYTES, stride)
    if len(data) < 1 + tail or data[0] != _ATTRIBUTES:
        raise Malformed("not a stream of attributes of version 0")
    stream = np.frombuffer(data, np.uint8)[: len(data) - tail]
    before = np.frombuffer(data, np.uint8)[len(data) - stride :]
    block = min(_MAX_BLOCK_BYTES // stride & ~(_GROUP - 1), _MAX_BLOCK_ELEMENTS)
    elements = np.empty((count, stride), np.uint8)
    position = 1
    for start in range(0, count, block):
        rows = min(block, count - start)
        deltas = np.zeros((stride, -(-rows // _GROUP) * _GROUP), np.uint8)
        for column in deltas:
            position = _read_deltas(stream, position, column)
        steps = (deltas >> 1) ^ -(deltas & 1)  # Undoes the zigzag, modulo 256.
        values = np.cumsum(steps, axis=1, dtype=np.uint8).T[:rows] + before
        elements[start : start + rows], before = values, values[-1]
    if position != len(stream):
        raise Malformed(f"{len(stream) - position} bytes are left over")
    return elements


def _read_deltas(stream: np.ndarray, position: int, deltas: np.ndarray) -> int:
    """Fills the zigzag deltas of one byte of all elements of a block; returns where it ends."""
    groups = len(deltas) // _GROUP
    modes = stream[position : position + (groups + 3) // 4]
    position += (groups + 3) // 4
    for group in range(groups):
        if group // 4 >= len(modes):
            raise Malformed("its attributes end early")
        mode = int(modes[group // 4]) >> 2 * (group % 4) & 3
        here = deltas[group * _GROUP : (group + 1) * _GROUP]
        if mode == 3:
            position = _take(stream, position, here, np.arange(_GROUP))
        elif mode:
            packed = stream[position : position + _PACKED_BYTES[mode]]
            if len(packed) < _PACKED_BYTES[mode]:
                raise Malformed("its attributes end early")
            here[:] = _UNPACKED[mode][packed].ravel()
            large = np.flatnonzero(here == _SENTINEL[mode])
            position = _take(stream, position + len(packed), here, large)
    return position


def _take(stream: np.ndarray, position: int, target: np.ndarray, places: np.ndarray) -> int:
    values = stream[position : position + len(places)]
    if len(values) < len(places):
        raise Malformed("its attributes end early")
    target[places] = values
    return position + len(places)


class _Numbers:
    """Variable-length integers of a stream, and the running index `last` they are relative to."""

    def __init__(self, data: bytes, position: int):
        self._data, self.position, self.last = data, position, 0

    def byte(self) -> int:
        self.position += 1
        return self._data[self.position - 1]

    def leb128(self) -> int:
        value = shift = 0
        while True:
            piece = self.byte()
            value |= (piece & 0x7F) << shift
            shift += 7
            if piece < 0x80:
                return value & 0xFFFFFFFF
            if shift > 28:
                raise Malformed("a number has more than five bytes")

    def index(self) -> int:
        self.last = (self.last + _unzigzag(self.leb128())) & 0xFFFFFFFF
        return self.last


def _unzigzag(value: int) -> int:
    return ~(value >> 1) if value & 1 else value >> 1


def _triangles(data: bytes, count: int) -> list[int]:
    """Mode 1: `count` corners."""
    if count % 3 or len(data) < 1 + count // 3 + 16 or data[0] != _TRIANGLES:
        raise Malformed("not a stream of triangles of version 1")
    decoder = _TriangleDecoder(data[:-16], data[-16:], 1 + count // 3)
    corners: list[int] = []
    for code in data[1 : 1 + count // 3]:
        corners += decoder.triangle(code)
    if decoder.numbers.position != len(data) - 16:
        raise Malformed("its triangles do not end where the stream does")
    return corners


class _TriangleDecoder:
    """State of the triangle codec: the next new index, and what was met most recently."""

    def __init__(self, data: bytes, table: bytes, position: int):
        self.numbers = _Numbers(data, position)
        self._table, self._next = table, 0
        self._edges, self._vertices = [(0, 0)] * 16, [0] * 16  # Newest first.

    def triangle(self, code: int) -> tuple[int, int, int]:
        high, low = code >> 4, code & 15
        if high == 15:
            return self._apart(low)
        a, b = self._edges[high]
        if low == 0:
            c = self._new()
        elif low < 13:
            c = self._vertices[low]
        elif low == 15:
            c = self.numbers.index()
        else:
            c = self.numbers.last = (self.numbers.last + (1 if low == 14 else -1)) & 0xFFFFFFFF
        self._edges[:] = [(a, c), (c, b), *self._edges[:14]]
        if not 0 < low < 13:
            self._met(c)
        return a, b, c

    def _apart(self, low: int) -> tuple[int, int, int]:
        """A triangle that shares no recent edge."""
        pair = self._table[low] if low < 14 else self.numbers.byte()
        if low >= 14 and pair == 0:
            self._next = 0
        z, w = pair >> 4, pair & 15
        a = self.numbers.index() if low == 15 else self._new()
        b, c = self._corner(z), self._corner(w)
        self._edges[:] = [(a, c), (c, b), (b, a), *self._edges[:13]]
        self._met(a)
        if z in (0, 15):
            self._met(b)
        if w in (0, 15):
            self._met(c)
        return a, b, c

    def _corner(self, nibble: int) -> int:
        if nibble == 0:
            return self._new()
        return self.numbers.index() if nibble == 15 else self._vertices[nibble - 1]

    def _new(self) -> int:
        self._next += 1
        return self._next - 1

    def _met(self, vertex: int) -> None:
        self._vertices[:] = [vertex, *self._vertices[:15]]


def _indices(data: bytes, count: int) -> list[int]:
    """Mode 2: `count` indices, each relative to one of two running ones."""
    if len(data) < 1 + count + 4 or data[0] != _INDICES:
        raise Malformed("not a stream of indices of version 1")
    numbers, last, values = _Numbers(data[:-4], 1), [0, 0], []
    for _ in range(count):
        number = numbers.leb128()
        last[number & 1] = (last[number & 1] + _unzigzag(number >> 1)) & 0xFFFFFFFF
        values.append(last[number & 1])
    if numbers.position != len(data) - 4:
        raise Malformed("its indices do not end where the stream does")
    return values


def _octahedral(elements: np.ndarray) -> np.ndarray:
    """Filter 1: unit vectors; the third component is the code of 1.0, the fourth passes."""
    kind = {4: np.int8, 8: np.dtype("<i2")}.get(elements.shape[1])
    if kind is None:
        raise Malformed(f"octahedral vectors of {elements.shape[1]} bytes")
    coded = elements.view(kind)
    x, y, one = np.moveaxis(coded[:, :3].astype(np.float32), -1, 0)
    if not (one > 0).all():
        raise Malformed("an octahedral vector has no scale")
    x, y = x / one, y / one
    z = 1 - np.abs(x) - np.abs(y)
    fold = np.minimum(z, 0)
    vectors = np.stack([x - np.copysign(fold, x), y - np.copysign(fold, y), z], axis=-1)
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    decoded = np.array(coded)
    decoded[:, :3] = _round(vectors * np.iinfo(kind).max)
    return decoded


def _quaternion(elements: np.ndarray) -> np.ndarray:
    """Filter 2: three components; the fourth is the code of 1.0 and which one was left out."""
    if elements.shape[1] != 8:
        raise Malformed(f"quaternions of {elements.shape[1]} bytes")
    coded = elements.view("<i2")
    one = (coded[:, 3:] | 3).astype(np.float32)
    small = coded[:, :3] / one * np.float32(np.sqrt(0.5))
    large = np.sqrt(np.maximum(0, 1 - np.sum(small**2, axis=-1, keepdims=True)))
    values = _round(np.concatenate([large, small], axis=-1) * 32767).astype("<i2")
    places = ((coded[:, 3:] & 3) + np.arange(4)) % 4
    decoded = np.empty_like(values)
    np.put_along_axis(decoded, places.astype(np.intp), values, axis=-1)
    return decoded


def _exponential(elements: np.ndarray) -> np.ndarray:
    """Filter 3: 24 bits of mantissa under 8 bits of exponent, both signed."""
    coded = np.ascontiguousarray(elements).view("<i4")
    return np.ldexp((coded << 8 >> 8).astype(np.float32), coded >> 24).astype("<f4")


def _round(values: np.ndarray) -> np.ndarray:
    """Halves away from zero, as C rounds."""
    return np.trunc(values + np.copysign(0.5, values))


_FILTERS = {
    "NONE": lambda elements: elements,
    "OCTAHEDRAL": _octahedral,
    "QUATERNION": _quaternion,
    "EXPONENTIAL": _exponential,
}
