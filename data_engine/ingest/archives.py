"""ZIP archives of meshes: each entry is judged before a byte is inflated, each byte is counted.

Nothing is extracted under its own name: members are written as numbers, with an index beside them,
so no name of a stranger becomes a path. Runs in a limited child process.
"""

import functools
import hashlib
import json
import os
import pathlib
import re
import stat
import struct
import unicodedata
import zipfile
import zlib
from typing import Any

from data_engine.errors import Refusal
from data_engine.gltf.container import MAX_FILE_BYTES
from data_engine.gltf.pack import Neighbours, same_but_for_case
from data_engine.ingest.companions import Companions, Listing, Path, by_key
from data_engine.ingest.names import in_archive
from data_engine.ingest.statements import is_notice
from data_engine.ingest.suffixes import ARCHIVES, MANIFEST, PICTURES, SUFFIXES

MAX_MEMBERS = 4096
MAX_MEMBER_BYTES = MAX_FILE_BYTES
MAX_TOTAL_BYTES = 4 << 30
MAX_RATIO = 100
"""Inflated over compressed bytes of a member."""
FREE_BYTES = 1 << 20
"""Up to this size a member may have any ratio: it does no harm."""
MAX_PICTURE_BYTES = 257 << 20
"""So is a picture up to this size: 8192 x 8192 pixels of four bytes, with a header."""
MAX_NAME = 500
"""Bytes of a member's name."""
MAX_TOLD = 100
"""Members named in an answer, which is one line of bounded length."""

_INDEX = "index.json"
_CHUNK = 1 << 20
_UTF8 = 0x800
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_KEPT = (*SUFFIXES, *PICTURES, ".bin", ".mtl")
_DRIVE = re.compile(r"[A-Za-z]:")
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    RuntimeError,
    NotImplementedError,
    ValueError,
)
"""What `zipfile` raises on archives that are not as they say."""


class Members(Neighbours):
    """The files a glTF inside an archive may refer to: members beside it and below."""

    def __init__(self, folder: str | os.PathLike, member: str):
        """Takes the folder of an unpacked archive and the model's own name in it."""
        super().__init__(folder)
        self._numbers = {name: number for number, (name, _) in enumerate(read_index(folder))}
        self._beside = pathlib.PurePosixPath(member).parent

    def _find(self, name: str) -> pathlib.Path | None:
        path = (self._beside / name).as_posix()
        number = self._numbers.get(path)
        if number is None and (alike := same_but_for_case(path, self._numbers)):
            number = self._numbers[alike]
        return None if number is None else self._folder / str(number)


class MemberCompanions(Companions):
    """The files that may belong to a mesh inside an archive: all members."""

    def __init__(self, folder: str | os.PathLike, member: str):
        """Takes the folder of an unpacked archive and the model's own name in it."""
        super().__init__(pathlib.PurePosixPath(member).parent.parts)
        self._place = pathlib.Path(folder)
        self._members, self._listings = _contents(str(folder))

    def _list(self, folder: Path) -> Listing:
        return self._listings.get(folder, Listing({}, {}))

    def _content(self, path: Path) -> pathlib.Path | None:
        return self._place / str(self._members[path][0]) if path in self._members else None

    def digest(self, path: Path) -> str:
        return self._members[path][1]


@functools.lru_cache(maxsize=2)
def _contents(folder: str) -> tuple[dict[Path, tuple[int, str]], dict[Path, Listing]]:
    """Number and sha256 of each member of an unpacked archive, and what lies in each folder."""
    index = enumerate(read_index(folder))
    members = {pathlib.PurePosixPath(name).parts: (n, digest) for n, (name, digest) in index}
    inside: dict[Path, tuple[list[str], set[str]]] = {(): ([], set())}
    for *parents, name in members:
        for depth, parent in enumerate(parents):
            inside.setdefault(tuple(parents[:depth]), ([], set()))[1].add(parent)
        inside.setdefault(tuple(parents), ([], set()))[0].append(name)
    listings = {
        path: Listing(by_key(sorted(files)), by_key(sorted(folders)))
        for path, (files, folders) in inside.items()
    }
    return members, listings


def read_index(folder: str | os.PathLike) -> list[tuple[str, str]]:
    """Name and sha256 of the members of an unpacked archive; the n-th is the file `n`."""
    return [(name, digest) for name, digest in json.loads(_index_path(folder).read_text())]


def _index_path(folder: str | os.PathLike) -> pathlib.Path:
    return pathlib.Path(folder) / _INDEX


def unpack(task: dict[str, Any]) -> dict[str, Any]:
    """Child function: inflates meshes and what belongs to them from `path` into `folder`."""
    folder = pathlib.Path(task["folder"])
    folder.mkdir()
    try:
        with zipfile.ZipFile(task["path"]) as archive:
            names = member_names(archive.infolist())
            wanted, skipped = _sorted_out(checked_members(archive), names)
            index, left = [], MAX_TOTAL_BYTES
            for number, member in enumerate(wanted):
                size, digest = _inflate(archive, member, folder / str(number), left)
                index.append((names[member.filename], digest))
                left -= size
    except _DAMAGE as error:
        raise _refused(f"it cannot be read: {error}") from error
    _index_path(folder).write_text(json.dumps(index))
    return {"skipped": skipped[:MAX_TOLD]}


