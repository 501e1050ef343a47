"""A model is all of its files: the digest of the main file and of everything it names."""

import dataclasses
import hashlib
import itertools
import mmap
import pathlib
from collections.abc import Iterator
from typing import Any

from data_engine.errors import Refusal
from data_engine.gltf.container import MAX_JSON_BYTES, parse_json
from data_engine.gltf.document import table
from data_engine.ingest.companions import Companion, Companions
from data_engine.ingest.meshes.lines import plain_text
from data_engine.ingest.meshes.pictures import find_picture
from data_engine.ingest.meshes.ply_header import MAX_HEADER, read_header
from data_engine.ingest.meshes.wavefront.mtl import MAX_BYTES, parse_mtl
from data_engine.ingest.meshes.wavefront.mtl_materials import find_libraries
from data_engine.ingest.meshes.wavefront.obj import library_names
from data_engine.ingest.names import percent_decoded

MAX_NAMED = 4096
"""Names of files that are looked for."""


@dataclasses.dataclass(frozen=True)
class Digests:
    """What identifies the content of a model."""

    main: str
    """sha256 of its main file."""
    whole: str
    """Over that and the files it names; equal to `main` if it names none that is there."""


def digests_of(path: pathlib.Path, main: str, suffix: str, companions: Companions) -> Digests:
    """Digests of a model; never fails, because whoever reads it next says what is wrong.

    Args:
        path: Its main file.
        main: sha256 of that.
        suffix: Of its name, in lower case.
        companions: What lies around it.
    """
    found: dict[str, str] = {}
    try:
        for companion in itertools.islice(_named(path, suffix, companions), MAX_NAMED):
            if companion is not None:
                name = companions.relative(companion.path)
                found[name] = found.get(name) or companions.digest(companion.path)
    except (Refusal, OSError, ValueError):
        pass  # What was found until then counts.
    if not found:
        return Digests(main, main)
    lines = [main, *(f"{digest} {name}" for name, digest in sorted(found.items()))]
    whole = hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
    return Digests(main, whole)


def _named(path: pathlib.Path, suffix: str, companions: Companions) -> Iterator[Companion | None]:
    """Files that a model names; None for each that is not there."""
    if suffix == ".obj":
        yield from _of_obj(path, companions)
    elif suffix == ".gltf" and path.stat().st_size <= MAX_JSON_BYTES:
        yield from _of_gltf(parse_json(path.read_bytes()), companions)
    elif suffix == ".ply":
        with path.open("rb") as file:
            header = read_header(file.read(MAX_HEADER))
        yield from _pictures(header.textures, companions)


def _of_obj(path: pathlib.Path, companions: Companions) -> Iterator[Companion | None]:
    left = MAX_BYTES  # Of all files of materials together: this runs in the parent process.
    for name in dict.fromkeys(_libraries(path)):
        for _, library in find_libraries(name, companions):
            yield library
            if library is None:
                continue
            text = companions.read(library.path)
            if (left := left - len(text)) < 0:
                return
            for material in parse_mtl(text).values():
                maps = (material.colour, material.ambient, material.opacity)
                yield from _pictures([entry.name for entry in maps if entry], companions)


def _libraries(path: pathlib.Path) -> list[bytes]:
    if path.stat().st_size == 0:
        return []
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        if text[:2] in (b"\xff\xfe", b"\xfe\xff"):
            return library_names(plain_text(text[:]))
        return library_names(text)


def _of_gltf(document: dict[str, Any], companions: Companions) -> Iterator[Companion | None]:
    for name in ("buffers", "images"):
        for entry in table(document, name):
            uri = entry.get("uri")
            if isinstance(uri, str) and uri[:5].lower() != "data:":
                yield companions.find(percent_decoded(uri))


def _pictures(names: Any, companions: Companions) -> Iterator[Companion | None]:
    for name in names:
        yield find_picture(companions, name)
