"""What the data set holds, for people: thumbnails, a contact sheet, counts and credits."""

import collections
import io
import json
import logging
import pathlib
import unicodedata

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from data_engine.catalog import Catalog
from data_engine.catalog_schema import Relic
from data_engine.rendering import views
from data_engine.rendering.poses import PoseSet, orbit_pose
from data_engine.workspace import Workspace, write_atomically

SHOWN_FROM_DEG = (20.0, 270.0)
"""Elevation and azimuth a thumbnail is seen from, as nearly as the anchors allow: the front of a
glTF model (+Z there, -y here) with a hint of its top."""
TILE_PX, CAPTION_PX, FONT_PX = 160, 40, 12
SHEET_COLUMNS = 8
_PAPER, _INK, _GREY = (255, 255, 255), (32, 32, 32), (120, 120, 120)
_MISSING = "\U0010ffff"
"""A code point no font has: its picture is the font's box for missing glyphs."""

_log = logging.getLogger(__name__)


def write_reports(workspace: Workspace, render_id: str, poses: PoseSet) -> list[pathlib.Path]:
    """Writes thumbnails, contact-sheet.png, relics.json and overview.json.

    Returns:
        The sheet and the two JSON files.
    """
    with Catalog(workspace.catalog_path) as catalog:
        relics, reasons = catalog.relics(), catalog.reasons()
    thumbnails = write_thumbnails(workspace, render_id, poses, relics)
    shown = [relic for relic in relics if relic.uid in thumbnails]
    paths = [workspace.reports / name for name in ("contact-sheet.png", "relics.json")]
    if shown:
        _write_png(paths[0], contact_sheet(shown, [thumbnails[relic.uid] for relic in shown]))
    credits = [credit(relic, thumbnails.get(relic.uid), workspace.reports) for relic in relics]
    _write_json(paths[1], credits)
    paths.append(workspace.reports / "overview.json")
    _write_json(paths[2], overview(relics, reasons) | {"render_id": render_id})
    return paths


def write_thumbnails(
    workspace: Workspace, render_id: str, poses: PoseSet, relics: list[Relic]
) -> dict[str, pathlib.Path]:
    """One picture over white per rendered relic; returns uid to file."""
    folder = workspace.reports / "thumbnails"
    folder.mkdir(parents=True, exist_ok=True)
    name, paths = shown_view(poses), {}
    for relic in relics:
        source = workspace.render_dir(render_id, relic.uid)
        if views.read_meta(source) is None:
            continue
        paths[relic.uid] = folder / f"{relic.uid}.png"
        with Image.open(source / views.image_name(name)) as image:
            white = Image.new("RGBA", image.size, (*_PAPER, 255))
            _write_png(paths[relic.uid], Image.alpha_composite(white, image.convert("RGBA")))
    return paths


def shown_view(poses: PoseSet) -> str:
    """Name of the view that represents a relic."""
    wanted = orbit_pose(*SHOWN_FROM_DEG)[:3, 2]
    cosines = poses.world_from_cam[:, :3, 2] @ wanted
    anchors = np.array(poses.neighbour) < 0
    return poses.names[int(np.argmax(np.where(anchors, cosines, -np.inf)))]


def contact_sheet(relics: list[Relic], thumbnails: list[pathlib.Path]) -> Image.Image:
    """Thumbnails in rows, each with title and licence."""
    columns = min(SHEET_COLUMNS, len(relics))
    rows = -(-len(relics) // columns)
    sheet = Image.new("RGB", (columns * TILE_PX, rows * (TILE_PX + CAPTION_PX)), _PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(FONT_PX)
    labels = [caption(relic, font) for relic in relics]
    for index, (relic, path) in enumerate(zip(relics, thumbnails, strict=True)):
        x, y = index % columns * TILE_PX, index // columns * (TILE_PX + CAPTION_PX)
        with Image.open(path) as image:
            tile = image.convert("RGB").resize((TILE_PX, TILE_PX), Image.Resampling.LANCZOS)
        sheet.paste(tile, (x, y))
        for line, text, ink in ((0, labels[index], _INK), (1, relic.license_spdx, _GREY)):
            place = (x + 4, y + TILE_PX + line * (FONT_PX + 4))
            draw.text(place, shorten(text, font, TILE_PX - 8), fill=ink, font=font)
    if unnamed := sum(label != relic.title for label, relic in zip(labels, relics, strict=True)):
        _log.warning("%d titles are not in the built-in font; shown in ASCII or by uid", unnamed)
    return sheet


def caption(relic: Relic, font: ImageFont.ImageFont | ImageFont.FreeTypeFont) -> str:
    """The title if the font can draw it, else its ASCII letters, else the start of the uid."""
    if relic.title and drawable(relic.title, font):
        return relic.title
    plain = unicodedata.normalize("NFKD", relic.title).encode("ascii", "ignore").decode().strip()
    return plain if any(letter.isalnum() for letter in plain) else relic.uid[:8]


def drawable(text: str, font: ImageFont.ImageFont | ImageFont.FreeTypeFont) -> bool:
    """Whether the font has a picture for every character."""
    try:
        missing = bytes(font.getmask(_MISSING))
        return all(
            letter.isspace() or bytes(font.getmask(letter)) != missing for letter in set(text)
        )
    except UnicodeEncodeError:  # The bitmap font of a Pillow without FreeType is Latin-1
        return False


def shorten(text: str, font: ImageFont.ImageFont | ImageFont.FreeTypeFont, width_px: int) -> str:
    """Cuts a line so that it fits, with an ellipsis."""
    if font.getlength(text) <= width_px:
        return text
    while text and font.getlength(text + "...") > width_px:
        text = text[:-1]
    return text + "..."


def credit(relic: Relic, thumbnail: pathlib.Path | None, root: pathlib.Path) -> dict:
    """What must be said when a relic is shown, and where it stands; paths relative to `root`."""
    names = ("uid", "title", "category", "attribution", "source_url", "split", "state", "reason")
    return {
        **{name: getattr(relic, name) for name in names},
        "license": relic.license_spdx,
        "detail": relic.detail,
        "source_file": relic.source_file,
        "thumbnail": None if thumbnail is None else thumbnail.relative_to(root).as_posix(),
    }


def overview(relics: list[Relic], reasons: dict[tuple[str, str], int]) -> dict:
    """Counts by state, category, licence and split, and why relics were left out."""
    kept = [relic for relic in relics if relic.state in ("rendered", "sharded")]

    def count(name: str, members: list[Relic]) -> dict[str, int]:
        return dict(sorted(collections.Counter(getattr(r, name) for r in members).items()))

    return {
        "relics": len(relics),
        "states": count("state", relics),
        "categories": count("category", kept),
        "licenses": count("license_spdx", kept),
        "splits": count("split", [relic for relic in kept if relic.split]),
        "left_out": [
            {"stage": stage, "reason": reason, "count": number}
            for (stage, reason), number in sorted(reasons.items())
        ],
    }


def _write_json(path: pathlib.Path, content) -> None:
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    write_atomically(path, text.encode())


def _write_png(path: pathlib.Path, image: Image.Image) -> None:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    write_atomically(path, buffer.getvalue())
