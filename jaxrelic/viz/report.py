"""One self-contained HTML page about a run: pictures, relics, curves, metrics, costs, commands.

The page embeds its pictures and needs no script and no network. Every input is optional; what is
missing is said in its place. Inputs are files that the stages write, so the page knows no stage.
"""

import dataclasses
import importlib.resources
import json
import pathlib
import string
from collections.abc import Mapping, Sequence
from typing import Any

from jaxrelic.viz import curves, html

HEADLINE = {
    "input.png": "Input photo",
    "mask.png": "Object mask",
    "silhouette.png": "Silhouette of the mesh",
    "render.png": "Colour at the predicted camera",
    "depth.png": "Depth, near is bright",
    "turntable.gif": "Turntable",
}
"""Pictures of a reconstruction, in order of appearance."""

STRIP = "strip.png"
"""All pictures of a reconstruction but the turntable, in a row."""

BYTES_PER_MB = 1e6


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReportInputs:
    """Where the parts of a report come from; None leaves a part out."""

    title: str = "From one photograph to a mesh"
    """Heading of the page."""
    workspace: pathlib.Path | None = None
    """Of the data engine; `reports/` in it holds the relics and counts."""
    run: pathlib.Path | None = None
    """Of the training; holds metrics.jsonl."""
    evaluation: pathlib.Path | None = None
    """Folder with metrics.json."""
    reconstructions: Sequence[pathlib.Path] = ()
    """Folders with the previews of a reconstruction each; the first is shown at length."""
    stages: pathlib.Path | None = None
    """JSON lines: stage, command, seconds, cpu_seconds, peak_rss_bytes, exit_code."""


def build(inputs: ReportInputs) -> str:
    """The whole page."""
    stages = _read_lines(inputs.stages)
    sections = [
        _section(
            "reconstruction", "One photograph, one mesh", _reconstructions(inputs.reconstructions)
        ),
        _section("metrics", "Metrics", _metrics(inputs.evaluation)),
        _section("curves", "Training", _curves(inputs.run)),
        _section("dataset", "Dataset", _dataset(inputs.workspace)),
        _section("relics", "Relics", _relics(inputs.workspace)),
        _section("costs", "Time and memory", _costs(stages)),
        _section("commands", "Commands", _commands(stages)),
    ]
    templates = importlib.resources.files("jaxrelic.viz") / "templates"
    page = string.Template((templates / "report.html").read_text())
    return page.substitute(
        title=html.text(inputs.title),
        lead="Scans become a dataset, the dataset trains a network, and the network turns one "
        "photograph into a textured mesh. Everything below was made by the commands at the end.",
        style=(templates / "report.css").read_text(),
        sections="\n".join(sections),
    )


def _section(anchor: str, title: str, body: str) -> str:
    return f'<section id="{anchor}">\n<h2>{html.text(title)}</h2>\n{body}\n</section>'


def _reconstructions(directories: Sequence[pathlib.Path]) -> str:
    """One at length, the others a strip each."""
    if not directories:
        return html.note("No reconstruction was given (--reconstruction).")
    body = _headline(directories[0])
    if others := directories[1:]:
        body += f"<h3>More photographs</h3>{''.join(map(_strip, others))}"
    return body


def _strip(directory: pathlib.Path) -> str:
    """Photograph, mask, what the network saw, silhouette, colour and depth in a row."""
    data = html.read_or_none(directory / STRIP)
    if data is None:
        return html.note(f"Not found in {directory}: {STRIP}.")
    facts = _read_json(directory / "reconstruction.json")
    facts = facts if isinstance(facts, dict) else {}
    name = str(facts.get("photo") or directory.name)
    caption = f"<b>{html.text(name)}</b>mask: {html.text(facts.get('mask_source') or 'unknown')}"
    return f'<div class="strip">{html.figure(html.image(data, STRIP, name), caption)}</div>'


