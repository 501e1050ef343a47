"""A glTF of several files becomes one GLB: buffers and pictures move into its binary chunk."""

import json
import os
import pathlib
import re
import struct
import urllib.parse
from typing import Any

from data_engine.errors import Refusal
from data_engine.gltf.container import MAX_FILE_BYTES, parse_json
from data_engine.gltf.document import bad, embedded, integer, table
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
        path = (self._folder / name).resolve()
        if not path.is_relative_to(self._folder):
            raise Refusal("external_uri", f"it refers to {uri[:80]!r}, a link out of its folder")
        if not path.is_file():
            raise Refusal("gone", f"it refers to {uri[:80]!r}, which is not there")
        self._left -= path.stat().st_size
        if self._left < 0:
            raise Refusal("too_large", f"the files it refers to exceed {MAX_FILE_BYTES} bytes")
        return path.read_bytes()


def pack_gltf(text: bytes, neighbours: Neighbours) -> bytes:
    """Returns the GLB of a glTF document, its materials and extensions untouched."""
    document = parse_json(text)
    binary = bytearray()
    starts = [
        _append(binary, _content(buffer, f"buffer {number}", neighbours, image=False))
        for number, buffer in enumerate(table(document, "buffers"))
    ]
    for number, view in enumerate(table(document, "bufferViews")):
        where = f"bufferView {number}"
        start = starts[integer(view, "buffer", where, high=len(starts) - 1)]
        view["byteOffset"] = start + integer(view, "byteOffset", where, default=0)
        view["buffer"] = 0
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
        return embedded(entry, where, image=image)
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


def _append(binary: bytearray, data: bytes) -> int:
    """Adds bytes at the next multiple of four and says where they start."""
    binary += bytes(-len(binary) % 4)
    start = len(binary)
    if start + len(data) > MAX_FILE_BYTES:
        raise Refusal("too_large", f"packed it exceeds {MAX_FILE_BYTES} bytes")
    binary += data
    return start


def write_glb(document: dict[str, Any], binary: bytes) -> bytes:
    """The bytes of a GLB (glTF 2.0, section 4.4)."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    chunks = [(b"JSON", text + b" " * (-len(text) % 4))]
    if binary:
        chunks.append((b"BIN\0", binary + bytes(-len(binary) % 4)))
    body = b"".join(struct.pack("<I4s", len(data), kind) + data for kind, data in chunks)
    return struct.pack("<4sII", b"glTF", 2, 12 + len(body)) + body
