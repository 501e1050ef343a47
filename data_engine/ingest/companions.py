"""The files that belong to a model: found inside the ingested folder or archive, never outside.

A name may be in other case than the file, be a path of the computer where the model was made, or
lead to a folder that was renamed; so what is not where its name says is looked for by its base
name: beside the model, below it, and in the folders for pictures beside its own. Folders in which
another model lies are left out, because their pictures are its pictures.
"""

import abc
import dataclasses
import functools
import itertools
import os
import pathlib
from collections.abc import Iterable, Iterator

from data_engine.errors import Refusal
from data_engine.gltf.container import MAX_FILE_BYTES
from data_engine.ingest.names import key, on_disk, parts_of, spellings
from data_engine.ingest.suffixes import SUFFIXES
from data_engine.workspace import file_sha256

MAX_FOLDERS = 256
"""Folders that one model is searched in."""
MAX_BESIDE = 16
"""Folders beside one of these that are searched for another model."""

PICTURE_FOLDERS = frozenset(
    name + ending
    for name in ("image", "map", "material", "picture", "tex", "texture")
    for ending in ("", "s")
)
"""Names of folders, in lower case, that hold the pictures of the folders beside them."""

Path = tuple[str, ...]
"""Parts of a path below the root."""


@dataclasses.dataclass(frozen=True)
class Listing:
    """Names in one folder by their `names.key`; the exact name of a pair that differs in case."""

    files: dict[str, str]
    folders: dict[str, str]

    @functools.cached_property
    def has_mesh(self) -> bool:
        """Whether there is a model in it."""
        return any(name.lower().endswith(SUFFIXES) for name in self.files.values())


@dataclasses.dataclass(frozen=True)
class Companion:
    """A file that was found."""

    path: Path
    as_named: bool
    """Whether it is where its name says, but for case, slashes and the form of accents."""

    def __str__(self) -> str:
        """Its path as text, also where the file system's name is none."""
        return "/".join(on_disk(part)[0] for part in self.path)


