"""The catalog as JSON Lines: one relic per line, sorted by uid, nothing lost, merged with care."""

import dataclasses
import json
import pathlib
import re
import typing
import unicodedata
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from data_engine.catalog.catalog import Catalog
from data_engine.catalog.schema import COLUMNS, STATES, VERDICT_COLUMNS, Names, Relic, Triple
from data_engine.catalog.tombstones import find_tombstone
from data_engine.errors import UserError
from data_engine.ingest.manifest import CATEGORIES, MAX_LINE, MAX_TEXT, clean
from data_engine.workspace import write_atomically

STAGE = "import"
MAX_IMPORT_BYTES = 256 << 20
MAX_CHARACTERS = 2 * MAX_TEXT
"""Characters of one field."""

_DEFAULTS = {f.name: f.default for f in dataclasses.fields(Relic) if f.name != "uid"}
_TYPES = typing.get_type_hints(Relic)
_CHOICES = {
    "state": STATES,
    "category": CATEGORIES,
    "up_axis": ("Y", "Z"),
    "split": ("", "train", "val", "test"),
    "dup_kind": ("", "exact", "geometry", "appearance", "human"),
    "verdict": ("", "keep", "drop", "unclear"),
    "source": ("local", "smithsonian", "sketchfab", "polycam"),
}
_HOSTS = {"sketchfab.com": "sketchfab", "si.edu": "smithsonian", "poly.cam": "polycam"}
_WHEN = ("retrieved_at", "license_date")
"""When this catalog saw it: no catalog knows it better for another."""
_SEPARATORS = re.compile(r"[\s,\[\]\ufeff]*")
_UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_UIDS = ("dup_of", "cluster", "license_contested_by")
_DIGEST = re.compile(r"([0-9a-f]{64})?")
_HASH = re.compile(r"([0-9a-f]{64})*")
_RENDER_ID = re.compile(r"([0-9a-f]{12})?")
_LINK = re.compile(r"(https?://[^\s<>\"'\\]+)?")


class BadRecordError(Exception):
    """A record that cannot enter the catalog, and why."""


@dataclasses.dataclass(kw_only=True)
class ImportReport:
    """What became of a file."""

    added: int = 0
    updated: int = 0
    same: int = 0
    bad: list[str] = dataclasses.field(default_factory=list)
    """One line per record that was refused: where it is, and why."""
    conflicts: list[str] = dataclasses.field(default_factory=list)
    """One line per field in which catalog and file differ."""


def export_jsonl(catalog: Catalog, path: pathlib.Path) -> int:
    """Writes every relic, sorted by uid; the same catalog gives the same bytes."""
    relics = catalog.relics()
    lines = [
        json.dumps(dataclasses.asdict(relic), ensure_ascii=False, sort_keys=True) + "\n"
        for relic in relics
    ]
    write_atomically(path, "".join(lines).encode())
    return len(relics)


def import_jsonl(catalog: Catalog, path: pathlib.Path, *, theirs: bool) -> ImportReport:
    """Merges a file into the catalog, all of its sound records in one transaction; idempotent.

    A field that one side does not know is taken from the other; where both know better, the
    catalog's value stays unless `theirs`, and the difference is reported.
    """
    report = ImportReport()
    with catalog.transaction():
        for where, value in read_records(path):
            try:
                if isinstance(value, BadRecordError):
                    raise value
                _merge(catalog, check_record(value), theirs, report)
            except BadRecordError as error:
                report.bad.append(f"{path.name}, {where}: {error}")
    return report


def read_records(path: pathlib.Path) -> Iterator[tuple[str, Any]]:
    """(place, value) of every JSON value in a file; a `BadRecordError` for what is none.

    Reads JSON Lines, arrays, and objects that merely follow one another, with or without commas.
    After a broken value it goes on at the next line that starts with a brace.
    """
    if path.stat().st_size > MAX_IMPORT_BYTES:
        raise UserError(f"{path} is larger than {MAX_IMPORT_BYTES} bytes; split it")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 ({error}); convert it") from error
    decoder = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_no_constant)
    place, line, counted = _SEPARATORS.match(text).end(), 1, 0
    while place < len(text):
        line, counted = line + text.count("\n", counted, place), place
        try:
            value, place = decoder.raw_decode(text, place)
        except (ValueError, RecursionError) as error:
            words = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
            value = BadRecordError(f"it is not JSON: {words}")
            resume = re.compile(r"^[ \t]*(?=\{)", re.MULTILINE).search(text, place + 1)
            place = resume.end() if resume else len(text)
        yield f"line {line}", value
        place = _SEPARATORS.match(text, place).end()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(found := dict(pairs)) != len(pairs):
        raise ValueError("an object names a key twice")
    return found


def _no_constant(word: str) -> None:
    raise ValueError(f"{word} is not a number")


