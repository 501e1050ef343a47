"""A glTF of several files becomes one GLB: buffers and pictures move into its binary chunk."""

import json
import os
import pathlib
import re
import struct
import unicodedata
import urllib.parse
from collections.abc import Iterable, Sequence
from typing import Any

from data_engine.errors import Refusal
from data_engine.gltf.checks import DRACO, MESHOPT
from data_engine.gltf.container import MAX_FILE_BYTES, parse_glb, parse_json
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
from data_engine.gltf.pictures import drop_images, used_images

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


class Neighbours:
    """The files a model may refer to: those in its own folder and below, nothing else."""

    def __init__(self, folder: str | os.PathLike):
        """Takes the folder of the model."""
        self._folder = pathlib.Path(folder).resolve()
        self._left = MAX_FILE_BYTES

    def read(self, uri: str) -> bytes:
        """The bytes behind a relative URI; `Refusal` if it leads anywhere else.

        A backslash, as Windows writes it, stands for a slash, and another case of the letters is
        understood where only one file has it.
        """
        name = urllib.parse.unquote(uri).replace("\\", "/")
        parts = name.split("/")
        if _SCHEME.match(name) or "\0" in name or ".." in parts or parts[0] == "":
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
        if not path.exists():
            path = (self._folder / _in_any_case(self._folder, name)).resolve()
        if not path.is_relative_to(self._folder):
            raise Refusal("external_uri", f"it refers to {name[:80]!r}, a link out of its folder")
        return path


def same_but_for_case(name: str, names: Iterable[str]) -> str | None:
    """The one of some names that differs from `name` in the case of its letters alone."""
    alike = [other for other in names if _folded(other) == _folded(name)]
    return alike[0] if len(alike) == 1 else None


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _in_any_case(folder: pathlib.Path, name: str) -> pathlib.Path:
    """A path below a folder with each part as the disk spells it; parts that are not there stay."""
    path = pathlib.Path()
    for part in pathlib.PurePosixPath(name).parts:
        here = folder / path
        names = [entry.name for entry in here.iterdir()] if here.is_dir() else []
        path /= part if part in names else same_but_for_case(part, names) or part
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
        data = b"" if placeholder else _content(buffer, where, neighbours)
        starts.append(append(binary, data))
    for number, view in enumerate(table(document, "bufferViews")):
        where = f"bufferView {number}"
        packed = mapping(mapping(view, "extensions", where), MESHOPT, where)
        for place in (view, packed) if packed else (view,):
            start = starts[integer(place, "buffer", where, high=len(starts) - 1)]
            place["byteOffset"] = start + integer(place, "byteOffset", where, default=0)
            place["buffer"] = 0
    drop_images(document, _unread(document))
    for number, image in enumerate(table(document, "images")):
        if "uri" in image:
            data = _content(image, f"image {number}", neighbours)
            _embed_image(document, image, data, binary)
    if binary:
        document["buffers"] = [{"byteLength": len(binary)}]
    return write_glb(document, bytes(binary))


def _unread(document: Document) -> set[int]:
    """Images in files of their own that no material uses: a broken one costs the model nothing."""
    images = table(document, "images")
    elsewhere = {
        number
        for number, image in enumerate(images)
        if "uri" in image and str(image["uri"])[:5].lower() != "data:"
    }
    return elsewhere - used_images(document) if elsewhere else set()


def tidied(data: bytes) -> bytes:
    """A GLB without bytes behind its end and without images elsewhere that no material uses.

    Returns `data` itself where there is nothing to do.
    """
    glb = parse_glb(data)
    if unread := _unread(glb.document):
        drop_images(glb.document, unread)
        return write_glb(glb.document, glb.binary)
    length = int.from_bytes(data[8:12], "little")
    return data if length == len(data) else data[:length]


def _content(entry: dict[str, Any], where: str, neighbours: Neighbours) -> bytes:
    uri = entry.get("uri")
    if not isinstance(uri, str):
        raise bad(f"{where} has no URI")
    if uri[:5].lower() == "data:":
        return embedded_bytes(entry, where)
    return neighbours.read(uri)


def _embed_image(
    document: dict[str, Any], image: dict[str, Any], data: bytes, binary: bytearray
) -> None:
    if (kind := image_type(data)) is None:
        raise bad("a picture it refers to is not PNG, JPEG or WebP")
    views = document.setdefault("bufferViews", [])
    views.append({"buffer": 0, "byteOffset": append(binary, data), "byteLength": len(data)})
    del image["uri"]
    image |= {"bufferView": len(views) - 1, "mimeType": kind}


def append(binary: bytearray, data: bytes | memoryview) -> int:
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
        start = append(binary, contents[number])
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
    # Half a character, which JSON can escape and UTF-8 cannot hold, becomes a question mark.
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode(
        "utf-8", "replace"
    )
    chunks = [(b"JSON", text + b" " * (-len(text) % 4))]
    if binary:
        chunks.append((b"BIN\0", binary + bytes(-len(binary) % 4)))
    body = b"".join(struct.pack("<I4s", len(data), kind) + data for kind, data in chunks)
    return struct.pack("<4sII", b"glTF", 2, 12 + len(body)) + body
