"""`data-engine export-jsonl`: the catalog as text that can be compared, kept and merged."""

import dataclasses
import pathlib
from typing import Annotated

import tyro

from data_engine.catalog.catalog import Catalog
from data_engine.errors import UserError
from data_engine.exchange.jsonl import export_jsonl
from data_engine.workspace import Workspace


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExportJsonl:
    """Write every record of a workspace to a JSON Lines file, one relic per line."""

    workspace: pathlib.Path
    """Folder made by `data-engine ingest`."""
    output: Annotated[pathlib.Path, tyro.conf.arg(aliases=["-o"])]
    """File to write; an existing one is replaced, whole or not at all."""


def run(args: ExportJsonl) -> None:
    """Exports, then tells how much."""
    workspace = Workspace(args.workspace, create=False)
    if not args.output.absolute().parent.is_dir():
        raise UserError(f"{args.output.absolute().parent} is not a folder; make it first")
    with Catalog(workspace.catalog_path) as catalog:
        count = export_jsonl(catalog, args.output)
    print(f"export-jsonl: {count} relics in {args.output}")
