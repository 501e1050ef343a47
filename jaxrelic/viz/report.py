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

from jaxrelic.viz import curves, html, report_metrics

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
    """Workspace of the data engine; `reports/` in it holds the relics and counts."""
    run: pathlib.Path | None = None
    """Folder of the training run; holds metrics.jsonl."""
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
        _section("metrics", "Metrics", report_metrics.section(inputs.evaluation)),
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
    facts = html.read_json(directory / "reconstruction.json")
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
    facts = html.read_json(directory / "reconstruction.json")
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


def _costs(stages: Sequence[Mapping[str, Any]]) -> str:
    if not stages:
        return html.note("No stage times were given (--stages).")
    rows = [
        [
            stage.get("stage", ""),
            html.number(stage.get("seconds"), ".1f"),
            html.number(stage.get("cpu_seconds"), ".1f"),
            html.number(stage.get("peak_rss_bytes"), ".0f", 1 / BYTES_PER_MB),
            stage.get("exit_code", ""),
        ]
        for stage in stages
    ]
    return html.table(["stage", "wall s", "CPU s", "peak memory MB", "exit code"], rows)


def _commands(stages: Sequence[Mapping[str, Any]]) -> str:
    commands = [str(stage["command"]) for stage in stages if stage.get("command")]
    if not commands:
        return html.note("No commands were recorded (--stages).")
    return f"<pre>{html.text(chr(10).join(commands))}</pre>"


def _workspace_page(workspace: pathlib.Path | None, name: str) -> Any:
    return None if workspace is None else html.read_json(workspace / "reports" / name)


def _absent(workspace: pathlib.Path | None, name: str) -> str:
    if workspace is None:
        return "No workspace was given (--workspace)."
    return f"No reports/{name} in {workspace}; run `data-engine shards`."


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
