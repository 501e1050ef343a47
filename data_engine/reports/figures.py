"""Histograms of a data set as SVG, drawn by Matplotlib without a screen."""

import io
from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from data_engine.reports.census import UNKNOWN, Census

ACCENT, PALE, INK, SOFT = "#9a3b26", "#d9cfc0", "#26221d", "#6d655b"
SHOWN = 12
"""Bars of a figure; the rest is one bar."""
_STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "svg.hashsalt": "jaxrelic",  # Otherwise element names differ from run to run
    "text.parse_math": False,  # A dollar in a licence is a dollar
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": PALE,
    "xtick.color": SOFT,
    "ytick.color": INK,
    "axes.labelcolor": SOFT,
}


def draw_all(census: Census) -> dict[str, bytes]:
    """File name to SVG; a figure without data is left out."""
    figures = {
        "categories.svg": bars(census.categories, "relics"),
        "licenses.svg": bars(census.licenses, "relics"),
        "centuries.svg": bars(census.centuries, "relics", in_order=True),
        "faces.svg": histogram(census.triangles, "triangles per relic"),
        "sizes.svg": histogram([size / 1e6 for size in census.blob_bytes], "MB per relic (GLB)"),
    }
    return {name: data for name, data in figures.items() if data is not None}


def bars(counts: Mapping[str, int], label: str, *, in_order: bool = False) -> bytes | None:
    """A horizontal bar per name; those that stand for no name are pale.

    Args:
        counts: The most frequent first.
        label: Label of the axis.
        in_order: The order means something: nothing is summed up.
    """
    if not sum(counts.values()):
        return None
    rows = [(name, count) for name, count in counts.items() if count]
    if len(rows) > SHOWN and not in_order:
        rest = rows[SHOWN - 1 :]
        rows = [*rows[: SHOWN - 1], (f"{len(rest)} more", sum(count for _, count in rest))]
    names = [_short(name) for name, _ in rows]
    pale = [name in (UNKNOWN, "other") or name.endswith(" more") for name, _ in rows]
    with matplotlib.rc_context(_STYLE):
        lines = max(3, len(rows))  # One bar alone would be a block
        figure = Figure(figsize=(5.6, 0.3 + 0.3 * lines), layout="constrained")
        axes = figure.add_subplot()
        places = np.arange(len(rows))
        drawn = axes.barh(
            places,
            [count for _, count in rows],
            color=[PALE if plain else ACCENT for plain in pale],
            height=0.7,
        )
        axes.bar_label(drawn, padding=3, color=SOFT, fontsize=9)
        axes.set_yticks(places, names)
        axes.set_ylim(lines - 0.5, -0.5)
        axes.xaxis.set_visible(False)
        axes.spines["bottom"].set_visible(False)
        axes.tick_params(axis="y", length=0)
        axes.margins(x=0.12)
        return _svg(figure)


def histogram(values: Sequence[float], label: str) -> bytes | None:
    """Relics per size, on a logarithmic axis: scans differ by factors, not by amounts."""
    positive = np.array([value for value in values if value > 0])
    if not positive.size:
        return None
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(5.6, 2.6), layout="constrained")
        axes = figure.add_subplot()
        axes.hist(positive, thirds_of_decades(positive), color=ACCENT, rwidth=0.92)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(FuncFormatter(_plain))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel(label)
        axes.set_ylabel("relics")
        axes.yaxis.get_major_locator().set_params(integer=True)
        return _svg(figure)


def thirds_of_decades(values: np.ndarray) -> np.ndarray:
    """Edges of bins that hold all the positive values."""
    low, high = np.floor(np.log10(values.min()) * 3), np.ceil(np.log10(values.max()) * 3)
    edges = 10 ** (np.arange(low, max(high, low + 1) + 1) / 3)
    # The extremes must not fall out by rounding.
    edges[0], edges[-1] = min(edges[0], values.min()), max(edges[-1], values.max())
    return edges


def _plain(value: float, position: int | None = None) -> str:
    """A tick such as 0.01, 10 or 10,000."""
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"


def _short(name: str) -> str:
    plain = name.removeprefix("LicenseRef-")
    return plain if len(plain) <= 34 else plain[:33] + "…"


def _svg(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    return file.getvalue()
