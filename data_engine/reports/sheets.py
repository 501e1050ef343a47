"""Pictures of relics: one thumbnail and one contact sheet each, and pages of a hundred."""

import hashlib
import io
import logging
import pathlib
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageDraw, PngImagePlugin

from data_engine.catalog.schema import Relic
from data_engine.rendering import views
from data_engine.rendering.poses import PoseSet, orbit_pose
from data_engine.reports.lettering import caption, font, shorten
from data_engine.workspace import write_atomically

SHOWN_FROM_DEG = (20.0, 270.0)
"""Elevation and azimuth a thumbnail is seen from, as nearly as the anchors allow: the front of a
glTF model (+Z there, -y here) with a hint of its top."""
TILE_PX, CAPTION_PX, FONT_PX = 160, 40, 12
SHEET_VIEWS, HEAD_PX = 8, 64
PAGE_RELICS, PAGE_COLUMNS = 100, 10
_PAPER, _INK, _GREY = (255, 255, 255), (32, 32, 32), (120, 120, 120)
_NEAR, _FAR = (247, 232, 205), (58, 42, 60)
"""Colours of the nearest and of the farthest depth."""
_LAYOUT = "sheets/1"
"""Raised when the same relic would give another picture."""

_log = logging.getLogger(__name__)


def shown_view(poses: PoseSet) -> str:
    """Name of the view that represents a relic."""
    wanted = orbit_pose(*SHOWN_FROM_DEG)[:3, 2]
    cosines = poses.world_from_cam[:, :3, 2] @ wanted
    anchors = np.array(poses.neighbour) < 0
    return poses.names[int(np.argmax(np.where(anchors, cosines, -np.inf)))]


def sheet_views(poses: PoseSet) -> list[str]:
    """Eight anchors, or as many as there are, spread over all of them."""
    anchors = [name for name, n in zip(poses.names, poses.neighbour, strict=True) if n < 0]
    steps = np.linspace(0, len(anchors) - 1, min(SHEET_VIEWS, len(anchors)))
    return [anchors[round(step)] for step in steps]


def write_thumbnail(path: pathlib.Path, source: pathlib.Path, view: str, relic: Relic) -> None:
    """The view that represents a relic, over white."""

    def draw() -> Image.Image:
        return _over_paper(source / views.image_name(view))

    _write_once(path, _key(relic, source, view), draw)


def write_sheet(
    path: pathlib.Path, source: pathlib.Path, names: Sequence[str], relic: Relic
) -> None:
    """Title and licence, a row of anchors, a row of their depth."""
    _write_once(path, _key(relic, source, *names), lambda: relic_sheet(source, names, relic))


def relic_sheet(source: pathlib.Path, names: Sequence[str], relic: Relic) -> Image.Image:
    """The contact sheet of one relic."""
    sheet = Image.new("RGB", (len(names) * TILE_PX, HEAD_PX + 2 * TILE_PX), _PAPER)
    draw, width = ImageDraw.Draw(sheet), len(names) * TILE_PX - 16
    title, small = font(20, "DejaVuSerif.ttf"), font(FONT_PX)
    draw.text((8, 8), shorten(caption(relic, title), title, width), fill=_INK, font=title)
    facts = (relic.category, relic.license_spdx, relic.author_name, relic.uid)
    line = " · ".join(_printable(words) for words in facts if words)
    draw.text((8, 38), shorten(line, small, width), fill=_GREY, font=small)
    depths = [_read_depth(source / views.depth_name(name)) for name in names]
    seen = np.concatenate([depth[depth > 0] for depth in depths])
    near, far = (seen.min(), seen.max()) if seen.size else (0.0, 1.0)
    for column, (name, depth) in enumerate(zip(names, depths, strict=True)):
        place = column * TILE_PX, HEAD_PX
        sheet.paste(_tile(_over_paper(source / views.image_name(name))), place)
        shaded = Image.fromarray(shade_depth(depth, near, far))
        # A depth between surface and background would be of neither.
        shown = shaded.resize((TILE_PX, TILE_PX), Image.Resampling.NEAREST)
        sheet.paste(shown, (place[0], HEAD_PX + TILE_PX))
    return sheet


