"""Validation: rejects unsound files, measures the rest, sets duplicates aside.

The rules themselves are in `data_engine.gltf`; here they are run over the catalog, each file in a
limited child process.
"""

import dataclasses
import hashlib
from collections.abc import Iterator
from typing import Any

from data_engine.catalog.catalog import Catalog
from data_engine.errors import Refusal
from data_engine.gltf.inventory import inventory
from data_engine.gltf.reader import load_geometry
from data_engine.identity.duplicates import (
    DuplicatesReport,
    describe_geometry,
    find_duplicates,
    store_descriptor,
)
from data_engine.identity.shape_facts import shape_facts
from data_engine.processes.pool import ChildLimits, ChildPool
from data_engine.text.progress import progress
from data_engine.workspace import Workspace

STAGE = "validate"
KEY = hashlib.sha256(b"validate/1").hexdigest()
"""Version of the rules: a new one makes relics claimable again."""


@dataclasses.dataclass(kw_only=True)
class ValidateReport:
    """What the stage decided in this run."""

    validated: int = 0
    duplicates: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    """(uid, uid of the relic with the same geometry)."""
    rejected: list[tuple[str, str, str]] = dataclasses.field(default_factory=list)
    """(source file, reason, sentence)."""
    compared: DuplicatesReport = dataclasses.field(default_factory=DuplicatesReport)
    """What comparing the shapes gave."""


def validate_blob(task: dict[str, Any]) -> dict[str, Any]:
    """Child function: the facts of the GLB at `path` and its descriptor, or its refusal."""
    geometry = load_geometry(task["path"])
    facts = dataclasses.asdict(shape_facts(geometry)) | inventory(task["path"])
    return {"facts": facts, "descriptor": describe_geometry(geometry)}


def validate_all(workspace: Workspace, *, workers: int, limits: ChildLimits) -> ValidateReport:
    """Validates every fetched relic, then compares the new ones with all others.

    Verdicts are entered in the order of uids whatever child is faster, so which of two equal
    shapes counts as the duplicate does not depend on timing. Which of them stays in the end is
    chosen by what they hold (`identity.originals`).
    """
    report = ValidateReport()
    with (
        Catalog(workspace.catalog_path) as catalog,
        ChildPool("data_engine.validate:validate_blob", workers=workers, limits=limits) as pool,
        progress(catalog.counts().get("fetched", 0), stage=STAGE, unit="relic") as bar,
    ):
        for task, outcome in pool.run(_tasks(catalog, workspace, limits)):
            _settle(catalog, task, outcome, report)
            if isinstance(outcome, Refusal):
                bar.refused(outcome.reason)
            bar.update()
    with Catalog(workspace.catalog_path) as catalog:
        report.compared = find_duplicates(workspace, catalog, workers=workers, limits=limits)
        _tell_repeats(catalog, report)
    return report


def _tell_repeats(catalog: Catalog, report: ValidateReport) -> None:
    """Names the relics that are repeats now, and what each repeats."""
    equal = {uid for pair in report.duplicates for uid in pair}
    moved = [uid for uid, _ in report.compared.moved if uid not in equal]
    out = {uid: relic.dup_of for uid in {*equal, *moved} if (relic := catalog.get(uid)).dup_of}
    report.duplicates = sorted((uid, out[uid]) for uid in equal if uid in out)
    report.compared.moved = sorted((uid, out[uid]) for uid in moved if uid in out)


def _tasks(catalog: Catalog, workspace: Workspace, limits: ChildLimits) -> Iterator[dict[str, Any]]:
    # Twice the time of one file: a finished verdict may wait for the one before it.
    lease_s = 60.0 + 2 * limits.seconds
    while relic := catalog.claim(STAGE, "fetched", KEY, lease_s=lease_s):
        path = str(workspace.blob_path(relic.glb_sha256))
        yield {"uid": relic.uid, "file": relic.source_file, "path": path}


def _settle(
    catalog: Catalog,
    task: dict[str, Any],
    outcome: dict[str, Any] | Refusal,
    report: ValidateReport,
) -> None:
    uid = task["uid"]
    if isinstance(outcome, Refusal):
        catalog.reject(uid, STAGE, outcome.reason, outcome.sentence)
        report.rejected.append((task["file"], outcome.reason, outcome.sentence))
        return
    facts = outcome["facts"]
    with catalog.transaction():
        twin = catalog.same_geometry(uid, facts["geometry_sha256"])
        if twin is None:
            catalog.finish(uid, STAGE, "validated", **facts)
            store_descriptor(catalog, uid, outcome["descriptor"])
            report.validated += 1
        else:
            catalog.finish(uid, STAGE, "duplicate", dup_of=twin, dup_kind="geometry", **facts)
            report.duplicates.append((uid, twin))
