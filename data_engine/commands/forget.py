"""`data-engine forget`: a relic is deleted on request, and not ingested again."""

import dataclasses
import pathlib

import tyro

from data_engine.catalog import tombstones
from data_engine.catalog.catalog import Catalog
from data_engine.errors import UserError
from data_engine.rights import removal
from data_engine.workspace import Workspace


@dataclasses.dataclass(frozen=True, kw_only=True)
class Forget:
    """Delete a relic with its file, views, logs and records; ingest does not take it again.

    A deletion record (tombstone) remains: uid, digests, page, day and reason. Reports that show the
    relic are deleted as a whole; data sets and the release that hold it are named. What was
    exported elsewhere is not known here. Without a name, what an interrupted run left is finished.
    """

    what: tyro.conf.Positional[str] = ""
    """uid of a relic, or the address of its page (then everything from that page is deleted)."""
    workspace: pathlib.Path
    """Folder made by `data-engine ingest`."""
    author: str = ""
    """Author whose relics are all deleted instead, named as in the catalog."""
    reason: str = "requested"
    """Reason to store with the deletion record; do not write personal names."""
    dry_run: bool = False
    """Dry run: list what would be deleted."""
    lift: str = ""
    """Forgotten relic, given by its uid, that may be ingested again."""


def run(args: Forget) -> None:
    """Forgets, then tells which data sets still hold what is gone."""
    if sum(map(bool, (args.what, args.author, args.lift))) > 1:
        raise UserError("name one of UID or address, --author and --lift")
    workspace = Workspace(args.workspace, create=False)
    with Catalog(workspace.catalog_path) as catalog:
        if args.lift:
            tombstones.lift(catalog, args.lift)
            print(f"forget: {args.lift} may come back with the next ingest")
            return
        relics = _selected(catalog, args) if args.what or args.author else []
        if args.dry_run:
            _preview(workspace, catalog, relics)
            return
        repeats = removal.repeats_of(catalog, relics)
        had_reports = (workspace.reports / "index.html").exists()
        removal.bury(catalog, relics, reason=args.reason, page=args.what)
        gone = removal.sweep(workspace, catalog)
    for uid in gone:
        print(f"forgotten {uid}")
    for uid in repeats:
        print(f"still here, out of the data set: {uid} repeats its shape")
    for folder in removal.holders(workspace, gone) if gone else []:
        print(f"still holds it, build it anew: {folder}")
    if had_reports and not (workspace.reports / "index.html").exists():
        print("the reports showed it and are gone; `data-engine report` writes them anew")
    print(f"forget: {len(gone)} relics gone")


def _selected(catalog: Catalog, args: Forget) -> list:
    relics = removal.select(catalog, args.what, args.author)
    if relics:
        return relics
    if stone := tombstones.find_tombstone(catalog, uid=args.what, source_url=args.what):
        raise UserError(f"{args.what} was {stone.words()}")
    name = f"by {args.author!r}" if args.author else f"{args.what!r} by uid or source_url"
    raise UserError(f"no relic {name} in {catalog.path}; `export-jsonl` lists them all")


def _preview(workspace: Workspace, catalog: Catalog, relics: list) -> None:
    for relic in relics:
        print(f"would forget {relic.uid}  {relic.title}")
        for path in removal.files_of(workspace, catalog, relic.uid, relic.glb_sha256):
            print(f"  {path}")
    for folder in removal.holders(workspace, [relic.uid for relic in relics]):
        print(f"holds it, to be built anew: {folder}")
    print(f"forget: {len(relics)} relics would go")
