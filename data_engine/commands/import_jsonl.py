"""`data-engine import-jsonl`: merges records of another workspace, or of the first builder."""

import dataclasses
import pathlib

import tyro

from data_engine.catalog.catalog import Catalog
from data_engine.errors import UserError
from data_engine.exchange.jsonl import import_jsonl
from data_engine.workspace import Workspace

SHOWN = 20
"""Lines of a kind that are printed; the rest is counted."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImportJsonl:
    """Merge records from a JSON Lines file, a JSON array or objects that follow one another."""

    file: tyro.conf.Positional[pathlib.Path]
    """File written by `data-engine export-jsonl`, or a list of the first data set's builder."""
    workspace: pathlib.Path
    """Folder that keeps catalog, blobs, renders and shards; made when missing."""
    theirs: bool = False
    """Precedence of the file: where both sides know a field and differ, its value is taken."""


def run(args: ImportJsonl) -> None:
    """Imports, then tells what came in, what differs and what was refused."""
    if not args.file.is_file():
        raise UserError(f"{args.file} is not a file; name a file of records")
    workspace = Workspace(args.workspace)
    workspace.check_writable()
    with Catalog(workspace.catalog_path) as catalog:
        report = import_jsonl(catalog, args.file, theirs=args.theirs)
        missing = sum(
            not workspace.blob_path(digest).is_file()
            for (digest,) in catalog.query("SELECT glb_sha256 FROM relic WHERE glb_sha256 != ''")
        )
    for kind, lines in (("conflict", report.conflicts), ("refused", report.bad)):
        for line in lines[:SHOWN]:
            print(f"{kind} {line}")
        if len(lines) > SHOWN:
            print(f"{kind}: {len(lines) - SHOWN} more")
    if missing:
        print(f"note: {missing} records name a GLB that is not in {workspace.blobs}; copy it there")
    print(
        f"import-jsonl: {report.added} new, {report.updated} updated, {report.same} unchanged, "
        f"{len(report.conflicts)} conflicts, {len(report.bad)} refused"
    )
    if report.bad:
        raise UserError(f"{len(report.bad)} records of {args.file} were refused; the others are in")
