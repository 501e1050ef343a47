"""What files say of a model's title, maker and licence: the model itself, and notices beside it.

    asset.extras, asset.copyright   of a GLB or glTF; Sketchfab writes the former
    license.txt                     as in Sketchfab's downloads, or a text that begins with one
    info.json, metadata.json        title, author, license, source, by these names or near ones
    README                          lines such as `License: CC BY 4.0`, or the address of one deed

Of several licences that are stated the strictest holds; of other words the first in the order of
`PLACES`. A `manifest.json` stands above all of them. Everything here is bounded and forgiving: a
notice that cannot be understood says nothing.
"""

import dataclasses
import pathlib
import re
import struct
from collections.abc import Iterable, Mapping
from typing import Any

from data_engine.errors import Refusal
from data_engine.gltf.container import MAX_JSON_BYTES, parse_json
from data_engine.rights.license_words import addressed_spdx, known_spdx
from data_engine.rights.licenses import strictness

MAX_NOTICE_BYTES = 64 << 10
"""How much of a notice is read."""
MAX_INFO_BYTES = 1 << 20
"""Largest info.json that is read."""

_EXTRAS, _COPYRIGHT = "asset.extras", "asset.copyright"
PLACES = ("info.json", "metadata.json", "license", _EXTRAS, "readme", _COPYRIGHT)
"""Where words are looked for, the weightier first; notices by the beginning of their name."""
_KEYS = {
    "title": ("title", "name", "model name", "object name"),
    "author": ("author", "creator", "artist", "made by", "scanned by", "maker", "user"),
    "license": ("license", "licence", "license type", "licence type", "rights", "license_label"),
    "source": ("source", "url", "link", "page", "vieweruri", "viewerurl", "source url"),
}
"""Names under which a notice may have each of the four."""
_FIELD_OF = {key: field for field, keys in _KEYS.items() for key in keys}
_LINE = re.compile(r"[\s*#>•-]*(?P<key>[A-Za-z_ ]{3,20}?)\**\s*[:=]\s*\**\s*(?P<value>\S.*?)[\s*]*")
_WRAPPERS = (
    "source",
    "model",
    "models",
    "mesh",
    "meshes",
    "scene",
    "obj",
    "ply",
    "stl",
    "gltf",
    "glb",
)
"""Folders that hold the model while what is said about it lies one above."""
_NOTICE = re.compile(r"(?i)(?:licen[cs]e|readme)[\w.-]*|(?:info|metadata)\.json")
_NO_NOTICE = (".html", ".htm", ".pdf", ".png", ".jpg", ".rtf", ".docx", ".doc", ".odt")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stated:
    """Words as they stand there, not yet cleaned; empty where nothing is said."""

    title: str = ""
    author: str = ""
    license: str = ""
    source: str = ""
    evidence: str = ""
    """Where the licence was read, for people."""


NOTHING = Stated()


def is_notice(name: str) -> bool:
    """Whether a file of this name may say who made a model, and under which licence."""
    return bool(_NOTICE.fullmatch(name)) and not name.lower().endswith(_NO_NOTICE)


def folders_of(file: str) -> list[str]:
    """Folders whose notices speak of a model: its own, and the one above where it is wrapped."""
    folder = pathlib.PurePosixPath(file).parent
    folders = [folder.as_posix()]
    if folder.name.lower() in _WRAPPERS:
        folders.append(folder.parent.as_posix())
    return folders


def stated(
    model: pathlib.Path, notices: Iterable[tuple[str, pathlib.Path]], *, alone: bool
) -> Stated:
    """What a model and the notices beside it say, joined.

    Args:
        model: The model's file; its JSON is looked at where it has one.
        notices: Names and files of the notices that speak of it.
        alone: Whether no other model lies there, so that a title beside is this one's.
    """
    said = [*_of_model(model)]
    for name, path in notices:
        words = _of_notice(name, path)
        said.append((name, words if alone else {k: v for k, v in words.items() if k != "title"}))
    said.sort(key=lambda place: (_weight(place[0]), place[0]))
    license_, evidence = _license(said)
    first = {
        field: next((words[field] for _, words in said if words.get(field)), "")
        for field in ("title", "author", "source")
    }
    return Stated(**first, license=license_, evidence=evidence)


def _weight(name: str) -> int:
    return next(i for i, place in enumerate(PLACES) if _plain(name).startswith(place))


def _plain(name: str) -> str:
    return name.lower().replace("licence", "license")


