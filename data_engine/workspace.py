"""Where a data set under construction lives on disk, and how files enter it."""

import glob
import hashlib
import os
import pathlib
import re
import shutil
import tempfile

from data_engine.errors import UserError
from data_engine.text.quantities import size

DISK_RESERVE_BYTES = 64 << 20
"""Free space below which no stage begins: SQLite must always find room for what was decided."""

_DIGEST = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")


class Workspace:
    """The folder that holds the catalog, the relics as GLB, the renders and the shards.

    Paths are built from digests, uids and our own identifiers alone; titles and file names of
    others never reach them.
    """

    def __init__(self, root: str | os.PathLike, *, create: bool = True):
        """Opens a workspace.

        Args:
            root: Its folder.
            create: Make the folder when it is missing; otherwise a missing one is a `UserError`.
        """
        self.root = pathlib.Path(root).absolute()
        self.catalog_path = self.root / "catalog.sqlite"
        self.blobs = self.root / "blobs" / "sha256"
        self.renders = self.root / "renders"
        self.shards = self.root / "shards"
        self.reports = self.root / "reports"
        self.logs = self.root / "logs"
        self.release = self.root / "release"
        if create:
            self._create()
        elif not self.catalog_path.is_file():
            raise UserError(
                f"no workspace at {self.root}: there is no catalog.sqlite in it; "
                "make one with `data-engine ingest FOLDER --workspace DIR`"
            )

    def _create(self) -> None:
        try:
            for folder in (self.blobs, self.renders, self.shards, self.reports, self.logs):
                folder.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise UserError(
                f"cannot make the workspace {self.root}: {error.filename} is a file; "
                "choose another --workspace"
            ) from error

    def check_writable(self, needed_bytes: int = 0) -> None:
        """Raises `UserError` unless a stage can write: to every folder, and so much.

        Args:
            needed_bytes: What the stage is about to write, as far as that is known.
        """
        self.check_space(needed_bytes)
        for folder in (self.root, self.blobs, self.renders, self.shards, self.reports, self.logs):
            try:
                folder.mkdir(exist_ok=True)  # Deleted by hand, to have it made anew.
                with tempfile.TemporaryFile(dir=folder) as probe:  # Nameless: no kill leaves it.
                    probe.write(b"\0")
            except OSError as error:
                raise UserError(
                    f"cannot write to {folder}: {error.strerror}; "
                    "free the disk, fix the permissions or choose another --workspace"
                ) from error

    def check_space(self, needed_bytes: int = 0) -> None:
        """Raises `UserError` unless the disk has room for this much and a reserve."""
        free, wanted = self.free_bytes(), needed_bytes + DISK_RESERVE_BYTES
        if free < wanted:
            raise UserError(
                f"the disk of {self.root} has {size(free)} free and {size(wanted)} are needed; "
                "free some space or choose another --workspace, then run it again"
            )

    def blob_path(self, sha256: str) -> pathlib.Path:
        """Where the GLB with this digest is, or would be."""
        if not _DIGEST.fullmatch(sha256):
            raise ValueError(f"{sha256!r} is not a sha256 digest in lower-case hex")
        return self.blobs / sha256[:2] / f"{sha256}.glb"

    def store_blob(self, data: bytes) -> str:
        """Writes a GLB under its digest, read-only, and returns the digest; a no-op if known."""
        sha256 = hashlib.sha256(data).hexdigest()
        path = self.blob_path(sha256)
        if path.is_file() and path.stat().st_size == len(data):
            return sha256
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, data)
        path.chmod(0o444)
        return sha256

    def render_dir(self, render_id: str, uid: str) -> pathlib.Path:
        """Where the views of one relic under one setting are, or would be."""
        return self.renders / _checked(render_id) / uid[:2] / _checked(uid)

    def log_path(self, stage: str, uid: str) -> pathlib.Path:
        """Where the output of the child process that worked on a relic goes."""
        return self.logs / _checked(stage) / f"{_checked(uid)}.log"

    def free_bytes(self) -> int:
        """Bytes left on the disk of the workspace."""
        return shutil.disk_usage(self.root).free


def file_sha256(path: str | os.PathLike) -> str:
    """Digest of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def link_or_copy(source: pathlib.Path, target: pathlib.Path) -> None:
    """A second name for a file that is only ever replaced, or a copy where there are no links."""
    try:
        os.link(source, target)
    except OSError:  # Another disk, or one without links
        shutil.copyfile(source, target)


def remove_leftovers(parent: pathlib.Path, prefix: str) -> None:
    """Deletes the folders `<prefix><pid>...` of processes that are gone."""
    for old in parent.glob(f"{glob.escape(prefix)}*"):
        pid = re.match(r"\d+", old.name.removeprefix(prefix))
        if pid and not pathlib.Path("/proc", pid[0]).exists():
            shutil.rmtree(old, ignore_errors=True)


def write_atomically(path: pathlib.Path, data: bytes) -> None:
    """Writes a temporary sibling, then renames it, so a reader never sees half a file.

    Siblings that killed processes left are removed.
    """
    for old in path.parent.glob(f".{glob.escape(path.name)}.*"):
        pid = re.fullmatch(rf"\.{re.escape(path.name)}\.(\d+)\.\w+", old.name)
        if pid and not pathlib.Path("/proc", pid[1]).exists():
            old.unlink(missing_ok=True)
    prefix = f".{path.name}.{os.getpid()}."
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=prefix)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot name a folder; use letters, digits, `_`, `-` and `.`")
    return name
