"""`data-engine ingest`: a folder of meshes enters the catalog."""

import collections
import dataclasses
import pathlib

import tyro

from data_engine.catalog.catalog import Catalog
from data_engine.catalog.notes import code_of
from data_engine.ingest.folder import STAGE, IngestReport, Up, ingest_folder
from data_engine.ingest.found import Found, find_meshes
from data_engine.ingest.manifest import clean
from data_engine.processes.pool import ChildLimits
from data_engine.processes.workers import checked_workers, usable_cores
from data_engine.workspace import Workspace

SHOWN = 20
"""Skipped files, and notes of one kind, named one by one; the rest is counted."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ingest:
    """Enter a folder of GLB, glTF, OBJ, PLY or STL files, or ZIP archives of them.

    Run it again after adding some, or after correcting the materials, pictures or buffers of one:
    the model is then read anew. Whatever is missing or has to be assumed is printed as a note.
    """

    folder: tyro.conf.Positional[pathlib.Path]
    """Folder to search, with its subfolders and the ZIP archives in them; or one archive. A
    manifest.json gives titles, licences and authors. Materials and pictures are looked for in it
    and nowhere else."""
    workspace: pathlib.Path
    """Folder that keeps catalog, blobs, renders and shards; made when missing."""
    up: Up = "auto"
    """Axis that points up. auto: as the manifest says, else Y for GLB, glTF and OBJ, and Z for PLY
    and STL."""
    workers: int = dataclasses.field(default_factory=usable_cores)
    """Files read at a time."""
    limits: tyro.conf.OmitArgPrefixes[ChildLimits] = dataclasses.field(default_factory=ChildLimits)
    """Limits of reading one file."""
    retry: bool = False
    """Try again files that were refused, ran out of time or memory, crashed, or were missing."""


def run(args: Ingest) -> None:
    """Ingests, then tells what was taken, what was not, and why."""
    workers = checked_workers(args.workers)
    found = find_meshes(args.folder)  # A slip in its name must not leave a workspace behind.
    workspace = Workspace(args.workspace)
    # Every file is kept, so its size at least is needed; those known from before need nothing.
    workspace.check_writable(0 if workspace.catalog_path.exists() else _bytes(found))
    if args.retry:
        with Catalog(workspace.catalog_path) as catalog:
            catalog.retry_failed(STAGE)
    report = ingest_folder(args.folder, workspace, up=args.up, workers=workers, limits=args.limits)
    print_report(report)


def _bytes(found: Found) -> int:
    return sum((found.root / file).stat().st_size for file in (*found.meshes, *found.archives))


def print_report(report: IngestReport) -> None:
    """Prints what a person should know, most telling last."""
    for words in report.warnings:
        print(f"note: {_plain(words)}")
    for file in report.skipped[:SHOWN]:
        print(f"skipped {_plain(file)}: not a kind of file this stage reads")
    if len(report.skipped) > SHOWN:
        print(f"skipped {len(report.skipped) - SHOWN} more")
    print_notes(report.notes)
    for file, sentence in report.forgotten:
        print(f"not taken {file}: {sentence}")
    for file, reason, sentence in report.rejected:
        print(f"rejected {_plain(file)}: {reason}: {sentence}")
    print(
        f"ingest: {report.added} taken ({report.converted} converted to GLB), "
        + (f"{report.renewed} of them changed, " if report.renewed else "")
        + f"{report.known} known before, {report.duplicates} repeated, "
        f"{len(report.rejected)} rejected"
    )


def print_notes(notes: list[tuple[str, str]]) -> None:
    """Prints what was missing or assumed, the first of each kind one by one."""
    shown: collections.Counter[str] = collections.Counter()
    for file, note in notes:
        shown[code_of(note)] += 1
        if shown[code_of(note)] <= SHOWN:
            print(f"note: {_plain(file)}: {_plain(note)}")
    for code, count in shown.items():
        if count > SHOWN:
            print(f"note: {code}: {count - SHOWN} more; data-engine status --notes lists them")


def _plain(words: str) -> str:
    """Names of strangers without what would steer a terminal."""
    return clean(words, 4096)
