"""Evaluation rows as files and tables; every figure stays beside the name of its protocol."""

import csv
import io
import json
import os
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from jaxrelic.errors import UserError
from jaxrelic.inference.evaluate import Row
from jaxrelic.metrics import protocols

ALL = "all"
"""Name of the line that averages over every relic."""


def summarise(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Means per method, protocol and category, and over all relics (each relic weighs the same)."""
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        for category in (ALL, row.category):
            groups.setdefault((row.protocol, category, row.method), []).append(row)
    ordered = sorted(groups.items(), key=lambda item: (item[0][1] != ALL, item[0][1]))
    return [_mean(*key, members) for key, members in ordered]


def _mean(protocol: str, category: str, method: str, rows: Sequence[Row]) -> dict[str, Any]:
    return {
        "protocol": protocol,
        "category": category,
        "method": method,
        "relics": len(rows),
        "points": min(row.num_points for row in rows),
        "chamfer": float(np.mean([row.chamfer for row in rows])),
        **{
            f"f@{threshold:g}": float(np.mean([row.f_scores[threshold] for row in rows]))
            for threshold in rows[0].f_scores
        },
        "silhouette_iou": float(np.mean([row.silhouette_iou for row in rows])),
    }


def markdown(summary: Sequence[Mapping[str, Any]]) -> str:
    """One table per protocol, each under the protocol's name and unit."""
    parts = []
    for name in dict.fromkeys(line["protocol"] for line in summary):
        lines = [line for line in summary if line["protocol"] == name]
        protocol = protocols.PROTOCOLS[name]
        title = f"Protocol `{name}` (alignment: {protocol.alignment}). {protocol.unit}."
        parts.append(f"{title}\n\n{_table(lines)}")
    return "\n\n".join(parts) + "\n"


def _table(lines: Sequence[Mapping[str, Any]]) -> str:
    scores = [name for name in lines[0] if name.startswith("f@")]
    header = ["category", "method", "relics", "points", "CD", *map(str.upper, scores), "mask IoU"]
    body = [
        [
            *(str(line[name]) for name in ("category", "method", "relics", "points")),
            f"{line['chamfer']:.2f}",
            *(f"{line[name]:.3f}" for name in scores),
            f"{line['silhouette_iou']:.3f}",
        ]
        for line in lines
    ]
    rule = ["---", "---", *["---:"] * (len(header) - 2)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, rule, *body))


def write(directory: pathlib.Path, rows: Sequence[Row], facts: Mapping[str, Any]) -> str:
    """Writes metrics.json, metrics.csv and metrics.md; returns the Markdown.

    Args:
        directory: Folder to write into; made if missing.
        rows: One per relic, method and protocol.
        facts: What was evaluated, as JSON: export, shards, split.
    """
    summary = summarise(rows)
    used = dict.fromkeys(row.protocol for row in rows)
    page = {
        **facts,
        "protocols": {
            name: {
                "alignment": protocols.PROTOCOLS[name].alignment,
                "unit": protocols.PROTOCOLS[name].unit,
            }
            for name in used
        },
        "summary": summary,
        "relics": list(map(_flat, rows)),
    }
    table = markdown(summary)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        _replace(directory / "metrics.json", json.dumps(page, indent=2) + "\n")
        _replace(directory / "metrics.csv", _csv(map(_flat, rows)))
        _replace(directory / "metrics.md", table)
    except OSError as error:
        raise UserError(f"cannot write to {directory}: {error.strerror}; choose -o") from error
    return table


def _flat(row: Row) -> dict[str, Any]:
    """One row with a column per F-score threshold."""
    flat = {name: value for name, value in vars(row).items() if name != "f_scores"}
    return flat | {f"f@{threshold:g}": value for threshold, value in row.f_scores.items()}


def _csv(rows: Iterable[Mapping[str, Any]]) -> str:
    rows = list(rows)
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _replace(path: pathlib.Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    partial.write_text(text)
    os.replace(partial, path)