def check_record(value: Any) -> dict[str, Any]:
    """A record with the types, choices and bounds of the catalog."""
    if not isinstance(value, dict):
        raise BadRecordError(f"it is {type(value).__name__}, not an object")
    if "download_link" in value or "model name" in value:
        value = _from_builder(value)
    if unknown := sorted(value.keys() - set(COLUMNS)):
        raise BadRecordError(f"no field is named {_short(unknown[0])}")
    if not isinstance(value.get("uid"), str) or not _UID.fullmatch(value["uid"]):
        raise BadRecordError(f"uid is {_short(value.get('uid'))}, not a UUID in lower case")
    return {name: _checked_field(name, field) for name, field in value.items()}


def _checked_field(name: str, value: Any) -> Any:
    kind = _TYPES[name]
    if kind is str:
        return _checked_text(name, value)
    if value is None:
        return None
    if kind == Triple | None:
        if isinstance(value, list) and len(value) == 3 and all(map(_is_number, value)):
            return tuple(float(component) for component in value)
    elif kind == Names | None:
        if isinstance(value, list) and len(value) <= 256:
            return tuple(_checked_text(name, entry) for entry in value)
    elif kind == bool | None:
        if isinstance(value, bool):
            return value
    elif kind == int | None:
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 63:
            return value
    elif _is_number(value):
        return float(value)
    raise BadRecordError(f"{name} is {_short(value)}, not {kind}".replace(" | None", ""))


def _checked_text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise BadRecordError(f"{name} is {_short(value)}, not text")
    if name in _CHOICES and value not in _CHOICES[name]:
        raise BadRecordError(f"{name} is {_short(value)}, not one of {', '.join(_CHOICES[name])}")
    if name.endswith("_sha256") and not _DIGEST.fullmatch(value):
        raise BadRecordError(f"{name} is {_short(value)}, not a digest")
    if name == "appearance_hash" and not _HASH.fullmatch(value):
        raise BadRecordError(f"{name} is {_short(value)}, not the hash of some views")
    if name == "render_id" and not _RENDER_ID.fullmatch(value):
        raise BadRecordError(f"{name} is {_short(value)}, not twelve hexadecimal digits")
    if name.endswith("_url") and not _LINK.fullmatch(value):
        raise BadRecordError(f"{name} is {_short(value)}, not an http(s) address")
    if name in _UIDS and value and not _UID.fullmatch(value):
        raise BadRecordError(f"{name} is {_short(value)}, not a uid")
    if len(value) > MAX_CHARACTERS:
        raise BadRecordError(f"{name} has {len(value)} characters; at most {MAX_CHARACTERS}")
    odd = next(
        (c for c in value if unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t"), ""
    )
    if odd:
        raise BadRecordError(f"{name} holds the control character U+{ord(odd):04X}")
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300


def _short(value: Any) -> str:
    return ascii(value)[:60]


def _from_builder(value: Mapping[str, Any]) -> dict[str, Any]:
    """A record of the original builder's lists; `pic_path` is a path on its author's machine."""
    known = {"model name", "description", "download_link", "uid", "pic_path"}
    if unknown := sorted(value.keys() - known):
        raise BadRecordError(f"no field of the builder is named {_short(unknown[0])}")
    page = clean(value.get("download_link"), MAX_LINE).removesuffix("#download")
    if not page or not _LINK.fullmatch(page):
        raise BadRecordError(f"download_link is {_short(page)}, not an http(s) address")
    host = re.sub(r"^https?://([^/]*@)?([^/:?#]*).*$", r"\2", page)
    sources = [
        source for name, source in _HOSTS.items() if host == name or host.endswith(f".{name}")
    ]
    return {
        "uid": str(uuid.uuid5(uuid.NAMESPACE_URL, page)),
        "legacy_uid": clean(value.get("uid"), MAX_LINE),
        "source": sources[0] if sources else "local",
        "source_url": page,
        "title": clean(value.get("model name"), MAX_LINE),
        "description": clean(value.get("description"), MAX_TEXT, lines=True),
    }


def _merge(catalog: Catalog, record: dict[str, Any], theirs: bool, report: ImportReport) -> None:
    uid = record["uid"]
    marks = {name: record.get(name, "") for name in ("source_url", "source_sha256", "glb_sha256")}
    if stone := find_tombstone(catalog, uid=uid, **marks):
        raise BadRecordError(f"{uid} was {stone.words()}")
    if uid not in catalog:
        catalog.insert(record, STAGE)
        report.added += 1
        return
    ours, news = catalog.get(uid), {}
    there = record.get("state", ours.state)
    torn = there != ours.state and _DEFAULTS["state"] not in (there, ours.state)
    if torn and theirs:  # A reason belongs to the state it was given with.
        news = {name: record.get(name, _DEFAULTS[name]) for name in VERDICT_COLUMNS}
    for name, value in record.items():
        here = getattr(ours, name)
        if value == here or value == _DEFAULTS.get(name) or name in _WHEN:
            continue
        if torn and name in VERDICT_COLUMNS and name != "state":
            continue
        if here != _DEFAULTS.get(name):
            report.conflicts.append(f"{uid} {name}: here {_short(here)}, there {_short(value)}")
            if not theirs:
                continue
        news[name] = value
    if news:
        catalog.change(uid, STAGE, "merged", **news)
    report.updated += bool(news)
    report.same += not news