class Companions(abc.ABC):
    """What lies around one model."""

    def __init__(self, home: Path):
        """Takes the folder of the model, below the root."""
        self._home = home
        self._left = MAX_FILE_BYTES
        self._taken: dict[Path, bool] = {}

    @abc.abstractmethod
    def _list(self, folder: Path) -> Listing:
        """What lies in a folder below the root."""

    @abc.abstractmethod
    def _content(self, path: Path) -> pathlib.Path | None:
        """Where the bytes of a file are; None if it is none, or a link that leads out."""

    @abc.abstractmethod
    def digest(self, path: Path) -> str:
        """sha256 of a file that was found."""

    def relative(self, path: Path) -> str:
        """A path as seen from the model, so that a copy elsewhere gives the same."""
        return os.path.relpath("/".join(("", *path)), "/".join(("", *self._home)))

    def find(self, name: bytes | str) -> Companion | None:
        """The file that a model means by a name; None if there is none."""
        readings = spellings(name) if isinstance(name, bytes) else [name]
        for reading in readings:
            parts = parts_of(reading)
            if parts and (path := self._walk(parts)):
                return Companion(path, as_named=True)
        return self._alike([_keys(reading) for reading in readings])

    def _alike(self, readings: list[list[str]]) -> Companion | None:
        """A file of the same base name: with the same folders above it, else the nearest.

        Args:
            readings: The keys of the parts of a name, for each way to read it.
        """
        best, most = None, 0
        for folder in self._around():
            files = self._list(folder).files
            for parts in readings:
                if not parts or parts[-1] not in files:
                    continue
                path = (*folder, files[parts[-1]])
                same = _common_tail([key(part) for part in path], parts)
                if same > most and self._content(path):
                    best, most = Companion(path, as_named=False), same
                if most == len(parts):
                    return best
        return best

    def read(self, path: Path) -> bytes:
        """The bytes of a file that was found; `Refusal` if all of them together are too many."""
        place = self._content(path)
        if place is None:
            raise Refusal("gone", f"{'/'.join(path)[:80]} went away while it was read")
        self._left -= place.stat().st_size
        if self._left < 0:
            raise Refusal("too_large", f"the files it refers to exceed {MAX_FILE_BYTES} bytes")
        return place.read_bytes()

    def _walk(self, parts: Path) -> Path | None:
        at: Path = self._home
        for number, part in enumerate(parts, 1):
            if part == "..":
                if not at:
                    return None
                at = at[:-1]
                continue
            listing = self._list(at)
            names = listing.files if number == len(parts) else listing.folders
            if (name := names.get(part) or names.get(key(part))) is None:
                return None
            at = (*at, name)
        return at if self._content(at) else None

    def _around(self) -> Iterator[Path]:
        """Folders to search, the nearest first: its own, those below, those beside."""
        yield self._home
        others = itertools.islice(self._others(), MAX_FOLDERS)
        yield from (folder for folder in others if not self._is_anothers(folder))

    def _is_anothers(self, folder: Path) -> bool:
        """Whether a folder belongs to another model: in it, above it, or beside it as `source`."""
        if self._list(folder).has_mesh:
            return True
        parent = folder[:-1]
        if self._home[: len(parent)] == parent:
            return False
        if parent not in self._taken:
            near = (parent, *self._below(parent)[:MAX_BESIDE])
            self._taken[parent] = any(self._list(place).has_mesh for place in near)
        return self._taken[parent]

    def _others(self) -> Iterator[Path]:
        inner = self._below(self._home)
        yield from inner
        yield from (deeper for folder in inner[:MAX_FOLDERS] for deeper in self._below(folder))
        if self._home:
            parent = self._home[:-1]
            yield parent
            for folder in self._below(parent):
                if folder[-1].lower() in PICTURE_FOLDERS:
                    yield folder

    def _below(self, folder: Path) -> list[Path]:
        return [(*folder, name) for name in dict.fromkeys(self._list(folder).folders.values())]


def _keys(name: str) -> list[str]:
    """The keys of the parts of a path of any system."""
    return [key(part) for part in name.replace("\\", "/").split("/") if part]


def _common_tail(path: list[str], other: list[str]) -> int:
    """How many parts at the end of two paths are the same."""
    pairs = zip(reversed(path), reversed(other), strict=False)
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))


class FolderCompanions(Companions):
    """Of a model in a folder on disk."""

    def __init__(self, root: str | os.PathLike, model: str):
        """Takes the ingested folder and the path of the model in it."""
        super().__init__(pathlib.PurePosixPath(model).parent.parts)
        self._root = os.path.realpath(root)

    def _list(self, folder: Path) -> Listing:
        place = os.path.join(self._root, *folder)
        try:
            return _list_folder(place, os.stat(place).st_mtime_ns)
        except OSError:
            return Listing({}, {})

    def _content(self, path: Path) -> pathlib.Path | None:
        place = pathlib.Path(self._root, *path).resolve()
        return place if place.is_relative_to(self._root) and place.is_file() else None

    def digest(self, path: Path) -> str:
        return file_sha256(pathlib.Path(self._root, *path))


@functools.lru_cache(maxsize=512)
def _list_folder(place: str, changed_ns: int) -> Listing:
    with os.scandir(place) as entries:
        found = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries)
    shown = [(name, inner) for name, inner in found if not name.startswith(".")]
    return Listing(
        by_key(name for name, inner in shown if not inner),
        by_key(name for name, inner in shown if inner),
    )


def by_key(names: Iterable[str]) -> dict[str, str]:
    """Names by themselves and by the `key` of each way to read them."""
    exact = list(names)
    folded = {key(reading): name for name in reversed(exact) for reading in on_disk(name)}
    return folded | {name: name for name in exact}
