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
from jaxrelic.evaluation.image_scores import NO_LPIPS, ImageRow
from jaxrelic.evaluation.single_view.evaluate import Evaluation, Row
from jaxrelic.evaluation.tables import text as table_text
from jaxrelic.metrics import protocols

ALL = "all"
"""Category of the line that averages over every relic: categories weigh by their relics."""

CATEGORY_MEAN = "mean of categories"
"""Category of the line in which every category weighs the same."""

_COLUMNS = {
    "chamfer": ("CD", ".2f"),
    "chamfer_before": ("CD before", ".2f"),
    "normal_consistency": ("normals", ".3f"),
    "normal_consistency_before": ("normals before", ".3f"),
    "iou_3d": ("3D IoU", ".3f"),
    "silhouette_iou": ("mask IoU", ".3f"),
    "mask_iou": ("mask IoU", ".3f"),
    "psnr": ("PSNR", ".2f"),
    "ssim": ("SSIM", ".3f"),
    "depth_error": ("depth error", ".4f"),
}
"""Heading and format of each figure; F-scores bring their own."""

SMALL = 1e-2
"""Chamfer distances below this, which squared ones are, are printed with an exponent."""


def summarise(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Means per method, protocol and category; over all relics, and over the categories."""
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        for category in (ALL, row.category):
            groups.setdefault((row.protocol, category, row.method), []).append(row)
    return _with_category_means([_mean(*key, members) for key, members in groups.items()])


def summarise_images(rows: Sequence[ImageRow]) -> list[dict[str, Any]]:
    """Means of the image scores per method and category; over all relics, and over categories."""
    groups: dict[tuple[str, str], list[ImageRow]] = {}
    for row in rows:
        for category in (ALL, row.category):
            groups.setdefault((category, row.method), []).append(row)
    return _with_category_means(
        [
            {
                "category": category,
                "method": method,
                "relics": len(members),
                **{
                    name: _mean_or_none([getattr(row, name) for row in members])
                    for name in ("mask_iou", "psnr", "ssim", "depth_error")
                },
            }
            for (category, method), members in groups.items()
        ]
    )


def _mean(protocol: str, category: str, method: str, rows: Sequence[Row]) -> dict[str, Any]:
    rest = ("normal_consistency", "chamfer_before", "normal_consistency_before", "iou_3d")
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
        "silhouette_iou": _mean_or_none([row.silhouette_iou for row in rows]),
        **{name: _mean_or_none([getattr(row, name) for row in rows]) for name in rest},
    }


def _mean_or_none(values: Sequence[float | None]) -> float | None:
    return None if None in values else float(np.mean(values))


def _with_category_means(lines: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Lines over all relics first, then unweighted means of categories, then the categories."""
    groups: dict[tuple[Any, str], list[Mapping[str, Any]]] = {}
    for line in lines:
        if line["category"] != ALL:
            groups.setdefault((line.get("protocol"), line["method"]), []).append(line)
    means = []
    for members in groups.values():
        counts = {"relics": sum(line["relics"] for line in members)}
        if "points" in members[0]:
            counts["points"] = min(line["points"] for line in members)
        figures = {
            name: _mean_or_none([line[name] for line in members])
            for name in members[0]
            if name not in ("protocol", "category", "method", "relics", "points")
        }
        means.append({**members[0], "category": CATEGORY_MEAN, **counts, **figures})
    order = [ALL, CATEGORY_MEAN]
    return sorted(
        [*map(dict, lines), *means],
        key=lambda line: (
            order.index(line["category"]) if line["category"] in order else len(order),
            line["category"],
        ),
    )


def markdown(
    summary: Sequence[Mapping[str, Any]], image_summary: Sequence[Mapping[str, Any]] = ()
) -> str:
    """One table per protocol, each under the protocol's name and unit; then the image scores."""
    parts = []
    for title, header, rows in _tables(summary, image_summary):
        parts.append(f"{title}\n\n{table_text.markdown(header, rows, numbers_from=2)}")
    return "\n\n".join(parts) + "\n"


def latex(
    summary: Sequence[Mapping[str, Any]], image_summary: Sequence[Mapping[str, Any]] = ()
) -> str:
    """The same tables."""
    parts = [
        table_text.latex(header, rows, numbers_from=2, caption=title)
        for title, header, rows in _tables(summary, image_summary)
    ]
    return "\n\n".join(parts) + "\n"


def _tables(
    summary: Sequence[Mapping[str, Any]], image_summary: Sequence[Mapping[str, Any]]
) -> Iterable[tuple[str, list[str], list[list[str]]]]:
    """Title, header and cells of each table."""
    for name in dict.fromkeys(line["protocol"] for line in summary):
        protocol = protocols.PROTOCOLS[name]
        lines = [
            {key: value for key, value in line.items() if not _says_nothing(key, protocol)}
            for line in summary
            if line["protocol"] == name
        ]
        title = f"Protocol `{name}` (alignment: {protocol.alignment}). {protocol.unit}."
        yield title, *_cells(lines, ["relics", "points"])
    if image_summary:
        title = f"Known views that were not the input, without alignment. {NO_LPIPS}"
        yield title, *_cells(image_summary, ["relics"])


def _says_nothing(figure: str, protocol: protocols.Protocol) -> bool:
    """Without alignment, before is after."""
    return protocol.alignment == "none" and figure.endswith("_before")


def _cells(
    lines: Sequence[Mapping[str, Any]], counts: Sequence[str]
) -> tuple[list[str], list[list[str]]]:
    """Header and rows; a figure that no line has gets no column."""
    words = ["category", "method", *counts]
    figures = [
        name
        for name in lines[0]
        if name not in ("protocol", *words) and any(line[name] is not None for line in lines)
    ]
    titles = [_COLUMNS[name][0] if name in _COLUMNS else name.upper() for name in figures]
    body = [
        [*(str(line[name]) for name in words), *(_figure(name, line[name]) for name in figures)]
        for line in lines
    ]
    return [*words, *titles], body


def _figure(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    style = _COLUMNS[name][1] if name in _COLUMNS else ".3f"
    if style == ".2f" and 0 < abs(value) < SMALL:
        return f"{value:.2e}"
    return format(value, style)


def write(directory: pathlib.Path, evaluation: Evaluation, facts: Mapping[str, Any]) -> str:
    """Writes metrics.json, metrics.csv, images.csv, metrics.md and metrics.tex.

    Args:
        directory: Folder to write into; made if missing.
        evaluation: What was measured.
        facts: What was evaluated, as JSON: export, shards, split.

    Returns:
        The Markdown.
    """
    summary, image_summary = summarise(evaluation.rows), summarise_images(evaluation.images)
    used = dict.fromkeys(row.protocol for row in evaluation.rows)
    relics, images = list(map(_flat, evaluation.rows)), list(map(vars, evaluation.images))
    page = {
        **facts,
        "protocols": {
            name: {
                "alignment": protocols.PROTOCOLS[name].alignment,
                "unit": protocols.PROTOCOLS[name].unit,
            }
            for name in used
        },
        "sampling_floor": evaluation.sampling_floor,
        "summary": summary,
        "image_summary": image_summary,
        "image_notes": NO_LPIPS,
        "relics": relics,
        "images": images,
    }
    floor = (
        f"Two samples of one true surface are CD {evaluation.sampling_floor:.2f} apart in world "
        "units: a perfect shape would score that."
    )
    table = f"{markdown(summary, image_summary)}\n{floor}\n"
    texts = {
        "metrics.json": json.dumps(page, indent=2) + "\n",
        "metrics.csv": _csv(relics),
        "metrics.md": table,
        "metrics.tex": latex(summary, image_summary),
        **({"images.csv": _csv(images)} if images else {}),
    }
    write_texts(directory, texts)
    return table


def _flat(row: Row) -> dict[str, Any]:
    """One row with a column per F-score threshold."""
    flat = {name: value for name, value in vars(row).items() if name != "f_scores"}
    return flat | {f"f@{threshold:g}": value for threshold, value in row.f_scores.items()}


def _csv(rows: Sequence[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def write_texts(directory: pathlib.Path, texts: Mapping[str, str]) -> None:
    """Writes files by name, each whole or not at all."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            partial = directory / f".{name}.{os.getpid()}.partial"
            partial.write_text(text)
            os.replace(partial, directory / name)
    except OSError as error:
        raise UserError(f"cannot write to {directory}: {error.strerror}; choose -o") from error
