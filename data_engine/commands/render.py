"""`data-engine render`: validated relics to posed views with depth."""

import collections
import dataclasses
import pathlib

import tyro

from data_engine.catalog.catalog import Catalog
from data_engine.errors import UserError
from data_engine.identity.originals import elect
from data_engine.rendering.child import RenderLimits
from data_engine.rendering.queue import OUT, STAGE, RenderQueue
from data_engine.rendering.settings import RenderSettings
from data_engine.workspace import Workspace


@dataclasses.dataclass(frozen=True, kw_only=True)
class Render:
    """Render every validated relic; run it again to continue."""

    workspace: pathlib.Path
    """Folder made by `data-engine ingest`."""
    settings: tyro.conf.OmitArgPrefixes[RenderSettings] = dataclasses.field(
        default_factory=RenderSettings
    )
    """Settings that decide the pixels."""
    limits: tyro.conf.OmitArgPrefixes[RenderLimits] = dataclasses.field(
        default_factory=RenderLimits
    )
    """Limits of a render process."""
    workers: int = 2
    """Processes at a time; each uses `threads` threads."""
    retry: bool = False
    """Try again relics that crashed, ran out of time or memory, or whose file was missing."""


def run(args: Render) -> None:
    """Renders, then prints what became of the relics."""
    if args.workers < 1:
        raise UserError(f"workers = {args.workers}; at least one is needed")
    workspace = Workspace(args.workspace, create=False)
    workspace.check_writable()
    if args.retry:
        with Catalog(workspace.catalog_path) as catalog:
            catalog.retry_failed(STAGE)
    with Catalog(workspace.catalog_path) as catalog:
        for uid in elect(catalog).restored:
            print(f"taken instead of one that was refused: {catalog.get(uid).source_file or uid}")
    queue = RenderQueue(workspace, args.settings, args.limits, workers=args.workers)
    outcomes = queue.run()
    for outcome in outcomes:
        if outcome.what in OUT:
            log = workspace.log_path(STAGE, outcome.uid)
            print(f"{outcome.what} {outcome.file or outcome.uid}: {outcome.detail} (log: {log})")
    counts = collections.Counter(outcome.what for outcome in outcomes)
    summary = ", ".join(f"{number} {what}" for what, number in sorted(counts.items()))
    print(f"render {queue.render_id}: {summary or 'nothing to do'}")
