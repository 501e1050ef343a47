"""The part of a report that says how well a model does."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from jaxrelic.viz import html


def section(directory: pathlib.Path | None) -> str:
    """One table per protocol, under its name, alignment and unit; then scores of pictures.

    Args:
        directory: What `jaxrelic evaluate` wrote, with metrics.json; None if nothing was given.
    """
    if directory is None:
        return html.note("No evaluation was given (--evaluation).")
    page = html.read_json(directory / "metrics.json")
    if not isinstance(page, dict) or not page.get("summary"):
        return html.note(f"No metrics.json in {directory}; run `jaxrelic evaluate`.")
    parts = [f'<p class="small">{html.text(_evaluated(page))}</p>', _gallery(directory, page)]
    for name, protocol in page["protocols"].items():
        lines = [line for line in page["summary"] if line["protocol"] == name]
        title = f"Protocol {name}, alignment {protocol['alignment']}"
        mean = [line for line in lines if line["category"] == "all"]
        parts.append(f"<h3>{html.text(title)}</h3>{_metric_table(mean)}")
        parts.append(f"<details><summary>By category</summary>{_metric_table(lines)}</details>")
        parts.append(f'<p class="small">{html.text(protocol["unit"])}.</p>')
    pictures = [line for line in page.get("image_summary", ()) if line["category"] == "all"]
    if pictures:
        parts.append(f"<h3>Views that were not shown</h3>{_picture_table(pictures)}")
    return "".join(parts)


def _gallery(directory: pathlib.Path, page: Mapping[str, Any]) -> str:
    """What the model made of some of the relics."""
    data = html.read_or_none(directory / "gallery.png")
    if data is None:
        return html.note(f"No gallery.png in {directory}.")
    caption = page.get("gallery") or (
        "Each relic: what the network saw, its mesh from the same camera in plain colours, and the "
        "mesh a third and two thirds of a turn on."
    )
    picture = html.image(data, "gallery.png", "Relics and their reconstructions")
    return f'<div class="gallery">{html.figure(picture, html.text(caption))}</div>'


def _evaluated(page: Mapping[str, Any]) -> str:
    """What was measured on which relics, in a sentence."""
    held_out = "held out" if page.get("held_out") else "seen in training"
    return f"Split {page.get('split', 'unknown')} ({held_out}) of {page.get('shards', 'unknown')}."


def _picture_table(lines: Sequence[Mapping[str, Any]]) -> str:
    formats = {"psnr": ".2f", "ssim": ".3f", "mask_iou": ".3f", "depth_error": ".4f"}
    rows = [
        [
            line["method"],
            line["relics"],
            *(html.number(line.get(key), form) for key, form in formats.items()),
        ]
        for line in lines
    ]
    return html.table(["method", "relics", "PSNR", "SSIM", "mask IoU", "depth error"], rows)


def _metric_table(lines: Sequence[Mapping[str, Any]]) -> str:
    scores = [name for name in lines[0] if name.startswith("f@")]
    header = ["category", "method", "relics", "points", "CD", *map(str.upper, scores), "mask IoU"]
    rows = [
        [
            *(line[name] for name in ("category", "method", "relics", "points")),
            f"{line['chamfer']:.2f}",
            *(f"{line[name]:.3f}" for name in scores),
            html.number(line["silhouette_iou"], ".3f"),
        ]
        for line in lines
    ]
    return html.table(header, rows, numbers_from=2)
