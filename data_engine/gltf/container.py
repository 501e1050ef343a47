"""The outer layer of a GLB: header, chunks and JSON, checked before anything is believed."""

import dataclasses
import json
import math
import os
import pathlib
import re
import struct
from typing import Any, NoReturn

import numpy as np

from data_engine.errors import Refusal

MAX_FILE_BYTES = 1 << 30
MAX_JSON_BYTES = 16 << 20
MAX_JSON_DEPTH = 64

_MAGIC = b"glTF"
_JSON_CHUNK, _BIN_CHUNK = 0x4E4F534A, 0x004E4942
# Possessive and always matching, so that no arrangement of quotes makes it quadratic.
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)', re.DOTALL)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Glb:
    """A GLB taken apart: the glTF document and the bytes beside it."""

    document: dict[str, Any]
    binary: bytes = b""
    """The BIN chunk; empty if there is none."""


def read_glb(path: str | os.PathLike) -> Glb:
    """Reads a GLB file whose container and JSON are sound; else `Refusal`."""
    size = os.stat(path).st_size
    if size > MAX_FILE_BYTES:
        raise Refusal("too_large", f"it has {size} bytes; at most {MAX_FILE_BYTES} are read")
    return parse_glb(pathlib.Path(path).read_bytes())


def parse_glb(data: bytes) -> Glb:
    """Takes the bytes of a GLB apart (glTF 2.0, section 4.4).

    What follows the length of its header, such as a line's end of a server, is not part of it.
    """
    if data[:4] != _MAGIC:
        raise Refusal("not_glb", f"it starts with {data[:8]!r}, not with {_MAGIC!r}")
    if len(data) < 20:
        raise Refusal("bad_glb", f"it ends after {len(data)} bytes, inside its header")
    version, length = struct.unpack("<II", data[4:12])
    if version != 2:
        raise Refusal("bad_glb", f"its container has version {version}; only 2 is read")
    if length > len(data):
        raise Refusal("bad_glb", f"its header promises {length} bytes, the file has {len(data)}")
    if length < 20:
        raise Refusal("bad_glb", f"its header promises {length} bytes, which is less than it has")
    chunks = _chunks(data[:length])
    if not chunks or chunks[0][0] != _JSON_CHUNK:
        raise Refusal("bad_glb", "its first chunk is not JSON")
    binaries = [payload for kind, payload in chunks if kind == _BIN_CHUNK]
    if len(binaries) > 1 or sum(kind == _JSON_CHUNK for kind, _ in chunks) > 1:
        raise Refusal("bad_glb", "it has more than one JSON or BIN chunk")
    document = parse_json(chunks[0][1])
    return Glb(document=document, binary=binaries[0] if binaries else b"")


def _chunks(data: bytes) -> list[tuple[int, bytes]]:
    chunks, position = [], 12
    while position < len(data):
        if position + 8 > len(data):
            raise Refusal("bad_glb", f"{len(data) - position} stray bytes follow its last chunk")
        length, kind = struct.unpack("<II", data[position : position + 8])
        if length % 4:
            raise Refusal("bad_glb", f"a chunk of {length} bytes is not a multiple of 4")
        if position + 8 + length > len(data):
            raise Refusal("bad_glb", f"a chunk of {length} bytes runs past the end of the file")
        chunks.append((kind, data[position + 8 : position + 8 + length]))
        position += 8 + length
    return chunks


def parse_json(text: bytes) -> dict[str, Any]:
    """Parses a glTF document strictly: bounded depth, no repeated keys, only finite numbers."""
    if len(text) > MAX_JSON_BYTES:
        words = f"its JSON has {len(text)} bytes; at most {MAX_JSON_BYTES} are read"
        raise Refusal("too_large", f"{words}; store its data as a GLB or beside it")
    if (depth := _depth(text)) > MAX_JSON_DEPTH:
        raise Refusal("bad_glb", f"its JSON is nested {depth} deep; at most {MAX_JSON_DEPTH}")
    try:
        document = json.loads(
            text.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=_refuse_number,
            parse_float=_finite,
        )
    except (ValueError, RecursionError) as error:  # Includes UnicodeDecodeError.
        raise Refusal("bad_glb", f"its JSON cannot be parsed: {error}"[:300]) from error
    if not isinstance(document, dict):
        raise Refusal("bad_glb", f"its JSON is a {type(document).__name__}, not an object")
    return document


def _depth(text: bytes) -> int:
    """Deepest nesting of brackets outside strings, before any parser recurses over them."""
    code = np.frombuffer(_STRINGS.sub(b"", text), np.uint8)
    opens = (code == ord("[")) | (code == ord("{"))
    closes = (code == ord("]")) | (code == ord("}"))
    steps = opens.astype(np.int8) - closes.astype(np.int8)
    return int(np.cumsum(steps, dtype=np.int64).max(initial=0))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))
        raise ValueError(f"the key {twice[:40]!r} occurs twice in one object")
    return result


def _refuse_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a number of JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        _refuse_number(text[:40])
    return value
