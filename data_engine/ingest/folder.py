"""A folder of meshes and archives on this machine becomes relics of the catalog, with blobs."""

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

from data_engine.catalog.catalog import Catalog, Relic
from data_engine.catalog.tombstones import Tombstone, find_tombstone
from data_engine.errors import Refusal, UserError
from data_engine.ingest.archives import MemberCompanions, read_index
from data_engine.ingest.companions import FolderCompanions
from data_engine.ingest.found import find_meshes
from data_engine.ingest.manifest import clean, describe, read_manifest, stricter_than_said
from data_engine.ingest.notices import Notices, in_folder
from data_engine.ingest.statements import NOTHING
from data_engine.ingest.suffixes import MANIFEST, SUFFIXES, UP_OF_FORMAT
from data_engine.ingest.whole import Digests, digests_of
from data_engine.processes.pool import ChildLimits, ChildPool
from data_engine.text.progress import progress
from data_engine.workspace import Workspace, file_sha256, remove_leftovers

STAGE = "ingest"
_INCOMING = ".incoming-"

Up = Literal["auto", "Y", "Z"]


@dataclasses.dataclass(kw_only=True)
class IngestReport:
    """What became of a folder."""

    added: int = 0
    converted: int = 0
    renewed: int = 0
    """Known models whose materials, pictures or buffers have changed."""
    known: int = 0
    duplicates: int = 0
    rejected: list[tuple[str, str, str]] = dataclasses.field(default_factory=list)
    """(file, reason, sentence)."""
    forgotten: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    """(file, sentence): not taken, because somebody asked for its removal."""
    notes: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    """(file, note): what was missing or assumed in what was taken."""
    skipped: list[str] = dataclasses.field(default_factory=list)
    warnings: list[str] = dataclasses.field(default_factory=list)


def ingest_folder(
    folder: pathlib.Path, workspace: Workspace, *, up: Up, workers: int, limits: ChildLimits
) -> IngestReport:
    """Enters every mesh of a folder into the catalog; idempotent, and safe to interrupt.

    Args:
        folder: Searched with its subfolders and the ZIP archives in them; or one archive.
        workspace: Where the blobs and the catalog are.
        up: Up axis of all files, or `auto`: the manifest's, else that of the format.
        workers: Child processes at a time.
        limits: For each file.
    """
    found = find_meshes(folder)
    with contextlib.ExitStack() as stack:
        catalog = stack.enter_context(Catalog(workspace.catalog_path))
        incoming = stack.enter_context(_incoming(workspace))
        files = len(found.meshes) + len(found.archives)
        bar = stack.enter_context(progress(files, stage=STAGE, unit="file"))
        opener = stack.enter_context(
            ChildPool("data_engine.ingest.archives:unpack", workers=1, limits=limits)
        )
        pool = stack.enter_context(
            ChildPool("data_engine.ingest.convert:convert_file", workers=workers, limits=limits)
        )
        ingest = _Ingest(found, workspace, catalog, incoming, up, opener, bar)
        for task, outcome in pool.run(ingest.tasks()):
            ingest.settle(task, outcome)
    return ingest.report


@contextlib.contextmanager
def _incoming(workspace: Workspace) -> Iterator[pathlib.Path]:
    """A folder for half-made blobs on the disk of the workspace; killed runs' are swept away."""
    remove_leftovers(workspace.root, _INCOMING)
    prefix = f"{_INCOMING}{os.getpid()}-"
    with tempfile.TemporaryDirectory(prefix=prefix, dir=workspace.root) as folder:
        yield pathlib.Path(folder)