def shade_depth(depth: np.ndarray, near: float, far: float) -> np.ndarray:
    """Depth [h, w], 0 = background, as RGB [h, w, 3] uint8: near is light, nothing is white."""
    away = np.clip((depth - near) / max(far - near, 1e-9), 0, 1)[..., None]
    shaded = (1 - away) * np.float64(_NEAR) + away * np.float64(_FAR)
    return np.rint(np.where(depth[..., None] > 0, shaded, np.float64(_PAPER))).astype(np.uint8)


def contact_page_name(number: int) -> str:
    """File of the page that shows the relics number * 100 - 99 to number * 100."""
    return f"contact-sheet-{number:03}.jpg"


def write_contact_page(
    path: pathlib.Path, relics: Sequence[Relic], thumbnails: Sequence[pathlib.Path]
) -> None:
    """Draws the page unless it shows these thumbnails with these words already."""
    facts = [f"{relic.title}\0{relic.license_spdx}" for relic in relics]
    keys = [_stored_key(thumbnail) for thumbnail in thumbnails]
    key = hashlib.sha256("\0".join([_LAYOUT, *facts, *map(str, keys)]).encode()).hexdigest()
    _write_once(path, key, lambda: contact_page(relics, thumbnails))


def contact_page(relics: Sequence[Relic], thumbnails: Sequence[pathlib.Path]) -> Image.Image:
    """Thumbnails in rows, each with title and licence."""
    columns = min(PAGE_COLUMNS, len(relics))
    rows = -(-len(relics) // columns)
    page = Image.new("RGB", (columns * TILE_PX, rows * (TILE_PX + CAPTION_PX)), _PAPER)
    draw, face = ImageDraw.Draw(page), font(FONT_PX)
    labels = [caption(relic, face) for relic in relics]
    for index, (relic, path) in enumerate(zip(relics, thumbnails, strict=True)):
        x, y = index % columns * TILE_PX, index // columns * (TILE_PX + CAPTION_PX)
        with Image.open(path) as image:
            page.paste(_tile(image.convert("RGB")), (x, y))
        for line, text, ink in ((0, labels[index], _INK), (1, relic.license_spdx, _GREY)):
            place = (x + 4, y + TILE_PX + line * (FONT_PX + 4))
            draw.text(place, shorten(_printable(text), face, TILE_PX - 8), fill=ink, font=face)
    if unnamed := sum(label != relic.title for label, relic in zip(labels, relics, strict=True)):
        _log.warning("%d titles are not in the built-in font; shown in ASCII or by uid", unnamed)
    return page


def write_picture(path: pathlib.Path, image: Image.Image, key: str = "") -> None:
    """Writes PNG or JPEG by the ending of the name, with a key that tells what it shows."""
    buffer = io.BytesIO()
    if path.suffix == ".png":
        facts = PngImagePlugin.PngInfo()
        if key:
            facts.add_text("key", key)
        image.save(buffer, "PNG", pnginfo=facts)
    else:
        image.save(buffer, "JPEG", quality=88, comment=key.encode())
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, buffer.getvalue())


def _write_once(path: pathlib.Path, key: str, draw: Callable[[], Image.Image]) -> None:
    """Draws unless the file shows this already: a data set grows, its old pictures stay."""
    if _stored_key(path) != key:
        write_picture(path, draw(), key)


def _stored_key(path: pathlib.Path) -> str | None:
    try:
        with Image.open(path) as present:
            return present.info.get("key") or present.info.get("comment", b"").decode()
    except (OSError, ValueError):  # Missing, or not a picture
        return None


def _key(relic: Relic, source: pathlib.Path, *names: str) -> str:
    render_id = source.parent.parent.name
    words = (relic.glb_sha256, relic.title, relic.license_spdx, relic.category, relic.author_name)
    text = "\0".join([_LAYOUT, render_id, *words, *names])
    return hashlib.sha256(text.encode()).hexdigest()


def _printable(words: str) -> str:
    return caption(Relic(uid="?", title=words), font(FONT_PX))


def _over_paper(path: pathlib.Path) -> Image.Image:
    with Image.open(path) as image:
        paper = Image.new("RGBA", image.size, (*_PAPER, 255))
        return Image.alpha_composite(paper, image.convert("RGBA")).convert("RGB")


def _read_depth(path: pathlib.Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image, np.float64)


def _tile(image: Image.Image) -> Image.Image:
    return image.resize((TILE_PX, TILE_PX), Image.Resampling.LANCZOS)
