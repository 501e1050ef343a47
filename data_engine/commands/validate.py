"""`data-engine validate`: unsound meshes are rejected, the rest is measured."""

import dataclasses
import pathlib

import tyro

from data_engine.catalog.catalog import Catalog
from data_engine.processes.pool import ChildLimits
from data_engine.processes.workers import checked_workers, usable_cores
from data_engine.validate import STAGE, validate_all
from data_engine.workspace import Workspace


@dataclasses.dataclass(frozen=True, kw_only=True)
class Validate:
    """Check and measure every ingested relic; run it again to continue."""

    workspace: pathlib.Path
    """Folder made by `data-engine ingest`."""
    workers: int = dataclasses.field(default_factory=usable_cores)
    """Files checked at a time."""
    limits: tyro.conf.OmitArgPrefixes[ChildLimits] = dataclasses.field(default_factory=ChildLimits)
    """Limits of checking one file."""
    retry: bool = False
    """Try again files that were refused, failed, ran out of time or memory, or were missing."""


def run(args: Validate) -> None:
    """Validates, then tells what was refused and why."""
    workers = checked_workers(args.workers)
    workspace = Workspace(args.workspace, create=False)
    workspace.check_writable()
    if args.retry:
        with Catalog(workspace.catalog_path) as catalog:
            catalog.retry_failed(STAGE)
    report = validate_all(workspace, workers=workers, limits=args.limits)
    for uid, twin in report.duplicates:
        print(f"duplicate {uid}: same geometry as {twin}")
    for uid, twin in report.compared.moved:
        print(f"duplicate {uid}: same geometry as {twin}, turned, scaled or moved")
    for uid, why in report.compared.unreadable:
        print(f"not compared {uid}: {why}")
    for file, reason, sentence in report.rejected:
        print(f"rejected {file}: {reason}: {sentence}")
    print(
        f"validate: {report.validated} sound, "
        f"{len(report.duplicates) + len(report.compared.moved)} repeated, "
        f"{len(report.rejected)} rejected"
    )
