"""Draws docs/images/architecture.svg: the layers that `lint-imports` checks, read from pyproject.

    python docs/drawings/architecture.py

A package may import those below it and none beside or above it. tests/docs/test_drawings.py fails
when the picture and pyproject.toml differ.
"""

import pathlib
import tomllib
from html import escape

ROOT = pathlib.Path(__file__).parents[2]
TARGET = ROOT / "docs" / "images" / "architecture.svg"

SAYS = {
    "jaxrelic.cli": "jaxrelic train, evaluate, reconstruct, ...",
    "jaxrelic.api": "load, reconstruct, novel_views, render",
    "jaxrelic.evaluation": "how good it is",
    "jaxrelic.saved": "runs and exports on disk",
    "jaxrelic.train": "a run; train/tasks: one kind, one file",
    "jaxrelic.inference": "a trained network at work; fields to meshes",
    "jaxrelic.photos": "what people hand in",
    "jaxrelic.mesh_files": "GLB, PLY, OBJ",
    "jaxrelic.data": "records to batches",
    "jaxrelic.losses": "terms per example",
    "jaxrelic.metrics": "protocols",
    "jaxrelic.viz": "pages, films",
    "jaxrelic.native_library": "builds C++, finds it",
    "jaxrelic.shipped": "networks of the install",
    "jaxrelic.models": "networks, independent of one another",
    "jaxrelic.nn": "blocks, banks",
    "jaxrelic.rendering": "soft rasterizer, rays",
    "jaxrelic.diffusion": "schedules, samplers",
    "jaxrelic.geometry": "cameras, meshes, alignment",
    "jaxrelic.weights": "published files, without torch",
    "jaxrelic.typing": "shapes",
    "jaxrelic.errors": "what users read",
    "jaxrelic.config_json": "settings in files",
    "data_engine.commands": "data-engine ingest, validate, render, ...",
    "data_engine.releases": "cards, credits",
    "data_engine.exchange": "JSONL, One-2-3-45",
    "data_engine.validate": "the stage",
    "data_engine.reports": "pages",
    "data_engine.identity": "which are one object",
    "data_engine.ingest": "files to relics",
    "data_engine.rights": "licences, contests, removal",
    "data_engine.shards": "TFDS, ArrayRecord, splits",
    "data_engine.rendering": "Blender, ray casting, poses",
    "data_engine.procedural": "relics from formulas",
    "data_engine.catalog": "SQLite",
    "data_engine.gltf": "our own reader",
    "data_engine.processes": "limited children",
    "data_engine.workspace": "folders, whole files",
    "data_engine.text": "escaping, quantities",
    "data_engine.errors": "refusals",
}
"""What is in each room, in a few words."""

WIDTH, HEADER, ROW, GAP, MARGIN = 560, 34, 44, 8, 16
COLOUR = {"jaxrelic": "#dbe7f3", "data_engine": "#f3e6d3"}


def layers(package: str) -> list[list[str]]:
    """Rooms of a package from the top down, those of one layer together."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    rows = next(
        contract["layers"]
        for contract in contracts
        if contract["type"] == "layers" and contract["layers"][0].startswith(package)
    )
    return [row.split(" | ") for row in rows]


def box(x: float, y: float, width: float, room: str) -> list[str]:
    """A room with its name and what is in it."""
    package, name = room.split(".")
    middle = x + width / 2
    return [
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{ROW}" rx="5" '
        f'fill="{COLOUR[package]}" stroke="#555"/>',
        f'<text x="{middle:g}" y="{y + 18:g}" class="name">{escape(name)}</text>',
        f'<text x="{middle:g}" y="{y + 34:g}" class="says">{escape(SAYS.get(room, ""))}</text>',
    ]


def column(left: float, title: str, rows: list[list[str]]) -> list[str]:
    """The layers of one package."""
    parts = [f'<text x="{left + WIDTH / 2:g}" y="{MARGIN + 18}" class="title">{title}</text>']
    for number, rooms in enumerate(rows):
        y = MARGIN + HEADER + number * (ROW + GAP)
        width = (WIDTH - GAP * (len(rooms) - 1)) / len(rooms)
        for place, room in enumerate(rooms):
            parts += box(left + place * (width + GAP), y, width, room)
    return parts


def picture() -> str:
    """The SVG."""
    library, engine = layers("jaxrelic"), layers("data_engine")
    right = MARGIN + WIDTH + 90
    deepest = max(len(library), len(engine))
    below = MARGIN + HEADER + deepest * (ROW + GAP)
    width, height = right + WIDTH + MARGIN, below + 46
    middle = MARGIN + WIDTH + 45
    parts = column(MARGIN, "jaxrelic, the library", library)
    parts += column(right, "data_engine, scans to shards", engine)
    top, bottom = MARGIN + HEADER + 10, below - GAP - 10
    parts += [
        f'<path d="M{middle} {top}V{bottom}" stroke="#555" stroke-width="2" marker-end="url(#a)"/>',
        f'<text transform="translate({middle - 8} {(top + bottom) / 2}) rotate(-90)" class="says">'
        "may import</text>",
        f'<text x="{width / 2:g}" y="{below + 22}" class="says">data_engine uses of the library '
        "only jaxrelic.geometry and jaxrelic.data.schema; the library knows neither data_engine "
        "nor configs; torch and tensorflow stay out.</text>",
    ]
    style = (
        "text{font-family:Helvetica,Arial,sans-serif;text-anchor:middle;fill:#222}"
        ".title{font-size:17px;font-weight:bold}.name{font-size:14px;font-weight:bold}"
        ".says{font-size:11.5px}"
    )
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" role="img" '
        'aria-label="Layers of the two packages">'
        f"<style>{style}</style>"
        '<defs><marker id="a" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="#555"/></marker></defs>'
        f'<rect width="{width:g}" height="{height:g}" fill="white"/>'
    )
    return "\n".join([head, *parts, "</svg>", ""])


if __name__ == "__main__":
    TARGET.write_text(picture(), "utf-8")
    print(TARGET)
