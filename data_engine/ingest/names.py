"""Names of files as strangers write them: in any encoding, any case, any order of accents."""

import os
import re
import unicodedata
import urllib.parse

_PAIRS = re.compile(rb"(?:[\x00-\x7f]|[\xa1-\xfe][\xa1-\xfe])*")
_DRIVE_OR_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


def key(name: str) -> str:
    """Equal for names that differ only in upper and lower case, or in how accents are composed."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def decode(raw: bytes) -> str:
    """The likeliest reading of a name: UTF-8, else GBK where it looks like it, else Latin-1."""
    return spellings(raw)[0]


def spellings(raw: bytes) -> list[str]:
    """The readings of a name that are possible, the likeliest first.

    A name in GB 2312 is pairs of bytes above 0xA0; one in Latin-1 may be, too. So whoever looks
    for a file tries them all.
    """
    try:
        return [raw.decode("utf-8")]
    except UnicodeDecodeError:
        pass
    found = []
    order = ("gbk", "cp1252") if _PAIRS.fullmatch(raw) else ("cp1252", "gbk")
    for encoding in (*order, "latin-1"):
        try:
            found.append(raw.decode(encoding))
        except UnicodeDecodeError:
            continue
    return list(dict.fromkeys(found))


def on_disk(name: str) -> list[str]:
    """The readings of a name that the file system gave: one only, unless it is no UTF-8."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return spellings(os.fsencode(name))
    return [name]


def in_archive(raw_names: list[bytes]) -> list[str]:
    """Names of a ZIP archive that gives no encoding: UTF-8, GBK, or the code page of the ZIP.

    They come from one computer, so one encoding has to do for all.
    """
    for encoding, fits in (("utf-8", True), ("gbk", all(map(_PAIRS.fullmatch, raw_names)))):
        if not fits:
            continue
        try:
            return [raw.decode(encoding) for raw in raw_names]
        except UnicodeDecodeError:
            continue
    return [raw.decode("cp437") for raw in raw_names]


def parts_of(name: str) -> tuple[str, ...] | None:
    """The parts of a relative path with either slash; None if it is absolute or foreign."""
    plain = name.replace("\\", "/")
    if plain.startswith("/") or _DRIVE_OR_SCHEME.match(plain) or "\0" in plain:
        return None
    return tuple(part for part in plain.split("/") if part not in ("", "."))


def base_name(name: str) -> str:
    """The last part of a path of any system."""
    return name.replace("\\", "/").rstrip("/").rpartition("/")[2]


def percent_decoded(uri: str) -> str:
    """The path that a relative URI means (RFC 3986, 2.1)."""
    return urllib.parse.unquote(uri)
