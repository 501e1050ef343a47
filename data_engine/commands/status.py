"""`data-engine status`: how far the relics of a workspace are, and what stopped the others."""

import dataclasses
import json
import pathlib
from typing import Any

from data_engine.catalog import Catalog, Relic
from data_engine.workspace import Workspace


@dataclasses.dataclass(frozen=True, kw_only=True)
class Status:
    """Show how many relics are in which state, and why some are out."""

    workspace: pathlib.Path
    """Folder made by `data-engine ingest`."""
    rejected: bool = False
    """List every file that cannot be used, with its reason."""
    json: bool = False
    """Print one JSON object in place of the table."""


def run(args: Status) -> None:
    """Prints the state of a workspace."""
    workspace = Workspace(args.workspace, create=False)
    with Catalog(workspace.catalog_path) as catalog:
        counts, reasons = catalog.counts(), catalog.reasons()
        out = catalog.relics(("rejected", "failed", "duplicate")) if args.rejected else []
    summary: dict[str, Any] = {
        "workspace": str(workspace.root),
        "relics": sum(counts.values()),
        "states": counts,
        "reasons": [
            {"stage": stage, "reason": reason, "count": count}
            for (stage, reason), count in reasons.items()
        ],
    }
    if args.rejected:
        summary["rejected"] = [unusable(relic) for relic in sorted(out, key=_by_file)]
    print(json.dumps(summary, indent=2, ensure_ascii=False) if args.json else table(summary))


def unusable(relic: Relic) -> dict[str, str]:
    """Why one relic is out."""
    reason, detail = relic.reason, relic.detail
    if relic.state == "duplicate":
        reason, detail = "duplicate", f"repeats {relic.dup_of} ({relic.dup_kind})"
    stage = relic.reason_stage
    return {"file": relic.source_file, "uid": relic.uid, "stage": stage} | {
        "reason": reason,
        "detail": detail,
    }


def table(summary: dict[str, Any]) -> str:
    """The summary as lines of text."""
    lines = [f"{summary['relics']} relics in {summary['workspace']}"]
    lines += [f"  {state:<11}{count:>7}" for state, count in summary["states"].items()]
    if summary["reasons"]:
        lines.append("out, by reason")
    lines += [
        f"  {entry['stage']:<10} {entry['reason']:<22}{entry['count']:>5}"
        for entry in summary["reasons"]
    ]
    if summary.get("rejected"):
        lines.append("unusable files")
    lines += [
        f"  {entry['file']}: {entry['reason']}: {entry['detail']}"
        for entry in summary.get("rejected", [])
    ]
    return "\n".join(lines)


def _by_file(relic: Relic) -> tuple[str, str]:
    return relic.source_file, relic.uid
