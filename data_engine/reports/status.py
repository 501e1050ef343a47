"""What `data-engine status` tells: counts, rates, reasons, disk use and data sets.

Nothing here writes, and nothing heavy is imported: it has to answer at once, also while a run is
on and also from a locked disk.
"""

import collections
import dataclasses
import datetime
import json
import os
import pathlib
from collections.abc import Sequence
from typing import Any

from data_engine.catalog.notes import NOTES
from data_engine.catalog.reader import CatalogReader
from data_engine.catalog.stages import count_stages
from data_engine.workspace import Workspace

PAUSE_S = 600.0
"""A longer pause between two relics of one stage begins a new run."""
MEASURED_FOLDERS = 64
"""Render folders that are measured; more of them are estimated from these."""

SCHEMA = "jaxrelic.status/1"


def collect(workspace: Workspace, catalog: CatalogReader) -> dict[str, Any]:
    """The state of a workspace as plain values.

    Keys, which stay: `schema`; `workspace`, its folder; `relics`, how many there are; `states`,
    relics per state; `stages`, a list of {stage, done, out, waiting, running, per_hour,
    seconds_left}, the rate that of the last run and null where there was none; `reasons`, a list of
    {stage, reason, count}; `left_out`, a list of {render_id, reason, count} of relics that are in
    the catalog and not in that render; `notes`, a list of {note, count, meaning} on relics that are
    used, in whose files something was missing or assumed; `disk`, with `free_bytes` and a list
    `used` of {what, bytes, estimated}; `datasets`, a list of {name, path, bytes, splits}.
    """
    counts, ended, running = catalog.counts(), catalog.endings(), catalog.running()
    stages = []
    for entry in count_stages(catalog.tallies()):
        per_hour = last_rate(ended.get(entry.stage, []))
        left = entry.waiting / per_hour * 3600 if per_hour and entry.waiting else None
        stages.append(
            dataclasses.asdict(entry)
            | {"running": running.get(entry.stage, 0), "per_hour": per_hour, "seconds_left": left}
        )
    return {
        "schema": SCHEMA,
        "workspace": str(workspace.root),
        "relics": sum(counts.values()),
        "states": counts,
        "stages": stages,
        "reasons": [
            {"stage": stage, "reason": reason, "count": count}
            for (stage, reason), count in catalog.reasons().items()
        ],
        "left_out": [
            {"render_id": key, "reason": reason, "count": count}
            for (key, reason), count in sorted(
                collections.Counter((out.key, out.reason) for out in catalog.left_out()).items()
            )
        ],
        "notes": [
            {"note": code, "count": count, "meaning": NOTES.get(code, "")}
            for code, count in catalog.notes().items()
        ],
        "disk": {"free_bytes": workspace.free_bytes(), "used": disk_use(workspace, catalog)},
        "datasets": data_sets(workspace),
    }


def last_rate(ended: Sequence[str]) -> float | None:
    """Relics per hour in the last run of a stage.

    Args:
        ended: When relics were done with, RFC 3339, oldest first.
    """
    run: list[float] = []
    for at in reversed(ended):
        moment = datetime.datetime.fromisoformat(at).timestamp()
        if run and run[-1] - moment > PAUSE_S:
            break
        run.append(moment)
    seconds = run[0] - run[-1] if run else 0.0
    # n relics span n - 1 intervals; relics that are entered in one go have no rate.
    return 3600.0 * (len(run) - 1) / seconds if seconds >= 1.0 else None


def disk_use(workspace: Workspace, catalog: CatalogReader) -> list[dict[str, Any]]:
    """Bytes per part of the workspace; a large number of renders is estimated from some."""
    used = [{"what": "relics", "bytes": catalog.blob_bytes(), "estimated": False}]
    for folder in sorted(path for path in workspace.renders.glob("*") if path.is_dir()):
        size, estimated = render_bytes(folder)
        used.append({"what": f"render {folder.name}", "bytes": size, "estimated": estimated})
    for name, folder in (("shards", workspace.shards), ("reports", workspace.reports)):
        used.append({"what": name, "bytes": tree_bytes(folder), "estimated": False})
    return used


def render_bytes(folder: pathlib.Path) -> tuple[int, bool]:
    """Bytes of a render, and whether they are an estimate."""
    relics = [
        relic.path
        for prefix in _entries(folder) if prefix.is_dir()
        for relic in _entries(prefix.path)
    ]  # fmt: skip
    if len(relics) <= MEASURED_FOLDERS:
        return sum(map(tree_bytes, relics)), False
    some = sorted(relics)[:: len(relics) // MEASURED_FOLDERS]
    return round(sum(map(tree_bytes, some)) / len(some) * len(relics)), True


def tree_bytes(folder: str | os.PathLike) -> int:
    """Bytes of the files under a folder; 0 if there is none."""
    return sum(
        tree_bytes(entry.path) if entry.is_dir(follow_symlinks=False) else _size(entry)
        for entry in _entries(folder)
    )


def data_sets(workspace: Workspace) -> list[dict[str, Any]]:
    """The TFDS data sets under `shards/`."""
    found = []
    for path in sorted(workspace.shards.glob("*/*/*/dataset_info.json")):
        folder = path.parent
        splits = json.loads(path.read_text("utf-8")).get("splits", [])
        found.append(
            {
                "name": folder.relative_to(workspace.shards).as_posix(),
                "path": str(folder),
                "bytes": tree_bytes(folder),
                "splits": {
                    split["name"]: sum(map(int, split.get("shardLengths", []))) for split in splits
                },
            }
        )
    return found


def _entries(folder: str | os.PathLike) -> list[os.DirEntry]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []  # A running stage renames its folders.


def _size(entry: os.DirEntry) -> int:
    try:
        return entry.stat(follow_symlinks=False).st_size
    except FileNotFoundError:
        return 0
