"""`data-engine status`: how far the relics of a workspace are, and what stopped the others."""

import dataclasses
import json
import pathlib
from typing import Any

from data_engine.catalog.reader import CatalogReader, LeftOut
from data_engine.catalog.schema import STATES, Relic
from data_engine.catalog.stages import OUT
from data_engine.reports.status import collect
from data_engine.text.quantities import duration, rate, size
from data_engine.workspace import Workspace


@dataclasses.dataclass(frozen=True, kw_only=True)
class Status:
    """Show progress and speed of each stage, why relics were left out, and what is on disk."""

    workspace: pathlib.Path
    """Folder made by `data-engine ingest`."""
    rejected: bool = False
    """List every file that cannot be used, with its reason."""
    notes: bool = False
    """List what was missing or assumed in the files of each relic that is used."""
    json: bool = False
    """Print one JSON object instead of the table; its keys stay the same."""


def run(args: Status) -> None:
    """Prints the state of a workspace; nothing is written to it."""
    workspace = Workspace(args.workspace, create=False)
    with CatalogReader(workspace.catalog_path) as catalog:
        summary = collect(workspace, catalog)
        out = catalog.relics(OUT) if args.rejected else []
        left_out = catalog.left_out() if args.rejected else []
        used = catalog.relics(set(STATES) - set(OUT)) if args.notes else []
    if args.rejected:
        summary["rejected"] = [unusable(relic) for relic in sorted(out, key=_by_file)]
        summary["rejected"] += [_without_views(entry) for entry in left_out]
    if args.notes:
        summary["noted"] = [
            {"file": relic.source_file, "uid": relic.uid, "note": note}
            for relic in sorted(used, key=_by_file)
            for note in relic.notes or ()
        ]
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


def _without_views(entry: LeftOut) -> dict[str, str]:
    """Why one relic is not in one render."""
    return {"file": entry.file, "uid": entry.uid, "stage": "render"} | {
        "reason": entry.reason,
        "detail": f"{entry.detail} (in render {entry.key} alone)",
    }


def table(summary: dict[str, Any]) -> str:
    """The summary as lines of text."""
    states = ", ".join(f"{count} {state}" for state, count in summary["states"].items())
    lines = [
        f"{summary['relics']} relics in {summary['workspace']}" + (f": {states}" if states else "")
    ]
    lines.append(_STAGE_LINE.format("stage", "done", "out", "waiting", "last rate", "left"))
    lines += [_stage(entry) for entry in summary["stages"]]
    if summary["reasons"]:
        lines.append("out, by reason")
    lines += [
        f"  {entry['stage']:<10} {entry['reason']:<22}{entry['count']:>7}"
        for entry in summary["reasons"]
    ]
    if summary["left_out"]:
        lines.append("left out of one render, by reason")
    lines += [
        f"  {entry['render_id']:<12} {entry['reason']:<20}{entry['count']:>7}"
        for entry in summary["left_out"]
    ]
    if summary["notes"]:
        lines.append("notes on files that are used")
    lines += [
        f"  {entry['count']:>5} {entry['note']:<28}{entry['meaning']}" for entry in summary["notes"]
    ]
    lines.append(f"disk, {size(summary['disk']['free_bytes'])} free")
    lines += [
        f"  {entry['what']:<26}{'about ' if entry['estimated'] else '':>6}{size(entry['bytes']):>9}"
        for entry in summary["disk"]["used"]
    ]
    if summary["datasets"]:
        lines.append("data sets")
    lines += [
        f"  {entry['name']:<32}{size(entry['bytes']):>9}  "
        + ", ".join(f"{count} {split}" for split, count in entry["splits"].items())
        for entry in summary["datasets"]
    ]
    if summary.get("rejected"):
        lines.append("unusable files")
    lines += [
        f"  {entry['file']}: {entry['reason']}: {entry['detail']}"
        for entry in summary.get("rejected", [])
    ]
    if summary.get("noted"):
        lines.append("notes")
    lines += [f"  {entry['file']}: {entry['note']}" for entry in summary.get("noted", [])]
    return "\n".join(lines)


_STAGE_LINE = "  {:<10}{:>7}{:>7}{:>9}{:>12}  {}"


def _stage(entry: dict[str, Any]) -> str:
    speed = "" if entry["per_hour"] is None else rate(entry["per_hour"] / 3600)
    left = "" if entry["seconds_left"] is None else duration(entry["seconds_left"])
    if entry["running"]:
        left = f"{left} ({entry['running']} running)".strip()
    counts = (entry["done"], entry["out"], entry["waiting"])
    return _STAGE_LINE.format(entry["stage"], *counts, speed, left).rstrip()


def _by_file(relic: Relic) -> tuple[str, str]:
    return relic.source_file, relic.uid
