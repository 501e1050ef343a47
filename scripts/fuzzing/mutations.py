"""What may be wrong with a file: its bytes, numbers, values of JSON, members of an archive."""

import copy
import io
import json
import random
import re
import struct
import zipfile
import zlib
from typing import Any

from data_engine.errors import Refusal
from data_engine.gltf.container import parse_glb
from data_engine.gltf.pack import write_glb

MAX_BYTES = 4 << 20
"""Largest file that comes out."""

VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    -1,
    0,
    1,
    2,
    255,
    65536,
    1 << 31,
    1 << 53,
    1 << 64,
    10**30,
    -1.5,
    0.1,
    1e308,
    -1e-320,
    "",
    "0",
    "x",
    "../x",
    "a\\b",
    "C:\\x",
    "\0",
    "\ud800",
    "é" * 9,
    "data:,",
    "data:;base64,",
    "http://127.0.0.1/x",
    "/etc/passwd",
    "VEC3",
    [],
    [0],
    [[]],
    [None],
    {},
    {"a": 1},
    [1] * 40,
    "x" * 5000,
)
TOKENS = (
    "-1",
    "0",
    "1",
    "2",
    "7",
    "-0",
    "1e999",
    "nan",
    "inf",
    "-inf",
    "99999999999",
    "4294967296",
    "1e-320",
    "",
    "1/2/3/4",
    "1//",
    "//",
    "/",
    "-5/-5/-5",
    "\\",
    "#",
    "\0",
    "é",
    "x" * 2000,
    "0x10",
    "1,5",
    "+3",
    "1.",
    "f",
    "v",
    "vertex",
    "3 0 1",
    "\t",
    "\r",
    "\\\n",
    "\ufeff",
)
NAMES = (
    "../x.glb",
    "/x.glb",
    "C:/x.glb",
    "a\\b.glb",
    "x" * 600 + ".glb",
    "MODEL.GLB",
    "é.obj",
    ".glb",
    "a/" * 40 + "b.glb",
    "con.glb",
    "a\nb.glb",
    "manifest.json",
    "x.ply",
    "x.stl",
)
_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:e-?\d+)?")
_FLOATS = (float("nan"), float("inf"), 1e38, -1e-40, 0.0)
_TEXTS = (".obj", ".mtl", ".ply", ".stl", ".txt", ".md")