def _headline(directory: pathlib.Path) -> str:
    """The photograph beside what was made of it."""
    pictures = {name: html.read_or_none(directory / name) for name in HEADLINE}
    figures = [
        html.figure(html.image(data, name, HEADLINE[name]), html.text(HEADLINE[name]))
        for name, data in pictures.items()
        if data is not None
    ]
    missing = [name for name, data in pictures.items() if data is None]
    body = f'<div class="headline">{"".join(figures)}</div>' if figures else ""
    if missing:
        body += html.note(f"Not found in {directory}: {', '.join(missing)}.")
    facts = _read_json(directory / "reconstruction.json")
    if isinstance(facts, dict):
        body += (
            f'<p class="small">{html.text(facts.get("photo"))} to {html.text(facts.get("glb"))}: '
            f"{html.text(facts.get('vertices'))} vertices, {html.text(facts.get('faces'))} faces; "
            f"mask: {html.text(facts.get('mask_source'))}.</p>"
        )
    return body


def _relics(workspace: pathlib.Path | None) -> str:
    """Contact sheet with name, licence and credit."""
    relics = _workspace_page(workspace, "relics.json")
    if not relics:
        return html.note(_absent(workspace, "relics.json"))
    shown = [relic for relic in relics if relic.get("thumbnail")]
    figures = [_relic(workspace / "reports", relic) for relic in shown]
    return (
        f'<p class="small">{len(shown)} of {len(relics)} relics are shown; '
        "those without a picture are listed under Dataset.</p>"
        f'<div class="relics">{"".join(figures)}</div>'
    )


def _relic(reports: pathlib.Path, relic: Mapping[str, Any]) -> str:
    title = relic.get("title") or relic.get("uid", "")
    data = html.read_or_none(reports / relic["thumbnail"])
    picture = (
        html.image(data, relic["thumbnail"], title) if data else html.note("thumbnail missing")
    )
    credit = relic.get("attribution") or "no credit line"
    caption = (
        f"<b>{html.text(title)}</b>{html.text(relic.get('license') or 'licence unknown')}<br>"
        f"{html.link(relic.get('source_url') or '', credit)}"
    )
    return html.figure(picture, caption)


def _dataset(workspace: pathlib.Path | None) -> str:
    """Counts, and every file that was left out with its reason."""
    overview = _workspace_page(workspace, "overview.json")
    if not overview:
        return html.note(_absent(workspace, "overview.json"))
    counted = {
        "states": "State",
        "categories": "Category",
        "splits": "Split",
        "licenses": "Licence",
    }
    tables = [
        f"<div>{html.table([title, 'relics'], list(overview[key].items()))}</div>"
        for key, title in counted.items()
        if overview.get(key)
    ]
    body = f'<div class="counts">{"".join(tables)}</div>'
    left_out = [
        relic
        for relic in _workspace_page(workspace, "relics.json") or []
        if relic.get("state") in ("rejected", "failed", "duplicate")
    ]
    if left_out:
        columns = ("source_file", "state", "reason", "detail")
        rows = [[relic.get(name) or "" for name in columns] for relic in left_out]
        header = ["file", "state", "reason", "detail"]
        body += f"<h3>Left out</h3>{html.table(header, rows, numbers_from=len(header))}"
    else:
        body += '<p class="small">No file was left out.</p>'
    return body


def _curves(run: pathlib.Path | None) -> str:
    if run is None:
        return html.note("No training run was given (--run).")
    path = run / "metrics.jsonl"
    rows = curves.read_metrics(path) if path.is_file() else []
    if not curves.loss_names(rows):
        return html.note(f"{path} has no losses: the run has not logged a step.")
    picture = html.image(curves.plot(rows), "curves.svg", "Loss over training steps")
    return f'<div class="curves">{picture}</div><p class="small">{rows[-1]["step"]} steps.</p>'


