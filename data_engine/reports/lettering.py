"""Lines of text in pictures: a font that comes with the program, and what it cannot draw."""

import functools
import pathlib
import unicodedata

import matplotlib
from PIL import ImageFont

from data_engine.catalog.schema import Relic
from data_engine.text.escaping import one_line

_MISSING = "\U0010ffff"
"""A code point no font has: its picture is the font's box for missing glyphs."""


def font_path(name: str = "DejaVuSans.ttf") -> str:
    """A font of Matplotlib's: Latin, Greek, Cyrillic, Arabic, Hebrew and more, but not Chinese."""
    return str(pathlib.Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name)


@functools.cache
def font(size_px: int, name: str = "DejaVuSans.ttf") -> ImageFont.FreeTypeFont:
    """The font at a size, laid out the same way whatever is installed."""
    return ImageFont.truetype(font_path(name), size_px, layout_engine=ImageFont.Layout.BASIC)


def caption(relic: Relic, face: ImageFont.FreeTypeFont) -> str:
    """The title if the font can draw it, else its ASCII letters, else the start of the uid."""
    title = one_line(relic.title)
    if title and drawable(title, face):
        return title
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().strip()
    return plain if any(letter.isalnum() for letter in plain) else relic.uid[:8]


def drawable(text: str, face: ImageFont.FreeTypeFont) -> bool:
    """Whether the font has a picture for every character."""
    missing = bytes(face.getmask(_MISSING))
    return all(letter.isspace() or bytes(face.getmask(letter)) != missing for letter in set(text))


def shorten(text: str, face: ImageFont.FreeTypeFont, width_px: int) -> str:
    """Cuts a line so that it fits, with an ellipsis."""
    if face.getlength(text) <= width_px:
        return text
    while text and face.getlength(text + "...") > width_px:
        text = text[:-1]
    return text + "..."
