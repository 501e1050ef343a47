"""The optional `manifest.json` beside meshes: titles, licences and authors, from strangers.

    {"objects": [{"file": "vase.glb", "name": ..., "description": ..., "description_lang": ...,
                  "category": ..., "license": ..., "license_evidence": ..., "author": ...,
                  "source": {"origin": ..., "repo": ...}, "up_axis": "Y", "sha256": ...}]}

Every key but `file` is optional and unknown keys are ignored; `title`, `licence`, `creator` and
`url` are understood for `name`, `license`, `author` and `source`. What it says stands above what
the files themselves say (`statements`).
"""

import json
import pathlib
import re
import unicodedata
from typing import Any

from data_engine.errors import UserError
from data_engine.ingest.statements import NOTHING, Stated
from data_engine.ingest.suffixes import MANIFEST
from data_engine.rights.license_words import known_spdx
from data_engine.rights.licenses import credit_line, deed_url, spdx_of, strictness
from jaxrelic.data.schema import CATEGORIES

MAX_MANIFEST_BYTES = 64 << 20
MAX_LINE, MAX_TEXT = 500, 10_000
"""Characters kept of a one-line field and of a description."""

CATEGORY_OF = {
    **{name: name for name in CATEGORIES},
    "sculpture": "figure",
    "statue": "figure",
    "figurine": "figure",
    "relief": "tablet",
    "monument": "tablet",
    "stele": "tablet",
    "inscription": "tablet",
    "jewellery": "ornament",
    "instrument": "tool",
    "device": "tool",
    "armour": "weapon",
    "vase": "vessel",
    "pot": "vessel",
    "bowl": "vessel",
}
"""Free words of a manifest to the categories of a shard; any other word is `other`."""

_SAME = {"title": "name", "licence": "license", "creator": "author", "url": "source"}
"""Keys that people write for those of the format."""
_AUTHOR = re.compile(r"(?P<name>.*\S)\s*\((?P<url>https?://[^\s()<>\"'\\]+)\)")
_STEERING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Marks that turn the direction of the text after them; right-to-left scripts do without."""
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")


def read_manifest(path: pathlib.Path) -> dict[str, dict[str, Any]]:
    """Entries of a manifest by the file they describe, relative to the manifest's folder.

    Raises:
        UserError: It is not JSON, so that a slip of the pen does not cost every licence.
        LookupError: It is JSON of another kind, which may lie there rightly.
    """
    if path.stat().st_size > MAX_MANIFEST_BYTES:
        raise UserError(f"{path} is larger than {MAX_MANIFEST_BYTES} bytes; split or remove it")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not JSON ({error}); correct or remove it") from error
    objects = content.get("objects") if isinstance(content, dict) else None
    if not isinstance(objects, list):
        raise LookupError(f'{path} has no list "objects"; it is left alone')
    return {
        entry["file"]: entry
        for entry in objects
        if isinstance(entry, dict) and isinstance(entry.get("file"), str)
    }


def describe(entry: dict[str, Any], file_name: str, stated: Stated = NOTHING) -> dict[str, Any]:
    """Catalog fields of a file.

    Args:
        entry: The manifest's, possibly empty.
        file_name: Its title if nobody gives it one.
        stated: What the file and the notices beside it say; counts where the manifest is silent.
    """
    entry = {_SAME.get(key, key): value for key, value in entry.items()} | entry
    title = _first(entry.get("name"), stated.title, file_name)
    author, author_url = _author(_first(entry.get("author"), stated.author))
    said = clean(entry.get("license"), MAX_LINE)
    label = _first(said, stated.license) or "unknown"
    evidence = _first(entry.get("license_evidence"), (said and MANIFEST) or stated.evidence)
    spdx = spdx_of(label)
    url = _source_url(entry.get("source")) or _source_url(stated.source)
    language = clean(entry.get("description_lang"), MAX_LINE)
    return {
        "source_id": clean(entry.get("id"), MAX_LINE) or clean(file_name, MAX_LINE),
        "source_url": url,
        "title": title,
        "description": clean(entry.get("description"), MAX_TEXT, lines=True),
        "language": language if _LANGUAGE.fullmatch(language) else "",
        "category": CATEGORY_OF.get(clean(entry.get("category"), MAX_LINE).lower(), "other"),
        "license_spdx": spdx,
        "license_label": label,
        "license_url": deed_url(spdx),
        "license_evidence": evidence,
        "author_name": author,
        "author_url": author_url,
        "attribution": credit_line(title=title, author=author, url=url, spdx=spdx),
    }


def stricter_than_said(entry: dict[str, Any], stated: Stated) -> str:
    """A word about a file whose own licence is stricter than its manifest's; else empty."""
    said = clean(entry.get("license", entry.get("licence")), MAX_LINE)
    if not (said and (own := known_spdx(stated.license))):
        return ""
    if strictness(own) <= strictness(spdx_of(said)):
        return ""
    return f"{MANIFEST} says {spdx_of(said)}, but {stated.evidence} says {own}; the manifest counts"


def _first(*values: Any) -> str:
    """The first that is a string with something in it, cleaned; empty if there is none."""
    return next(filter(None, (clean(value, MAX_LINE) for value in values)), "")


def clean(value: Any, limit: int, *, lines: bool = False) -> str:
    """A string as plain text: no control or turning marks, no half characters, bounded length.

    Markup and quotes stay, as text; whoever shows them must escape them.
    """
    if not isinstance(value, str):
        return ""
    whole = value.encode("utf-8", "replace").decode("utf-8")
    kept = "\n\t" if lines else ""
    text = "".join(
        " " if _is_control(letter) and letter not in kept else letter
        for letter in whole[: 2 * limit]
    ).strip()
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _is_control(letter: str) -> bool:
    return unicodedata.category(letter) == "Cc" or letter in _STEERING


def _author(words: str) -> tuple[str, str]:
    """Splits `Name (https://...)`."""
    match = _AUTHOR.fullmatch(words)
    return (match["name"], match["url"]) if match else (words, "")


def _source_url(source: Any) -> str:
    """The page a person would visit: http(s) only, so that no report links anywhere else."""
    if isinstance(source, str):
        source = {"url": source}
    if not isinstance(source, dict):
        return ""
    for name in ("origin", "url", "repo"):
        url = clean(source.get(name), MAX_LINE)
        if re.fullmatch(r"(?:[\w-]+\.)+[a-z]{2,}/\S+", url):
            url = f"https://{url}"
        if re.fullmatch(r"https?://[^\s<>\"'\\]+", url):
            return url
    return ""
