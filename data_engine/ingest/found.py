"""What lies in a folder that is to be ingested: meshes, archives, and what is said about them."""

import dataclasses
import os
import pathlib
from typing import Any

from data_engine.errors import UserError
from data_engine.ingest.manifest import read_manifest
from data_engine.ingest.statements import is_notice
from data_engine.ingest.suffixes import COMPANIONS, MANIFEST, SUFFIXES, ZIP


@dataclasses.dataclass(frozen=True, kw_only=True)
class Found:
    """What lies in a folder."""

    root: pathlib.Path
    """The folder that the paths below are relative to."""
    meshes: tuple[str, ...]
    """Paths of mesh files, sorted."""
    archives: tuple[str, ...]
    """Paths of ZIP archives, sorted."""
    skipped: tuple[str, ...]
    """Paths of files of unknown kind, sorted."""
    entries: dict[str, dict[str, Any]]
    """Manifest entries by path; a member of an archive is `archive.zip/inner/path.glb`."""
    warnings: tuple[str, ...]
    """What is odd about the manifests."""


def find_meshes(folder: pathlib.Path) -> Found:
    """Walks a folder, or looks at one archive alone.

    Hidden files and links that lead out of the folder are left alone.
    """
    if folder.is_file() and folder.suffix.lower() == ZIP:
        return _just(folder)
    if not folder.is_dir():
        raise UserError(
            f"{folder} is not a folder, nor a ZIP archive; name the folder that holds the meshes"
        )
    meshes, archives, skipped, entries, warnings = [], [], [], {}, []
    for directory, subfolders, files in os.walk(folder, onerror=_raise):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        here = pathlib.Path(directory)
        for name in sorted(files):
            path = here / name
            relative = path.relative_to(folder).as_posix()
            suffix = path.suffix.lower()
            if name == MANIFEST:
                _read_entries(path, here.relative_to(folder), entries, warnings)
            elif suffix in (*SUFFIXES, ZIP) and not name.startswith("."):
                inside = path.resolve().is_relative_to(folder.resolve()) and path.is_file()
                taken = archives if suffix == ZIP else meshes
                (taken if inside else skipped).append(relative)
            elif not (name.startswith(".") or suffix in COMPANIONS or _is_notice(name)):
                skipped.append(relative)
    if not meshes and not archives:
        kinds = ", ".join((*SUFFIXES, ZIP))
        raise UserError(f"no mesh in {folder}: no file there ends in {kinds}")
    missing = sorted(file for file in entries if not _is_there(file, meshes, archives))
    warnings += [f"{MANIFEST} names {file}, which is not there" for file in missing]
    return Found(
        root=folder,
        meshes=tuple(sorted(meshes)),
        archives=tuple(sorted(archives)),
        skipped=tuple(sorted(skipped)),
        entries=entries,
        warnings=tuple(warnings),
    )


def _just(archive: pathlib.Path) -> Found:
    return Found(
        root=archive.parent,
        meshes=(),
        archives=(archive.name,),
        skipped=(),
        entries={},
        warnings=(),
    )


def _is_there(file: str, meshes: list[str], archives: list[str]) -> bool:
    return file in meshes or any(file.startswith(f"{archive}/") for archive in archives)


def _read_entries(
    path: pathlib.Path, prefix: pathlib.Path, entries: dict[str, Any], warnings: list[str]
) -> None:
    try:
        found = read_manifest(path)
    except LookupError as error:
        warnings.append(error.args[0])
        return
    entries.update({(prefix / file).as_posix(): entry for file, entry in found.items()})


def _raise(error: OSError) -> None:
    raise error


def _is_notice(name: str) -> bool:
    return is_notice(name) or name.upper().startswith(
        ("README", "LICENSE", "LICENCE", "COPYING", "NOTICE")
    )
