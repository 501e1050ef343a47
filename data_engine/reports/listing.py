"""relics.json and overview.json: what the pages show, for programs."""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from data_engine.catalog.schema import Relic
from data_engine.reports.census import Census


def credit(relic: Relic, thumbnail: pathlib.Path | None, root: pathlib.Path) -> dict:
    """What must be said when a relic is shown, and where it stands; paths relative to `root`."""
    names = ("uid", "title", "category", "attribution", "source_url", "split", "state", "reason")
    return {
        **{name: getattr(relic, name) for name in names},
        "license": relic.license_spdx,
        "detail": relic.detail,
        "notes": list(relic.notes or ()),
        "source_file": relic.source_file,
        "thumbnail": None if thumbnail is None else thumbnail.relative_to(root).as_posix(),
    }


def overview(
    census: Census,
    reasons: Mapping[tuple[str, str], int],
    datasets: Sequence[Mapping[str, Any]],
    render_id: str,
) -> dict[str, Any]:
    """Counts of all relics by state, of those in the data set by kind, and what was left out."""
    return {
        "relics": census.relics,
        "kept": census.kept,
        "render_id": render_id,
        "states": census.states,
        "stages": [dataclasses.asdict(entry) for entry in census.stages],
        "left_out": [
            {"stage": stage, "reason": reason, "count": number}
            for (stage, reason), number in sorted(reasons.items())
        ],
        "notes": census.notes,
        "categories": census.categories,
        "licenses": census.licenses,
        "sources": census.sources,
        "languages": census.languages,
        "centuries": census.centuries,
        "splits": {name: count for name, count in census.splits.items() if name != "unknown"},
        "datasets": [
            {name: entry[name] for name in ("name", "bytes", "splits")} for entry in datasets
        ],
    }