def times(data: bytes, count: int) -> bytes:
    """Data so many times over, within `MAX_BYTES`: what is doubled is doubled again."""
    return data * max(1, min(count, MAX_BYTES // max(1, len(data)))) if count else b""


def mutated(name: str, data: bytes, rng: random.Random) -> bytes:
    """A file with one thing wrong, chosen by what its name promises; now and then mere bytes."""
    return _mutated(name, data, rng)[:MAX_BYTES]


def _mutated(name: str, data: bytes, rng: random.Random) -> bytes:
    suffix = "." + name.rpartition(".")[2].lower()
    if rng.random() < 0.2:
        return wrong_bytes(data, rng)
    if suffix == ".glb":
        return wrong_glb(data, rng)
    if suffix in (".gltf", ".json"):
        return wrong_json_text(data, rng)
    if suffix == ".zip":
        return wrong_archive(data, rng)
    if suffix in _TEXTS and b"\0" not in data:
        return wrong_text(data, rng)
    return wrong_bytes(data, rng)


def wrong_bytes(data: bytes, rng: random.Random) -> bytes:
    """Bits, bytes and spans that are turned, set, taken out, doubled, moved or cut off."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5, 20))):
        place, span = rng.randrange(len(out) + 1), rng.choice((1, 2, 4, 8, 64))
        kind = rng.randrange(7)
        if kind == 0 and place < len(out):
            out[place] ^= 1 << rng.randrange(8)
        elif kind == 1:
            out[place : place + span] = rng.randbytes(span)
        elif kind == 2:
            del out[place : place + span]
        elif kind == 3:
            out[place:place] = out[place : place + span] * rng.choice((1, 2, 50))
        elif kind == 4:
            value = rng.choice((0, 1, -1, 0x7FFFFFFF, 0xFFFFFFFF, len(out), rng.randrange(1 << 32)))
            out[place : place + 4] = struct.pack("<I", value & 0xFFFFFFFF)
        elif kind == 5:
            out[place : place + 4] = struct.pack("<f", rng.choice(_FLOATS))
        elif rng.random() < 0.3:
            del out[place:]
    return bytes(out)


def wrong_text(data: bytes, rng: random.Random) -> bytes:
    """Numbers and words that are others, and lines that are gone, doubled, moved or joined."""
    for _ in range(rng.choice((1, 1, 2, 4))):
        lines = data.split(b"\n")
        kind, place = rng.randrange(7), rng.randrange(len(lines))
        if kind == 0:
            numbers = list(_NUMBER.finditer(data))
            if numbers:
                match = rng.choice(numbers)
                token = rng.choice(TOKENS).encode("utf-8", "surrogatepass")
                data = data[: match.start()] + token + data[match.end() :]
            continue
        if kind == 1:
            words = lines[place].split(b" ")
            words[rng.randrange(len(words))] = rng.choice(TOKENS).encode("utf-8")
            lines[place] = b" ".join(words)
        elif kind == 2:
            del lines[place]
        elif kind == 3:
            count = rng.choice((1, 3, 2000))
            lines[place] = times(lines[place] + b"\n", count + 1)[:-1]
        elif kind == 4:
            lines.insert(rng.randrange(len(lines) + 1), lines.pop(place))
        elif kind == 5:
            lines[place] = times(lines[place], rng.choice((2, 500)))
        else:
            ending = rng.choice((b"\r\n", b"\r", b"\\\n", b"\n\n", b" \n\t"))
            data = ending.join(lines)
            continue
        data = b"\n".join(lines)
    return data


def wrong_glb(data: bytes, rng: random.Random) -> bytes:
    """A GLB whose container is sound and whose JSON, or binary, is not."""
    try:
        glb = parse_glb(data)
    except Refusal:
        return wrong_bytes(data, rng)
    document, binary = glb.document, glb.binary
    if rng.random() < 0.2:
        return write_glb(document, wrong_bytes(binary, rng))
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        document = wrong_value(document, rng)
    return _written(document, binary) or wrong_bytes(data, rng)


def _written(document: Any, binary: bytes) -> bytes | None:
    try:
        return write_glb(document, binary)
    except (UnicodeEncodeError, ValueError):  # Half a letter, for one
        return None


def wrong_json_text(data: bytes, rng: random.Random) -> bytes:
    """A JSON with other values; now and then one that is none."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return wrong_bytes(data, rng)
    if rng.random() < 0.05:
        return b"[" * rng.choice((100, 100_000)) + data
    for _ in range(rng.choice((1, 1, 2))):
        value = wrong_value(value, rng)
    return json.dumps(value).encode("utf-8", "replace")


def wrong_value(value: Any, rng: random.Random) -> Any:
    """The same with one entry replaced, taken out, doubled, or put in another's place."""
    places = list(_places(value))
    if not places:
        return _fresh(rng.choice(VALUES))
    holder, key = rng.choice(places)
    kind = rng.randrange(6)
    if kind <= 2:
        holder[key] = _fresh(rng.choice(VALUES))
    elif kind == 3:
        del holder[key]
    elif kind == 4:
        other, name = rng.choice(places)
        holder[key] = _fresh(other[name])
    elif isinstance(holder[key], int) and not isinstance(holder[key], bool):
        holder[key] += rng.choice((-1, 1, 4, 1000))
    elif isinstance(holder[key], list):
        holder[key] = _fresh(holder[key] * rng.choice((2, 70)))
    else:
        holder[key] = [holder[key]]
    return value


def _fresh(value: Any) -> Any:
    """A copy, so that no later change reaches the table or another place."""
    return copy.deepcopy(value)


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every (holder, key) of a JSON value."""
    found, stack = [], [value]
    while stack:
        holder = stack.pop()
        entries = list(holder.items()) if isinstance(holder, dict) else list(enumerate(holder))
        for key, entry in entries:
            found.append((holder, key))
            if isinstance(entry, (dict, list)):
                stack.append(entry)
    return found


def wrong_archive(data: bytes, rng: random.Random) -> bytes:
    """An archive of other members, under other names, or of the same with wrong bytes outside."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [(entry.filename, archive.read(entry)) for entry in archive.infolist()]
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, OSError, zlib.error):
        return wrong_bytes(data, rng)
    out, chosen, kind = io.BytesIO(), rng.randrange(len(members)), rng.randrange(4)
    method = rng.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED))
    with zipfile.ZipFile(out, "w", method) as archive:
        for number, (name, content) in enumerate(members):
            if number == chosen and kind == 0:
                name = rng.choice(NAMES)
            elif number == chosen and kind == 1:
                content = mutated(name, content, rng)
            elif number == chosen and kind == 2:
                content = times(content, rng.choice((0, 2, 3000)))
            entry = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
            entry.compress_type = method
            archive.writestr(entry, content)
    return wrong_bytes(out.getvalue(), rng) if kind == 3 else out.getvalue()
