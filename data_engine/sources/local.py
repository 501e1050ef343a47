"""A folder of meshes on this machine becomes relics of the catalog, each with its blob."""

import contextlib
import dataclasses
import hashlib
import os
import pathlib
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from typing import Any, Literal

from data_engine.catalog import Catalog, Relic
from data_engine.children import ChildLimits, ChildPool
from data_engine.errors import Refusal, UserError
from data_engine.progress import progress
from data_engine.sources.convert import SUFFIXES
from data_engine.sources.manifest import clean, described, read_manifest
from data_engine.tombstones import find_tombstone
from data_engine.workspace import Workspace

STAGE = "ingest"
MANIFEST = "manifest.json"
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".tga", ".bmp", ".tif", ".tiff", ".svg")
COMPANIONS = (*PICTURES, ".mtl", ".bin", ".md", ".txt", ".csv")
"""What commonly lies beside meshes and is no mesh: passed over without a word."""
UP_OF_FORMAT = {".glb": "Y", ".gltf": "Y", ".obj": "Y", ".ply": "Z", ".stl": "Z"}
"""Up by definition of glTF, by custom of the others; a manifest or `--up` knows better."""

Up = Literal["auto", "Y", "Z"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Found:
    """What lies in a folder."""

    meshes: tuple[str, ...]
    """Paths of mesh files relative to the folder, sorted."""
    skipped: tuple[str, ...]
    """Paths of files of unknown kind, sorted."""
    entries: dict[str, dict[str, Any]]
    """Manifest entries by the same paths."""
    warnings: tuple[str, ...]
    """What is odd about the manifests."""


@dataclasses.dataclass(kw_only=True)
class IngestReport:
    """What became of a folder."""

    added: int = 0
    converted: int = 0
    known: int = 0
    duplicates: int = 0
    rejected: list[tuple[str, str, str]] = dataclasses.field(default_factory=list)
    """(file, reason, sentence)."""
    forgotten: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    """(file, sentence): not taken, because somebody asked for its removal."""
    skipped: tuple[str, ...] = ()
    warnings: list[str] = dataclasses.field(default_factory=list)


def find_meshes(folder: pathlib.Path) -> Found:
    """Walks a folder; hidden files and links that lead out of it are left alone."""
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder; name the folder that holds the meshes")
    meshes, skipped, entries, warnings = [], [], {}, []
    for directory, subfolders, files in os.walk(folder, onerror=_raise):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        here = pathlib.Path(directory)
        for name in sorted(files):
            path = here / name
            relative = path.relative_to(folder).as_posix()
            suffix = path.suffix.lower()
            if name == MANIFEST:
                _read_entries(path, here.relative_to(folder), entries, warnings)
            elif suffix in SUFFIXES and not name.startswith("."):
                inside = path.resolve().is_relative_to(folder.resolve()) and path.is_file()
                (meshes if inside else skipped).append(relative)
            elif not (name.startswith(".") or suffix in COMPANIONS or _is_notice(name)):
                skipped.append(relative)
    if not meshes:
        kinds = ", ".join(SUFFIXES)
        raise UserError(f"no mesh in {folder}: no file there ends in {kinds}")
    missing = sorted(entries.keys() - set(meshes))
    warnings += [f"{MANIFEST} names {file}, which is not there" for file in missing]
    return Found(
        meshes=tuple(sorted(meshes)),
        skipped=tuple(sorted(skipped)),
        entries=entries,
        warnings=tuple(warnings),
    )


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
    return name.upper().startswith(("README", "LICENSE", "LICENCE", "COPYING", "NOTICE"))


def ingest_folder(
    folder: pathlib.Path, workspace: Workspace, *, up: Up, workers: int, limits: ChildLimits
) -> IngestReport:
    """Enters every mesh of a folder into the catalog; idempotent, and safe to interrupt.

    Args:
        folder: Searched with its subfolders.
        workspace: Where the blobs and the catalog are.
        up: Up axis of all files, or `auto`: the manifest's, else that of the format.
        workers: Child processes at a time.
        limits: For each file.
    """
    found = find_meshes(folder)
    with contextlib.ExitStack() as stack:
        catalog = stack.enter_context(Catalog(workspace.catalog_path))
        incoming = stack.enter_context(_incoming(workspace))
        ingest = _Ingest(folder, found, workspace, catalog, incoming, up)
        bar = stack.enter_context(progress(len(found.meshes), stage=STAGE, unit="file"))
        pool = stack.enter_context(
            ChildPool("data_engine.sources.convert:convert_file", workers=workers, limits=limits)
        )
        for task, outcome in pool.run(ingest.tasks(bar)):
            ingest.settle(task, outcome)
            if isinstance(outcome, Refusal):
                bar.refused(outcome.reason)
            bar.update()
    return ingest.report


@contextlib.contextmanager
def _incoming(workspace: Workspace) -> Iterator[pathlib.Path]:
    """A folder for half-made blobs on the disk of the workspace; killed runs' are swept away."""
    for old in workspace.root.glob(".incoming-*"):
        pid = old.name.split("-")[1]
        if pid.isdigit() and not pathlib.Path(f"/proc/{pid}").exists():
            shutil.rmtree(old, ignore_errors=True)
    with tempfile.TemporaryDirectory(
        prefix=f".incoming-{os.getpid()}-", dir=workspace.root
    ) as folder:
        yield pathlib.Path(folder)


class _Ingest:
    """One run over one folder."""

    def __init__(self, folder, found, workspace, catalog, incoming, up):
        self._folder, self._found, self._incoming = folder, found, incoming
        self._workspace, self._catalog, self._up = workspace, catalog, up
        self._running: set[str] = set()
        self.report = IngestReport(skipped=found.skipped, warnings=list(found.warnings))

    def tasks(self, bar) -> Iterator[dict[str, Any]]:
        """Enters the files one by one, and yields those whose content is still to be read."""
        for file in self._found.meshes:
            relic = self._enter(file)
            if relic and relic.state == "found" and relic.uid not in self._running:
                self._running.add(relic.uid)
                target = self._incoming / f"{relic.uid}.glb"
                path = str(self._folder / file)
                yield {"uid": relic.uid, "file": file, "path": path, "target": str(target)}
            else:
                bar.update()

    def _enter(self, file: str) -> Relic | None:
        sha256 = _sha256(self._folder / file)
        entry = self._found.entries.get(file, {})
        if entry.get("sha256") not in (None, sha256):
            self.report.warnings.append(f"{file} is not the file whose sha256 {MANIFEST} gives")
        path = clean(file, 4096)
        uid = str(uuid.uuid5(uuid.NAMESPACE_URL, f"file:{sha256}"))
        record = {
            "uid": uid,
            "source": "local",
            "source_file": path,
            "source_sha256": sha256,
            **described(entry, pathlib.PurePosixPath(path).stem),
            "up_axis": self._up_axis(file, entry),
        }
        marks = {"source_url": record["source_url"], "source_sha256": sha256, "glb_sha256": sha256}
        if stone := find_tombstone(self._catalog, uid=uid, **marks):
            self.report.forgotten.append((file, stone.words()))
            return None
        first = self._catalog.get(uid) if uid in self._catalog else None
        if first is not None and first.source_file != path:
            record |= {"uid": str(uuid.uuid5(uuid.NAMESPACE_URL, f"file:{sha256}:{path}"))}
            record |= {"state": "duplicate", "dup_of": uid, "dup_kind": "exact"}
            self.report.duplicates += 1
        elif first is not None and first.state != "found":
            self.report.known += 1
        return self._catalog.get(self._catalog.add(record))

    def _up_axis(self, file: str, entry: dict[str, Any]) -> str:
        said = str(entry.get("up_axis", "")).upper()
        if self._up != "auto":
            return self._up
        return said if said in ("Y", "Z") else UP_OF_FORMAT[pathlib.Path(file).suffix.lower()]

    def settle(self, task: dict[str, Any], outcome: dict[str, Any] | Refusal) -> None:
        """Stores the blob and moves the relic on, or off the road with its reason."""
        if isinstance(outcome, Refusal):
            self._catalog.reject(task["uid"], STAGE, outcome.reason, outcome.sentence)
            self.report.rejected.append((task["file"], outcome.reason, outcome.sentence))
            return
        made = pathlib.Path(task["target"] if outcome["converted"] else task["path"])
        data = made.read_bytes()
        if stone := find_tombstone(self._catalog, glb_sha256=hashlib.sha256(data).hexdigest()):
            self._catalog.reject(
                task["uid"], STAGE, "forgotten", f"its content was {stone.words()}"
            )
            self.report.forgotten.append((task["file"], stone.words()))
            return
        digest = self._workspace.store_blob(data)
        facts = {"glb_sha256": digest, "glb_bytes": len(data), "source_format": outcome["format"]}
        self._catalog.finish(task["uid"], STAGE, "fetched", **facts)
        self.report.added += 1
        if outcome["converted"]:
            self.report.converted += 1
            made.unlink()


def _sha256(path: pathlib.Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
