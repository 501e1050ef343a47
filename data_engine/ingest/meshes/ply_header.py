"""The header of a PLY: what elements there are and what they hold (G. Turk, Stanford, 1994)."""

import dataclasses
import re

from data_engine.errors import Refusal

MAX_HEADER = 1 << 20
MAX_PROPERTIES = 1024

TYPES = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1",
    "short": "i2", "int16": "i2", "ushort": "u2", "uint16": "u2",
    "int": "i4", "int32": "i4", "uint": "u4", "uint32": "u4",
    "long": "i8", "int64": "i8", "ulong": "u8", "uint64": "u8",
    "float": "f4", "float32": "f4", "double": "f8", "float64": "f8",
}  # fmt: skip
"""NumPy type of each name of a type, without its order of bytes."""
_FORMATS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}
_END = re.compile(rb"(?m)^[ \t]*end_header[ \t]*(?:\r\n|\n|\r|\Z)")
_TEXTURE = re.compile(rb"texture_?file:?\s+(.*)", re.IGNORECASE)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Property:
    """One column of an element."""

    name: str
    kind: str
    """A value of `TYPES`."""
    count_kind: str = ""
    """Of the count before a list; empty for a single number."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Element:
    """One table of the file."""

    name: str
    count: int
    properties: tuple[Property, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Header:
    """What comes before the data."""

    order: str
    """`<` or `>` of binary data, empty for text."""
    elements: tuple[Element, ...]
    textures: tuple[bytes, ...]
    """Names of the pictures in the order of their comments."""
    size: int
    """Bytes of the header."""


def read_header(data: bytes) -> Header:
    """Reads the header of a PLY; `Refusal` if it is none that can be followed."""
    if (end := _END.search(data[:MAX_HEADER])) is None:
        raise Refusal("bad_mesh", "the header of the PLY does not end")
    order, elements, textures = None, [], []
    for line in re.split(rb"\r\n|\n|\r", data[: end.start()])[1:]:
        words = line.decode("latin-1").split()
        if not words:
            continue
        if words[0] == "format" and len(words) > 1:
            order = _FORMATS.get(words[1])
        elif words[0] in ("comment", "obj_info"):
            rest = line.strip()[len(words[0]) :].strip()
            if match := _TEXTURE.match(rest):
                textures.append(match[1].strip())
        elif words[0] == "element":
            elements.append((words, []))
        elif words[0] == "property" and elements:
            elements[-1][1].append(_property(words))
    if order is None:
        raise Refusal("bad_mesh", "the format of the PLY is neither ascii nor binary")
    return Header(
        order=order,
        elements=tuple(_element(words, properties) for words, properties in elements),
        textures=tuple(textures),
        size=end.end(),
    )


def _element(words: list[str], properties: list[Property]) -> Element:
    if len(words) < 3 or not words[2].isascii() or not words[2].isdigit() or len(words[2]) > 18:
        raise Refusal("bad_mesh", f"{' '.join(words)[:80]!r} is no element with its count")
    if len(properties) > MAX_PROPERTIES:
        raise Refusal("too_large", f"an element of the PLY has {len(properties)} properties")
    return Element(name=words[1].lower(), count=int(words[2]), properties=tuple(properties))


def _property(words: list[str]) -> Property:
    listed = words[1:2] == ["list"]
    kinds = words[2:4] if listed else words[1:2]
    if len(words) != 3 + 2 * listed or not set(kinds) <= TYPES.keys():
        raise Refusal("bad_mesh", f"{' '.join(words)[:80]!r} is no property of the PLY")
    return Property(
        name=words[-1].lower(),
        kind=TYPES[kinds[-1]],
        count_kind=TYPES[kinds[0]] if listed else "",
    )