def _license(said: list[tuple[str, dict[str, str]]]) -> tuple[str, str]:
    """The strictest licence that is clearly stated, and where; else the first words about one."""
    claims = [(name, words["license"]) for name, words in said if words.get("license")]
    clear = [(name, spdx) for name, words in claims if (spdx := known_spdx(words))]
    if not clear:
        return (claims[0][1], claims[0][0]) if claims else ("", "")
    name, spdx = max(clear, key=lambda claim: strictness(claim[1]))  # The first of equal ones.
    words = dict(claims)[name]
    freer = [f"{other} ({its})" for other, its in clear if strictness(its) < strictness(spdx)]
    return words, f"{name}, stricter than {', '.join(freer)}" if freer else name


def _of_model(path: pathlib.Path) -> list[tuple[str, dict[str, str]]]:
    """What the `asset` of a GLB or glTF says."""
    asset = _asset(path)
    extras = asset.get("extras")
    found = [(_EXTRAS, _fields(extras))] if isinstance(extras, dict) else []
    if isinstance(words := asset.get("copyright"), str):
        found.append((_COPYRIGHT, _copyright(words[:MAX_NOTICE_BYTES])))
    return found


def _asset(path: pathlib.Path) -> dict[str, Any]:
    """`asset` of a GLB or glTF, whose JSON is read strictly; empty if there is none."""
    try:
        with path.open("rb") as file:
            head = file.read(20)
            if head[:4] == b"glTF" and len(head) == 20:
                length = struct.unpack("<I", head[12:16])[0]
            elif head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{":
                file.seek(0)
                length = MAX_JSON_BYTES + 1
            else:
                return {}
            if length > MAX_JSON_BYTES + 1:
                return {}
            asset = parse_json(file.read(length)).get("asset")
    except (Refusal, OSError):
        return {}
    return asset if isinstance(asset, dict) else {}


def _copyright(words: str) -> dict[str, str]:
    """`2021 (c) A. Potter, CC BY 4.0`: the part that names a licence, and the maker."""
    if known_spdx(words):
        return {"license": words}
    parts = [part.strip() for part in re.split(r"[,;|]| - ", words)]
    licenses = [part for part in parts if known_spdx(part)]
    rest = " ".join(part for part in parts if part and part not in licenses)
    maker = re.sub(r"(?i)©|\(c\)|\bcopyright\b|\b(?:19|20)\d\d\b(?:\s*-\s*\d{4})?", " ", rest)
    maker = " ".join(maker.split()).strip(" .-")
    return {"license": licenses[0] if len(licenses) == 1 else "", "author": maker[:200]}


def _of_notice(name: str, path: pathlib.Path) -> dict[str, str]:
    try:
        if name.lower().endswith(".json"):
            return _of_json(path)
        with path.open("rb") as file:
            data = file.read(MAX_NOTICE_BYTES)
    except OSError:
        return {}
    return _of_text(_decoded(data), begins_with_license=_plain(name).startswith("license"))


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _of_json(path: pathlib.Path) -> dict[str, str]:
    if path.stat().st_size > MAX_INFO_BYTES:
        return {}
    try:
        return _fields(parse_json(path.read_bytes().removeprefix(b"\xef\xbb\xbf")))
    except Refusal:
        return {}


def _of_text(text: str, *, begins_with_license: bool) -> dict[str, str]:
    """Lines `key: value`; else the first line of a licence, or the one address of a deed."""
    pairs: dict[str, str] = {}
    lines = [line[:500] for line in text.splitlines() if line.strip()]
    for line in lines:
        if (match := _LINE.fullmatch(line)) and match["key"].strip().lower() in _FIELD_OF:
            pairs.setdefault(match["key"].strip().lower(), match["value"])
    words = _fields(pairs)
    if not words.get("license") and begins_with_license and lines and known_spdx(lines[0]):
        words["license"] = lines[0].strip()
    if not words.get("license") and (spdx := addressed_spdx(text)):
        words["license"] = spdx
    return words


def _fields(entry: Mapping[str, Any]) -> dict[str, str]:
    """The four fields out of an object, whatever of `_KEYS` it calls them."""
    lower = {str(key).lower().replace("_", " "): value for key, value in entry.items()}
    found = {}
    for field, keys in _KEYS.items():
        words = (
            _words(lower[key.replace("_", " ")]) for key in keys if key.replace("_", " ") in lower
        )
        found[field] = next(filter(None, words), "")
    return found


def _words(value: Any) -> str:
    """A string, or what an object such as `{"name": ..., "url": ...}` calls itself."""
    if isinstance(value, str):
        return value.strip()[:10_000]
    if not isinstance(value, dict):
        return ""
    names = ("spdx", "name", "displayName", "label", "title", "username", "slug")
    name = next((value[key] for key in names if isinstance(value.get(key), str)), "")
    address = next(
        (value[key] for key in ("url", "profileUrl") if isinstance(value.get(key), str)), ""
    )
    return f"{name} ({address})" if name and address else name or address
