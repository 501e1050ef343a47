"""Loss curves from a run's metrics.jsonl."""

import io
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

PANEL_INCHES = (3.2, 2.2)
COLUMNS = 4
LOGARITHMIC_FROM = 5.0
"""Ratio of largest to smallest value from which an axis is logarithmic."""
NOT_LOSSES = frozenset(
    {
        *("step", "learning_rate", "sigma", "shape_size", "texture_size"),
        *("steps_per_second", "dropped_faces"),
    }
)
"""Columns of a row that get no panel."""
FIRST = "loss"
"""The total, shown before its terms."""


def read_metrics(path: pathlib.Path) -> list[dict[str, float]]:
    """Rows of metrics.jsonl; a last line cut short by a crash is left out."""
    rows = []
    for line in path.read_text().splitlines():
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(row, dict) and "step" in row:
            rows.append(row)
    return rows


def loss_names(rows: Sequence[Mapping[str, float]]) -> list[str]:
    """Names that have a curve, the total first."""
    names = {
        name
        for row in rows
        for name, value in row.items()
        if name not in NOT_LOSSES and isinstance(value, int | float) and not isinstance(value, bool)
    }
    return sorted(names, key=lambda name: (name != FIRST, name))


def plot(rows: Sequence[Mapping[str, float]], kind: Literal["png", "svg"] = "svg") -> bytes:
    """One panel per loss over steps, on a logarithmic axis where values span one."""
    names = loss_names(rows)
    if not names:
        raise ValueError("no losses to plot; metrics.jsonl has no rows with numbers")
    columns = min(COLUMNS, len(names))
    lines = -(-len(names) // columns)
    figure = Figure(figsize=(columns * PANEL_INCHES[0], lines * PANEL_INCHES[1]), dpi=110)
    panels = figure.subplots(lines, columns, squeeze=False).reshape(-1)
    for panel, name in zip(panels, names, strict=False):
        points = [(row["step"], row[name]) for row in rows if name in row]
        steps, values = np.array(points, np.float64).T
        panel.plot(
            steps, values, color="#9a3b26", linewidth=1.2, marker="." if len(steps) < 3 else ""
        )
        if np.all(values > 0) and values.max() > LOGARITHMIC_FROM * values.min():
            panel.set_yscale("log")
            panel.yaxis.set_minor_formatter(NullFormatter())
        panel.set_title(name, fontsize=9)
        panel.set_xlabel("step", fontsize=8)
        panel.tick_params(labelsize=7)
        panel.grid(alpha=0.25)
    for panel in panels[len(names) :]:
        panel.set_axis_off()
    figure.tight_layout()
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, metadata={"Date": None} if kind == "svg" else None)
    return buffer.getvalue()
