"""The optional `manifest.json` beside meshes: titles, licences and authors, from strangers.

    {"objects": [{"file": "vase.glb", "name": ..., "description": ..., "description_lang": ...,
                  "category": ..., "license": ..., "license_evidence": ..., "author": ...,
                  "source": {"origin": ..., "repo": ...}, "up_axis": "Y", "sha256": ...}]}

Every key but `file` is optional and unknown keys are ignored.
"""

import json
import pathlib
import re
import unicodedata
from typing import Any

from data_engine.errors import UserError
from data_engine.rights.licenses import credit_line, deed_url, spdx_of
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


def describe(entry: dict[str, Any], file_name: str) -> dict[str, Any]:
    """Catalog fields that an entry (possibly empty) gives the file it describes."""
    title = clean(entry.get("name"), MAX_LINE) or clean(file_name, MAX_LINE)
    author, author_url = _author(clean(entry.get("author"), MAX_LINE))
    label = clean(entry.get("license"), MAX_LINE) or "unknown"
    spdx = spdx_of(label)
    url = _source_url(entry.get("source"))
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
        "license_evidence": clean(entry.get("license_evidence"), MAX_LINE),
        "author_name": author,
        "author_url": author_url,
        "attribution": credit_line(title=title, author=author, url=url, spdx=spdx),
    }


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
    if not isinstance(source, dict):
        return ""
    for name in ("origin", "url", "repo"):
        url = clean(source.get(name), MAX_LINE)
        if re.fullmatch(r"(?:[\w-]+\.)+[a-z]{2,}/\S+", url):
            url = f"https://{url}"
        if re.fullmatch(r"https?://[^\s<>\"'\\]+", url):
            return url
    return ""
