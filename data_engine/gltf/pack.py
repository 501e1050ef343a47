"""A glTF of several files becomes one GLB: buffers and pictures move into its binary chunk."""

import json
import os
import pathlib
import re
import struct
import urllib.parse
from collections.abc import Sequence
from typing import Any

from data_engine.errors import Refusal
from data_engine.gltf.checks import DRACO, MESHOPT
from data_engine.gltf.container import MAX_FILE_BYTES, parse_json
from data_engine.gltf.document import (
    Document,
    bad,
    embedded_bytes,
    integer,
    mapping,
    objects,
    table,
)
from data_engine.gltf.image_headers import image_type

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


class Neighbours:
    """The files a model may refer to: those in its own folder and below, nothing else."""

    def __init__(self, folder: str | os.PathLike):
        """Takes the folder of the model."""
        self._folder = pathlib.Path(folder).resolve()
        self._left = MAX_FILE_BYTES

    def read(self, uri: str) -> bytes:
        """The bytes behind a relative URI; `Refusal` if it leads anywhere else."""
        name = urllib.parse.unquote(uri)
        parts = name.split("/")
        if _SCHEME.match(name) or "\\" in name or "\0" in name or ".." in parts or parts[0] == "":
            raise Refusal("external_uri", f"it refers to {uri[:80]!r}, outside its own folder")
        path = self._find(name)
        if path is None or not path.is_file():
            raise Refusal("gone", f"it refers to {uri[:80]!r}, which is not there")
        self._left -= path.stat().st_size
        if self._left < 0:
            raise Refusal("too_large", f"the files it refers to exceed {MAX_FILE_BYTES} bytes")
        return path.read_bytes()

    def _find(self, name: str) -> pathlib.Path | None:
        path = (self._folder / name).resolve()
        if not path.is_relative_to(self._folder):
            raise Refusal("external_uri", f"it refers to {name[:80]!r}, a link out of its folder")
        return path


def pack_gltf(text: bytes, neighbours: Neighbours) -> bytes:
    """Returns the GLB of a glTF document, its materials and extensions untouched."""
    document = parse_json(text)
    binary = bytearray()
    starts = []
    for number, buffer in enumerate(table(document, "buffers")):
        where = f"buffer {number}"
        # A buffer that meshopt is decompressed into has no bytes of its own.
        placeholder = MESHOPT in mapping(buffer, "extensions", where) and "uri" not in buffer
        data = b"" if placeholder else _content(buffer, where, neighbours, image=False)
        starts.append(_append(binary, data))
    for number, view in enumerate(table(document, "bufferViews")):
        where = f"bufferView {number}"
        packed = mapping(mapping(view, "extensions", where), MESHOPT, where)
        for place in (view, packed) if packed else (view,):
            start = starts[integer(place, "buffer", where, high=len(starts) - 1)]
            place["byteOffset"] = start + integer(place, "byteOffset", where, default=0)
            place["buffer"] = 0
    for number, image in enumerate(table(document, "images")):
        if "uri" in image:
            _embed_image(
                document, image, _content(image, f"image {number}", neighbours, image=True), binary
            )
    if binary:
        document["buffers"] = [{"byteLength": len(binary)}]
    return write_glb(document, bytes(binary))


def _content(entry: dict[str, Any], where: str, neighbours: Neighbours, *, image: bool) -> bytes:
    uri = entry.get("uri")
    if not isinstance(uri, str):
        raise bad(f"{where} has no URI")
    if uri[:5].lower() == "data:":
        return embedded_bytes(entry, where, image=image)
    return neighbours.read(uri)


def _embed_image(
    document: dict[str, Any], image: dict[str, Any], data: bytes, binary: bytearray
) -> None:
    if (kind := image_type(data)) is None:
        raise bad("a picture it refers to is not PNG, JPEG or WebP")
    views = document.setdefault("bufferViews", [])
    views.append({"buffer": 0, "byteOffset": _append(binary, data), "byteLength": len(data)})
    del image["uri"]
    image |= {"bufferView": len(views) - 1, "mimeType": kind}


def _append(binary: bytearray, data: bytes | memoryview) -> int:
    """Adds bytes at the next multiple of four and says where they start."""
    binary += bytes(-len(binary) % 4)
    start = len(binary)
    if start + len(data) > MAX_FILE_BYTES:
        raise Refusal("too_large", f"packed it exceeds {MAX_FILE_BYTES} bytes")
    binary += data
    return start


def pack_views(document: Document, contents: Sequence[bytes | memoryview]) -> bytes:
    """Lays out the contents of the buffer views anew, instead of all buffers; returns the binary.

    Views that nothing refers to any more are left out.
    """
    views, binary = table(document, "bufferViews"), bytearray()
    holders = _view_holders(document)
    used = sorted({integer(h, "bufferView", "a view", high=len(views) - 1) for h in holders})
    for number in used:
        start = _append(binary, contents[number])
        views[number] |= {"buffer": 0, "byteOffset": start, "byteLength": len(contents[number])}
    moved = {number: place for place, number in enumerate(used)}
    for holder in holders:
        holder["bufferView"] = moved[holder["bufferView"]]
    document["bufferViews"] = [views[number] for number in used]
    document["buffers"] = [{"byteLength": len(binary)}]
    return bytes(binary)


def _view_holders(document: Document) -> list[dict[str, Any]]:
    """Everything that names a buffer view."""
    entries = [*table(document, "accessors"), *table(document, "images")]
    for accessor in table(document, "accessors"):
        sparse = mapping(accessor, "sparse", "an accessor")
        entries += [mapping(sparse, name, "an accessor") for name in ("indices", "values")]
    for mesh in table(document, "meshes"):
        for primitive in objects(mesh, "primitives", "a mesh"):
            extensions = mapping(primitive, "extensions", "a primitive")
            entries.append(mapping(extensions, DRACO, "a primitive"))
    return [entry for entry in entries if "bufferView" in entry]


def write_glb(document: dict[str, Any], binary: bytes) -> bytes:
    """The bytes of a GLB (glTF 2.0, section 4.4)."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    chunks = [(b"JSON", text + b" " * (-len(text) % 4))]
    if binary:
        chunks.append((b"BIN\0", binary + bytes(-len(binary) % 4)))
    body = b"".join(struct.pack("<I4s", len(data), kind) + data for kind, data in chunks)
    return struct.pack("<4sII", b"glTF", 2, 12 + len(body)) + body