def member_names(entries: list[zipfile.ZipInfo]) -> dict[str, str]:
    """What the names of entries mean, by `zipfile`'s reading of them.

    Where an entry does not say that its name is UTF-8, `zipfile` takes code page 437; archivers of
    other countries write the code page of theirs.
    """
    names = {entry.filename: _slashes(entry.filename) for entry in entries}
    old = [entry.filename for entry in entries if not entry.flag_bits & _UTF8]
    try:
        raw = [name.encode("cp437") for name in old]
    except UnicodeEncodeError:
        return names
    return names | dict(zip(old, map(_slashes, in_archive(raw)), strict=True))


def _slashes(name: str) -> str:
    """Older archivers of Windows write its own separator."""
    return name.replace("\\", "/")


def checked_members(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The files of an archive, by their entries alone; `Refusal` if one of them is not plain."""
    entries = archive.infolist()
    if len(entries) > MAX_MEMBERS:
        raise Refusal("bomb", f"it has {len(entries)} entries; at most {MAX_MEMBERS} are read")
    seen: set[str] = set()
    for entry in entries:
        _check_name(entry)
        key = unicodedata.normalize("NFC", _slashes(entry.filename)).casefold().rstrip("/")
        if key in seen:
            raise _refused(f"it holds {_brief(entry)} twice, or but for upper and lower case")
        seen.add(key)
        _check_kind(entry)
        if _is_kept(entry.filename):
            _check_size(entry, entry.file_size)
    total = sum(entry.file_size for entry in entries if _is_kept(entry.filename))
    if total > MAX_TOTAL_BYTES:
        raise Refusal("bomb", f"unpacked it has {total} bytes; at most {MAX_TOTAL_BYTES} are read")
    return [entry for entry in entries if not entry.is_dir()]


def _check_name(entry: zipfile.ZipInfo) -> None:
    raw = entry.orig_filename  # `filename` ends before a null byte.
    parts = _slashes(raw).removesuffix("/").split("/")
    odd = any(unicodedata.category(letter) == "Cc" for letter in raw)
    if odd or _DRIVE.match(raw) or not {"", ".", ".."}.isdisjoint(parts):
        raise _refused(f"its entry {_brief(entry)} leads out of the archive or is no plain name")
    if len(raw.encode("utf-8", "replace")) > MAX_NAME:
        raise _refused(f"its entry {_brief(entry)} has more than {MAX_NAME} bytes of name")


def _check_kind(entry: zipfile.ZipInfo) -> None:
    mode = entry.external_attr >> 16  # Zero where the archiver knew no Unix.
    if stat.S_IFMT(mode) not in (0, stat.S_IFDIR if entry.is_dir() else stat.S_IFREG):
        raise _refused(f"its entry {_brief(entry)} is a link or no file")
    if entry.header_offset < 0:
        raise _refused(f"its entry {_brief(entry)} begins before the archive does")
    if entry.flag_bits & _ENCRYPTED:
        raise _refused("it is encrypted; ingest it without its password")
    if entry.compress_type not in _METHODS:
        kind = zipfile.compressor_names.get(entry.compress_type, entry.compress_type)
        raise _refused(f"its entry {_brief(entry)} is compressed by {kind}; only deflate is read")


def _check_size(entry: zipfile.ZipInfo, size: int) -> None:
    """Judges the size an entry claims, and again the size it turns out to have.

    A picture of one colour packs a thousand to one, and is bounded by its size alone.
    """
    if size > MAX_MEMBER_BYTES:
        raise Refusal("bomb", f"its entry {_brief(entry)} has more than {MAX_MEMBER_BYTES} bytes")
    free = MAX_PICTURE_BYTES if entry.filename.lower().endswith(PICTURES) else FREE_BYTES
    if size > free and size > MAX_RATIO * entry.compress_size:
        words = f"{entry.compress_size} bytes to {size} or more"
        raise Refusal("bomb", f"its entry {_brief(entry)} grows from {words}")


def _sorted_out(
    members: list[zipfile.ZipInfo], names: dict[str, str]
) -> tuple[list[zipfile.ZipInfo], list[str]]:
    """What is to be inflated, and the names of archives inside, which stay shut."""
    shown = [member for member in members if not _is_hidden(member.filename)]
    if not any(_suffix(member.filename) in SUFFIXES for member in shown):
        kinds = ", ".join(SUFFIXES)
        raise Refusal("no_mesh", f"it holds no mesh: no name in it ends in {kinds}")
    wanted = [member for member in shown if _is_kept(member.filename)]
    return wanted, [names[m.filename] for m in shown if _suffix(m.filename) in ARCHIVES]


def _suffix(name: str) -> str:
    return pathlib.PurePosixPath(_slashes(name.lower())).suffix


def _is_kept(name: str) -> bool:
    """Whether a member is inflated at all; what is not can do no harm."""
    path = pathlib.PurePosixPath(_slashes(name.lower()))
    return path.suffix in _KEPT or _is_said(path.name)


def _is_said(name: str) -> bool:
    """Whether a file of this name says something about the models."""
    return name == MANIFEST or is_notice(name)


def _is_hidden(name: str) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in _slashes(name).split("/"))


def _inflate(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: pathlib.Path, left: int
) -> tuple[int, str]:
    """Writes one member; returns its size and sha256."""
    size, digest = 0, hashlib.sha256()
    with archive.open(member) as source, target.open("xb") as file:
        while piece := source.read(_CHUNK):
            size += len(piece)
            _check_size(member, size)
            if size > left:
                raise Refusal("bomb", f"unpacked it has more than {MAX_TOTAL_BYTES} bytes")
            digest.update(piece)
            file.write(piece)
    return size, digest.hexdigest()


def _refused(sentence: str) -> Refusal:
    return Refusal("bad_archive", sentence[:400])


def _brief(entry: zipfile.ZipInfo) -> str:
    return repr(entry.orig_filename[:80])
