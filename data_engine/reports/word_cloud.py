"""Word cloud of the English captions, as in figure 3 of the M-SRN paper."""

import collections
import hashlib
import random
import re
from collections.abc import Iterable

from PIL import Image

from data_engine.catalog.schema import Relic
from data_engine.reports.lettering import font_path

SEED = 0
SIZE_PX = (1400, 620)
MAX_WORDS = 150
INKS = ("#26221d", "#9a3b26", "#6b5a3a", "#2f5d62", "#8a6d3b", "#4b3f52")
ABOUT_THE_FILE = frozenset({
    "asset", "decimated", "faces", "lower", "mesh", "model", "models", "object", "opengameart",
    "original", "pbr", "polycam", "polygons", "raw", "remeshed", "resolution", "scan", "scanned",
    "sketchfab", "texture", "textures", "thingiverse", "version", "vertices", "via",
})  # fmt: skip
"""Words that describe a file and not the thing it shows."""
_WORD = re.compile(r"[^\W\d_]{3,}")


def count_words(relics: Iterable[Relic]) -> dict[str, int]:
    """How many relics use each word, without stop words; the most frequent first."""
    from wordcloud import STOPWORDS  # Takes half a second to import

    counts: collections.Counter[str] = collections.Counter()
    for relic in relics:
        words = {word.lower() for word in _WORD.findall(english(relic))}
        counts.update(words - STOPWORDS - ABOUT_THE_FILE)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def english(relic: Relic) -> str:
    """The English caption; without one the published words, if they are in English."""
    if relic.caption_en:
        return relic.caption_en
    if relic.language.split("-")[0].lower() == "en":
        return relic.description or relic.title
    return getattr(relic, "title_en", "")


def word_cloud(counts: dict[str, int]) -> Image.Image | None:
    """The picture; None without words. The same counts give the same layout."""
    from wordcloud import WordCloud

    if not counts:
        return None
    cloud = WordCloud(
        font_path=font_path("DejaVuSerif.ttf"),
        width=SIZE_PX[0],
        height=SIZE_PX[1],
        max_words=MAX_WORDS,
        background_color="white",
        prefer_horizontal=1.0,
        min_font_size=12,
        max_font_size=130,
        margin=6,
        relative_scaling=0.4,
        random_state=random.Random(SEED),
        color_func=lambda word, **_: INKS[hashlib.sha256(word.encode()).digest()[0] % len(INKS)],
    )
    return cloud.generate_from_frequencies(counts).to_image()