class _Ingest:
    """One run over one folder."""

    def __init__(self, found, workspace, catalog, incoming, up, opener, bar):
        self._found, self._incoming, self._opener, self._bar = found, incoming, opener, bar
        self._workspace, self._catalog, self._up = workspace, catalog, up
        self._running: set[str] = set()
        self._notices = in_folder(found.root, found.meshes)
        self._stated = NOTHING  # What the file at hand and the notices beside it say.
        self._users: dict[str, int] = {}  # How many tasks still need an unpacked archive.
        self.report = IngestReport(skipped=list(found.skipped), warnings=list(found.warnings))

    def tasks(self) -> Iterator[dict[str, Any]]:
        """Enters the files one by one, and yields those whose content is still to be read."""
        for file in self._found.meshes:
            path = self._found.root / file
            self._stated = self._notices.stated(file, path)
            around = FolderCompanions(self._found.root, file)
            digests = digests_of(path, file_sha256(path), path.suffix.lower(), around)
            relic = self._enter(file, digests, self._found.entries.get(file, {}))
            yield from self._task(relic, file, path)
        for file in self._found.archives:
            yield from self._archive_tasks(file)
            self._bar.update()

    def _task(
        self, relic: Relic | None, file: str, path: pathlib.Path, **inside: str
    ) -> Iterator[dict[str, Any]]:
        if relic is None or relic.state != "found" or relic.uid in self._running:
            self._bar.update()
            return
        self._running.add(relic.uid)
        if inside:
            self._users[inside["archive"]] += 1
        target = self._incoming / f"{relic.uid}.glb"
        task = {"uid": relic.uid, "file": file, "path": str(path), "target": str(target)}
        yield task | (inside or {"root": str(self._found.root)})

    def _archive_tasks(self, file: str) -> Iterator[dict[str, Any]]:
        """Unpacks an archive and enters its members; one that is refused is itself a record."""
        path = self._found.root / file
        digest = file_sha256(path)
        uid = _uid(digest)
        self._stated = NOTHING
        if uid in self._catalog and self._catalog.get(uid).state != "found":
            self._enter(file, Digests(digest, digest), {})
            return
        folder = str(self._incoming / f"{uid}-{len(self._users)}")
        ((_, outcome),) = self._opener.run([{"path": str(path), "folder": folder}])
        if isinstance(outcome, Refusal):
            relic = self._enter(file, Digests(digest, digest), {})
            if relic is not None and relic.state == "found":
                self._reject(relic.uid, file, outcome)
            return
        if uid in self._catalog:  # Refused before, and taken now that it was tried again.
            self._catalog.remove(uid)
        self.report.skipped += [f"{file}/{name}" for name in outcome["skipped"]]
        self._users[folder] = 1
        yield from self._member_tasks(file, folder)
        self._leave(folder)

    def _member_tasks(self, archive: str, folder: str) -> Iterator[dict[str, Any]]:
        index = read_index(folder)
        entries = self._inner_entries(archive, folder, index) | self._found.entries
        contents = [(name, pathlib.Path(folder, str(n))) for n, (name, _) in enumerate(index)]
        notices = Notices(contents)
        for number, (name, digest) in enumerate(index):
            if pathlib.PurePosixPath(name).suffix.lower() in SUFFIXES:
                self._bar.total += 1
                file, path = f"{archive}/{name}", pathlib.Path(folder, str(number))
                self._stated = notices.stated(name, path)
                around = MemberCompanions(folder, name)
                suffix = pathlib.PurePosixPath(name).suffix.lower()
                digests = digests_of(path, digest, suffix, around)
                relic = self._enter(file, digests, entries.get(file, {}))
                yield from self._task(relic, file, path, archive=folder, member=name)

    def _inner_entries(
        self, archive: str, folder: str, index: list[tuple[str, str]]
    ) -> dict[str, dict[str, Any]]:
        """What manifests inside an archive say; a broken one costs their words, not the meshes."""
        entries = {}
        for number, (name, _) in enumerate(index):
            inner = pathlib.PurePosixPath(archive, name)
            if inner.name == MANIFEST:
                try:
                    found = read_manifest(pathlib.Path(folder, str(number)))
                except (LookupError, UserError):
                    self.report.warnings.append(f"{inner} is no manifest; it is left alone")
                    continue
                entries |= {(inner.parent / file).as_posix(): e for file, e in found.items()}
        return entries

    def _leave(self, folder: str) -> None:
        """Deletes an unpacked archive with its last user."""
        self._users[folder] -= 1
        if not self._users[folder]:
            shutil.rmtree(folder)

    def _enter(self, file: str, digests: Digests, entry: dict[str, Any]) -> Relic | None:
        """The record of a file; None if somebody asked for its removal."""
        if entry.get("sha256") not in (None, digests.main):
            self.report.warnings.append(f"{file} is not the file whose sha256 {MANIFEST} gives")
        if words := stricter_than_said(entry, self._stated):
            self.report.warnings.append(f"{file}: {words}")
        path = clean(file, 4096)
        record = {
            "source": "local",
            "source_file": path,
            "source_sha256": digests.whole,
            "main_sha256": digests.main,
            **describe(entry, pathlib.PurePosixPath(path).stem, self._stated),
            "up_axis": self._up_axis(file, entry),
        }
        if stone := self._tombstone(digests, record["source_url"]):
            self.report.forgotten.append((file, stone.words()))
            return None
        return self._record(path, digests, record)

    def _tombstone(self, digests: Digests, source_url: str) -> Tombstone | None:
        """The tombstone of a model, or of its main file as earlier versions kept it."""
        for digest in dict.fromkeys((digests.whole, digests.main)):
            marks = {"source_url": source_url, "source_sha256": digest, "glb_sha256": digest}
            if stone := find_tombstone(self._catalog, uid=_uid(digest), **marks):
                return stone
        return None

    def _record(self, path: str, digests: Digests, record: dict[str, Any]) -> Relic:
        """Enters a file, or finds it: as it was, with other files around it, or as a copy."""
        before = self._known_at(path, digests.main)
        original = self._original(digests.whole, besides=path)
        uid = before.uid if before else self._free_uid(digests.whole, path)
        if original is not None:
            self.report.duplicates += 1
            copy = {"state": "duplicate", "dup_of": original, "dup_kind": "exact"}
            if before is not None and before.dup_of != original:
                self._catalog.change(uid, STAGE, "repeated", **record, **copy)
            return self._catalog.get(self._catalog.add({"uid": uid, **record, **copy}))
        if before is not None and _has_changed(before, digests):
            self._catalog.renew(uid, STAGE, record)
            self.report.renewed += 1
        elif before is not None and before.state != "found":
            self.report.known += 1
        return self._catalog.get(self._catalog.add({"uid": uid, **record}))

    def _known_at(self, path: str, main: str) -> Relic | None:
        """The relic of this very file, whatever lay around it then."""
        rows = self._catalog.query(
            "SELECT uid FROM relic WHERE source_file = :path AND (main_sha256 = :main"
            " OR (main_sha256 = '' AND source_sha256 = :main)) ORDER BY uid LIMIT 1",
            {"path": path, "main": main},
        )
        return self._catalog.get(rows[0]["uid"]) if rows else None

    def _original(self, whole: str, *, besides: str) -> str | None:
        """The relic (its uid) of another file that has this content; copies do not count."""
        rows = self._catalog.query(
            "SELECT uid FROM relic WHERE source_sha256 = ? AND source_file != ?"
            " AND dup_kind != 'exact' ORDER BY uid LIMIT 1",
            [whole, besides],
        )
        return rows[0]["uid"] if rows else None

    def _free_uid(self, whole: str, path: str) -> str:
        """The uid that the content gives, unless a copy or an earlier version has it."""
        uid = _uid(whole)
        return _uid(f"{whole}:{path}") if uid in self._catalog else uid

    def _up_axis(self, file: str, entry: dict[str, Any]) -> str:
        said = str(entry.get("up_axis", "")).upper()
        if self._up != "auto":
            return self._up
        suffix = pathlib.Path(file).suffix.lower()
        return said if said in ("Y", "Z") else UP_OF_FORMAT.get(suffix, "Y")

    def settle(self, task: dict[str, Any], outcome: dict[str, Any] | Refusal) -> None:
        """Stores the blob and moves the relic on, or off the road with its reason."""
        if isinstance(outcome, Refusal):
            self._reject(task["uid"], task["file"], outcome)
        else:
            self._store(task, outcome)
        if "archive" in task:
            self._leave(task["archive"])
        self._bar.update()

    def _reject(self, uid: str, file: str, refusal: Refusal) -> None:
        self._catalog.reject(uid, STAGE, refusal.reason, refusal.sentence)
        self.report.rejected.append((file, refusal.reason, refusal.sentence))
        self._bar.refused(refusal.reason)

    def _store(self, task: dict[str, Any], outcome: dict[str, Any]) -> None:
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
        former = self._catalog.get(task["uid"]).glb_sha256
        self._catalog.finish(task["uid"], STAGE, "fetched", notes=outcome["notes"] or None, **facts)
        self._remove_former(former)
        self.report.notes += [(task["file"], note) for note in outcome["notes"]]
        self.report.added += 1
        if outcome["converted"]:
            self.report.converted += 1
            made.unlink()

    def _remove_former(self, digest: str) -> None:
        """Deletes the blob of an earlier version, unless a relic still has it."""
        if digest and not self._catalog.query(
            "SELECT 1 FROM relic WHERE glb_sha256 = ? LIMIT 1", [digest]
        ):
            self._workspace.blob_path(digest).unlink(missing_ok=True)


def _has_changed(relic: Relic, digests: Digests) -> bool:
    """Whether a relic is of other files than it was, or a copy of one that is no longer equal."""
    return relic.source_sha256 != digests.whole or relic.dup_kind == "exact"


def _uid(sha256: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"file:{sha256}"))
