"""Writes an archive in the prepared format, whole or not at all.

Everything goes to a folder beside the wanted one, which takes its place at the end: a process that
is killed leaves nothing that looks finished, and what it left is cleared by the next run.
"""

import collections
import dataclasses
import json
import logging
import os
import pathlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from jaxrelic.data.archives.archive import Archive, BrokenFileError, Entry, Shot, Surface
from jaxrelic.data.image_sets import candidates, prepared
from jaxrelic.data.schema import IMAGE_SIZE_PX
from jaxrelic.errors import UserError

_log = logging.getLogger(__name__)

MAX_NAMED = 20
"""Broken files that meta.json names; the others are counted."""

Surfaces = Literal["held-out", "all", "none"]
"""Whose true surfaces are stored: an evaluation needs those of val and test."""

_SIDE = IMAGE_SIZE_PX
_COLUMNS = {
    "images": ((_SIDE, _SIDE, 3), np.uint8),
    "masks": ((_SIDE, _SIDE), np.uint8),
    "categories": ((), np.int32),
    "instances": ((), np.int32),
    "views": ((), np.int32),
    "cam_from_world": ((4, 4), np.float32),
    "pixel_from_cam": ((3, 3), np.float32),
}
_SURFACE_COLUMNS = {"points": ((3,), np.float32), "normals": ((3,), np.float32)}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wanted:
    """The part of an archive to prepare."""

    splits: Sequence[str] = ()
    """Splits; all if empty."""
    categories: Sequence[str] = ()
    """Categories; all if empty."""
    views: int | None = None
    """Largest number of images of each instance, evenly spread; None for all."""
    surfaces: Surfaces = "held-out"
    """Whose true surfaces are stored."""
    points: int = 100_000
    """Points of each true surface."""