def _metrics(directory: pathlib.Path | None) -> str:
    """One table per protocol, under its name, alignment and unit."""
    if directory is None:
        return html.note("No evaluation was given (--evaluation).")
    page = _read_json(directory / "metrics.json")
    if not isinstance(page, dict) or not page.get("summary"):
        return html.note(f"No metrics.json in {directory}; run `jaxrelic evaluate`.")
    parts = [f'<p class="small">{html.text(_evaluated(page))}</p>', _gallery(directory)]
    for name, protocol in page["protocols"].items():
        lines = [line for line in page["summary"] if line["protocol"] == name]
        title = f"Protocol {name}, alignment {protocol['alignment']}"
        mean = [line for line in lines if line["category"] == "all"]
        parts.append(f"<h3>{html.text(title)}</h3>{_metric_table(mean)}")
        parts.append(f"<details><summary>By category</summary>{_metric_table(lines)}</details>")
        parts.append(f'<p class="small">{html.text(protocol["unit"])}.</p>')
    return "".join(parts)


def _gallery(directory: pathlib.Path) -> str:
    """What the model made of some of the relics."""
    data = html.read_or_none(directory / "gallery.png")
    if data is None:
        return html.note(f"No gallery.png in {directory}.")
    caption = (
        "Each relic: what the network saw, its mesh from the same camera in plain colours, and the "
        "mesh a third and two thirds of a turn on."
    )
    picture = html.image(data, "gallery.png", "Relics and their reconstructions")
    return f'<div class="gallery">{html.figure(picture, html.text(caption))}</div>'


def _evaluated(page: Mapping[str, Any]) -> str:
    """What was measured on which relics, in a sentence."""
    held_out = "held out" if page.get("held_out") else "seen in training"
    return f"Split {page.get('split', 'unknown')} ({held_out}) of {page.get('shards', 'unknown')}."


def _metric_table(lines: Sequence[Mapping[str, Any]]) -> str:
    scores = [name for name in lines[0] if name.startswith("f@")]
    header = ["category", "method", "relics", "points", "CD", *map(str.upper, scores), "mask IoU"]
    rows = [
        [
            *(line[name] for name in ("category", "method", "relics", "points")),
            f"{line['chamfer']:.2f}",
            *(f"{line[name]:.3f}" for name in scores),
            _number(line["silhouette_iou"], ".3f"),
        ]
        for line in lines
    ]
    return html.table(header, rows, numbers_from=2)


def _costs(stages: Sequence[Mapping[str, Any]]) -> str:
    if not stages:
        return html.note("No stage times were given (--stages).")
    rows = [
        [
            stage.get("stage", ""),
            _number(stage.get("seconds"), ".1f"),
            _number(stage.get("cpu_seconds"), ".1f"),
            _number(stage.get("peak_rss_bytes"), ".0f", 1 / BYTES_PER_MB),
            stage.get("exit_code", ""),
        ]
        for stage in stages
    ]
    return html.table(["stage", "wall s", "CPU s", "peak memory MB", "exit code"], rows)


def _number(value: Any, style: str, factor: float = 1.0) -> str:
    return format(value * factor, style) if isinstance(value, int | float) else "unknown"


def _commands(stages: Sequence[Mapping[str, Any]]) -> str:
    commands = [str(stage["command"]) for stage in stages if stage.get("command")]
    if not commands:
        return html.note("No commands were recorded (--stages).")
    return f"<pre>{html.text(chr(10).join(commands))}</pre>"


def _workspace_page(workspace: pathlib.Path | None, name: str) -> Any:
    return None if workspace is None else _read_json(workspace / "reports" / name)


def _absent(workspace: pathlib.Path | None, name: str) -> str:
    if workspace is None:
        return "No workspace was given (--workspace)."
    return f"No reports/{name} in {workspace}; run `data-engine shards`."


def _read_json(path: pathlib.Path) -> Any:
    """A JSON file, None when it is missing or broken: the page then says so."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None


def _read_lines(path: pathlib.Path | None) -> list[Mapping[str, Any]]:
    """Objects of a JSON-lines file; broken lines are left out."""
    if path is None or not path.is_file():
        return []
    rows = []
    for line in path.read_text().splitlines():
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(row, dict):
            rows.append(row)
    return rows
