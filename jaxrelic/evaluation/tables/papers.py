"""The papers' tables: quoted rows beside ours, which come from evaluation files alone."""

import dataclasses
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxrelic.errors import UserError
from jaxrelic.evaluation.tables import metrics as metric_tables
from jaxrelic.evaluation.tables import text as table_text
from jaxrelic.metrics import published
from jaxrelic.metrics.published import CD, IOU, TABLES, TEST_OBJECTS, F, PublishedTable

OWN = "own"
"""Name of a table of our rows alone, for what no paper has."""

QUOTED, NOT_OBTAINED = "quoted", "not obtained"
METHOD = "model"
"""Method of an evaluation whose rows are taken: what was trained, not its baselines."""

VOXEL_PROTOCOL = "ucmr"
"""Where 3D IoU is from."""

MEAN, WEIGHTED_MEAN = "mean", "weighted mean"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Result:
    """One evaluation that fills a row."""

    table: str
    """T2 to T12, or `OWN`."""
    row: str
    """Name of the row."""
    path: pathlib.Path
    """Its metrics.json."""
    page: Mapping[str, Any]
    """What that file says."""

    def line(self, protocol: str, category: str) -> Mapping[str, Any]:
        """The means of one protocol and category; empty if it was not measured."""
        for line in self.page["summary"]:
            found = (line["protocol"], line["category"], line["method"])
            if found == (protocol, category, METHOD):
                return line
        return {}

    def source(self, protocol: str) -> str:
        """Where its numbers are from, in words."""
        seen = "" if self.page.get("held_out") else ", seen in training"
        relics = self.line(protocol, metric_tables.ALL).get("relics", "no")
        return (
            f"ours: {relics} objects of {self.page.get('shards')}, "
            f"split {self.page.get('split')}{seen}, protocol {protocol}"
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class TableRow:
    """One line of a finished table."""

    name: str
    supervision: str
    cells: Mapping[str, published.Cell]
    quoted: bool
    source: str


def read_result(text: str) -> Result:
    """Reads `TABLE:ROW=PATH`, where PATH is a metrics.json or a folder that holds one."""
    place, equals, path = text.partition("=")
    table, colon, row = place.partition(":")
    if not (equals and colon and row and path):
        raise UserError(f"{text!r} does not say TABLE:ROW=PATH, as in T8:full=runs/a/evaluation")
    if table != OWN:
        rows = [each.name for each in find_table(table).rows]
        if row not in rows:
            raise UserError(f"table {table} has no row {row!r}; it has {', '.join(rows)}")
    file = pathlib.Path(path)
    if file.is_dir():
        file = next(
            (
                place
                for name in ("", "evaluation")
                if (place := file / name / "metrics.json").exists()
            ),
            file / "metrics.json",
        )
    try:
        page = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise UserError(f"{file} cannot be read ({error}); run `jaxrelic evaluate`") from error
    if not isinstance(page, dict) or not isinstance(page.get("summary"), list):
        raise UserError(f"{file} is no evaluation; give a metrics.json of `jaxrelic evaluate`")
    return Result(table=table, row=row, path=file, page=page)


def find_table(name: str) -> PublishedTable:
    """A table by name."""
    if name not in TABLES:
        raise UserError(f"no table {name!r}; choose one of {', '.join(TABLES)}, or {OWN}")
    return TABLES[name]


def fill(table: PublishedTable, results: Sequence[Result], protocol: str) -> list[TableRow]:
    """Quoted rows, each followed by ours where we have or owe one."""
    rows = []
    for row in table.rows:
        quoted = f"{QUOTED}: {published.PAPER}, {table.name}"
        cells = _with_means(table, row.cells)
        rows.append(
            TableRow(
                name=row.name, supervision=row.supervision, cells=cells, quoted=True, source=quoted
            )
        )
        mine = [
            result for result in results if (result.table, result.row) == (table.name, row.name)
        ]
        if mine or row.ours:
            rows.append(_our_row(table, row.name, mine, protocol))
    return rows


def own_table(results: Sequence[Result], protocol: str) -> tuple[PublishedTable, list[TableRow]]:
    """A table of rows that no paper has."""
    mine = [result for result in results if result.table == OWN]
    table = PublishedTable(name=OWN, title="Rows of this project", columns=(CD, F, IOU), rows=())
    return table, [_our_row(table, result.row, [result], protocol) for result in mine]


def _our_row(
    table: PublishedTable, name: str, results: Sequence[Result], protocol: str
) -> TableRow:
    """A row measured here; categories may come from a file each."""
    cells: dict[str, published.Cell] = dict.fromkeys(table.columns)
    for result in results:
        for column in table.columns:
            value = _measured(result, table, column, protocol)
            cells[column] = cells[column] if value is None else value
    supervision = ", ".join(dict.fromkeys(r.page.get("supervision", "?") for r in results))
    source = "; ".join(dict.fromkeys(r.source(protocol) for r in results))
    return TableRow(
        name=f"{name} (ours)",
        supervision=supervision or "-",
        cells=_with_means(table, {c: NOT_OBTAINED if v is None else v for c, v in cells.items()}),
        quoted=False,
        source=source or "ours: no evaluation was given",
    )


def _measured(result: Result, table: PublishedTable, column: str, protocol: str) -> float | None:
    if table.by_category:
        return result.line(protocol, column).get("chamfer")
    if column == IOU:
        share = result.line(VOXEL_PROTOCOL, metric_tables.ALL).get("iou_3d")
        return None if share is None else 100 * share
    key = {CD: "chamfer", F: "f@0.01"}[column]
    return result.line(protocol, metric_tables.ALL).get(key)


def _with_means(
    table: PublishedTable, cells: Mapping[str, published.Cell]
) -> dict[str, published.Cell]:
    """Adds both means to a row of categories, if it has a number for every category."""
    if not table.by_category:
        return dict(cells)
    numbers = [cells[column] for column in table.columns]
    if not all(isinstance(number, float) for number in numbers):
        return {**cells, MEAN: None, WEIGHTED_MEAN: None}
    weights = [TEST_OBJECTS[column] for column in table.columns]
    return {
        **cells,
        MEAN: float(np.mean(numbers)),
        WEIGHTED_MEAN: float(np.average(numbers, weights=weights)),
    }


def write(
    directory: pathlib.Path,
    filled: Sequence[tuple[PublishedTable, Sequence[TableRow]]],
    protocol: str,
) -> str:
    """Writes tables.md, tables.tex and tables.json; returns the Markdown."""
    markdown, latex, pages = [], [], {}
    for table, rows in filled:
        columns = list(rows[0].cells)
        header = ["method", "sup.", *columns, "source"]
        body = [
            [
                f"{row.name} [q]" if row.quoted else row.name,
                row.supervision,
                *(_text(column, row.cells[column]) for column in columns),
                QUOTED if row.quoted else row.source,
            ]
            for row in rows
        ]
        title = f"{table.name}. {table.title}."
        note = f"{table.note} [q]: quoted from {published.PAPER}.".strip()
        text = table_text.markdown(header, body, numbers_from=2)
        markdown.append(f"{title}\n\n{text}\n\n{note}")
        caption = f"{title} {note}"
        latex.append(
            table_text.latex(header[:-1], [r[:-1] for r in body], numbers_from=2, caption=caption)
        )
        pages[table.name] = {
            "title": table.title,
            "note": table.note,
            "protocol": protocol,
            "rows": [{**vars(row), "cells": dict(row.cells)} for row in rows],
        }
    text = "\n\n".join(markdown) + "\n"
    metric_tables.write_texts(
        directory,
        {
            "tables.md": text,
            "tables.tex": "\n\n".join(latex) + "\n",
            "tables.json": json.dumps(pages, indent=2) + "\n",
        },
    )
    return text


def _text(column: str, cell: published.Cell) -> str:
    if cell is None:
        return "-"
    if isinstance(cell, str):
        return cell
    return format(cell, {F: ".3f", IOU: ".1f"}.get(column, ".2f"))