def prepare(archive: Archive, folder: pathlib.Path, wanted: Wanted) -> dict[str, Any]:
    """Writes `folder` and returns its meta data; a prepared folder that is there is replaced.

    Its neighbours stay, since they may have taken hours; they say of which images they are, and
    those who read them check that.
    """
    if folder.exists() and prepared.read_meta(folder) is None and any(folder.iterdir()):
        raise UserError(f"{folder} is not empty and no prepared folder; choose another -o")
    splits = _chosen(wanted.splits, archive.splits, "split")
    categories = _chosen(wanted.categories, archive.categories, "category")
    folder.parent.mkdir(parents=True, exist_ok=True)
    for left in folder.parent.glob(f".{folder.name}.*.partial"):
        shutil.rmtree(left)
    partial = folder.parent / f".{folder.name}.{os.getpid()}.partial"
    try:
        written = {
            split: _write_split(archive, split, categories, partial / split, wanted)
            for split in splits
        }
        meta = _meta(archive, categories, wanted, written)
        (partial / prepared.META).write_text(json.dumps(meta, indent=1) + "\n", "utf-8")
        if (folder / candidates.FOLDER).is_dir():
            shutil.copytree(folder / candidates.FOLDER, partial / candidates.FOLDER)
        _take_place(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return meta


def _chosen(asked: Sequence[str], present: Sequence[str], what: str) -> list[str]:
    if unknown := sorted(set(asked) - set(present)):
        raise UserError(
            f"the archive has no {what} {', '.join(unknown)}; choose among {', '.join(present)}"
        )
    if not present:
        raise UserError(f"the archive has no {what} that is known; see `jaxrelic data check`")
    return [name for name in present if not asked or name in asked]


def _take_place(partial: pathlib.Path, folder: pathlib.Path) -> None:
    """Renames a finished folder; the one it replaces is gone before and removed after."""
    old = folder.parent / f".{folder.name}.{os.getpid()}.old.partial"
    if folder.exists():
        os.replace(folder, old)
    os.replace(partial, folder)
    shutil.rmtree(old, ignore_errors=True)


def _meta(
    archive: Archive, categories: list[str], wanted: Wanted, written: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    return {
        "format": prepared.FORMAT,
        "version": prepared.VERSION,
        "layout": archive.layout,
        "source": archive.root.resolve().name,
        "categories": categories,
        "wanted": dataclasses.asdict(wanted),
        "splits": written,
    }


def _write_split(
    archive: Archive, split: str, categories: list[str], folder: pathlib.Path, wanted: Wanted
) -> dict[str, Any]:
    """Writes the arrays of one split; returns its counts."""
    folder.mkdir(parents=True)
    columns = _Columns(folder, _COLUMNS)
    skipped = _Skipped(archive.root)
    kept: list[Entry] = []
    shown: dict[str, Entry] = {}
    numbers: dict[str, int] = {}
    for category_index, category in enumerate(categories):
        for entry in _spread(archive.entries(split, category), wanted.views):
            try:
                shot = archive.read(entry)
            except BrokenFileError as error:
                skipped.add(error)
                continue
            kept.append(entry)
            shown.setdefault(entry.instance, entry)
            number = numbers.setdefault(entry.instance, len(numbers))
            columns.append(_row(shot, category_index, number, entry.view))
        _log.info("%s, %s: %d images so far", split, category, len(kept))
    columns.close()
    _write_texts(folder / "image_ids.npy", [entry.image_id for entry in kept])
    _write_texts(folder / "sources.npy", [entry.source for entry in kept])
    _write_texts(folder / "instance_names.npy", list(shown))
    stored = wanted.surfaces == "all" or (wanted.surfaces == "held-out" and split != "train")
    count = wanted.points if stored else 0
    surfaces = _write_surfaces(archive, list(shown.values()), folder, count, skipped)
    return {
        "images": len(kept),
        "instances": len(shown),
        "surfaces": surfaces,
        "images_by_category": dict(collections.Counter(entry.category for entry in kept)),
        "skipped": skipped.facts(),
    }


def _spread(entries: list[Entry], views: int | None) -> Iterator[Entry]:
    """At most `views` entries of each instance, evenly spread over its views."""
    if views is None:
        yield from entries
        return
    totals = collections.Counter(entry.instance for entry in entries)
    seen: collections.Counter[str] = collections.Counter()
    for entry in entries:
        place, total = seen[entry.instance], totals[entry.instance]
        seen[entry.instance] += 1
        # Of `total` places, `views` are those where the running share reaches a new whole number.
        if total <= views or (place * views) // total != ((place - 1) * views) // total:
            yield entry


def _row(shot: Shot, category: int, instance: int, view: int) -> dict[str, Any]:
    known = shot.cam_from_world is not None and shot.pixel_from_cam is not None
    return {
        "images": shot.image,
        "masks": shot.mask,
        "categories": category,
        "instances": instance,
        "views": view,
        "cam_from_world": shot.cam_from_world if known else np.full((4, 4), np.nan),
        "pixel_from_cam": shot.pixel_from_cam if known else np.full((3, 3), np.nan),
    }


def _write_surfaces(
    archive: Archive, entries: list[Entry], folder: pathlib.Path, count: int, skipped: "_Skipped"
) -> int:
    """Writes the true surface of the instance of each entry; returns how many there are."""
    columns = _Columns(folder, _SURFACE_COLUMNS)
    starts, found = [0], 0
    for entry in entries:
        surface = _surface(archive, entry, count, skipped) if count else None
        if surface is not None:
            columns.extend({"points": surface.points, "normals": surface.normals})
            found += 1
        starts.append(starts[-1] + (0 if surface is None else len(surface.points)))
    columns.close()
    np.save(folder / "point_starts.npy", np.array(starts, np.int64))
    return found


def _surface(archive: Archive, entry: Entry, count: int, skipped: "_Skipped") -> Surface | None:
    try:
        return archive.surface(entry, count)
    except BrokenFileError as error:
        skipped.add(error)
        return None


def _write_texts(path: pathlib.Path, texts: Sequence[str]) -> None:
    """Texts as fixed-width bytes, which can be mapped."""
    encoded = [text.encode() for text in texts]
    width = max(map(len, encoded), default=1) or 1
    np.save(path, np.array(encoded, f"S{width}"))


class _Columns:
    """Arrays of as many rows as will have been appended, without holding them."""

    def __init__(self, folder: pathlib.Path, of: Mapping[str, tuple[tuple[int, ...], type]]):
        self._of = of
        self._files = {name: (folder / f"{name}.npy").open("wb") for name in of}
        self._rows = 0
        for name in of:
            self._write_header(name)

    def append(self, row: Mapping[str, Any]) -> None:
        """Adds one row to each array."""
        self.extend({name: np.asarray(value)[None] for name, value in row.items()})

    def extend(self, rows: Mapping[str, np.ndarray]) -> None:
        """Adds the same number of rows to each array."""
        for name, (shape, dtype) in self._of.items():
            values = np.ascontiguousarray(rows[name], dtype)
            assert values.shape[1:] == shape, (name, values.shape)
            self._files[name].write(values.tobytes())
        self._rows += len(values)

    def close(self) -> None:
        """Says in each file how many rows there are."""
        for name, file in self._files.items():
            file.seek(0)
            self._write_header(name)
            file.close()

    def _write_header(self, name: str) -> None:
        """NumPy leaves room in it for the first axis to grow to any length."""
        shape, dtype = self._of[name]
        facts = {
            "descr": np.lib.format.dtype_to_descr(np.dtype(dtype)),
            "fortran_order": False,
            "shape": (self._rows, *shape),
        }
        np.lib.format.write_array_header_1_0(self._files[name], facts)


class _Skipped:
    """What could not be used, and why."""

    def __init__(self, root: pathlib.Path):
        self._root = root
        self._named: list[str] = []
        self._count = 0

    def add(self, error: BrokenFileError) -> None:
        """Counts a file, and names it if there are not too many."""
        self._count += 1
        if len(self._named) < MAX_NAMED:
            path = error.path.relative_to(self._root)
            self._named.append(f"{path}: {error.reason}")
            _log.warning("skipped %s", self._named[-1])

    def facts(self) -> dict[str, Any]:
        """The facts as meta.json holds them."""
        return {"count": self._count, "named": self._named}
