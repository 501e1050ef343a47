"""Pix3D in its official layout and in that of ShapeClipper and ZeroShape (specification msrn G.3).

A record's camera is x left, y up, z forward: `rot_mat` and `trans_mat` take a y-up model there, and
`focal_length` belongs to a sensor 32 mm wide.
"""

import functools
import hashlib
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxrelic.data.archives.archive import (
    SPLITS,
    WORLD_FROM_YUP,
    BrokenFileError,
    Entry,
    Gap,
    Shot,
    Surface,
    box_square,
    fewer,
    make_shot,
    read_lines,
    read_mask,
    read_rgb,
    rigid,
    size_words,
)
from jaxrelic.data.archives.mesh_files import sample_mesh_file
from jaxrelic.geometry import cameras

CATEGORIES = ("bed", "bookcase", "chair", "desk", "misc", "sofa", "table", "tool", "wardrobe")
NUM_IMAGES, NUM_SHAPES = 10_069, 395
SENSOR_MM = 32.0

_SHAPES = {
    "img_size": (2,),
    "bbox": (4,),
    "rot_mat": (3, 3),
    "trans_mat": (3,),
    "focal_length": (),
}
"""Numbers of a record."""
_OPAQUE = 128
"""Masks are binarised at a half."""
_TRAIN_PARTS, _VAL_PARTS, _PARTS = 8, 1, 10
"""Parts of the models for training, for validation and in all, where an archive comes without lists
of its splits."""


class Pix3d:
    """`pix3d.json`, `img/`, `mask/` and `model/`.

    The archive has no splits. A folder `lists/` with `<category>_<split>.txt`, as in the processed
    archive, is followed; otherwise 8, 1 and 1 tenths of the models, by a hash of their names, are
    train, val and test, so that no shape is in two splits.
    """

    layout = "pix3d"
    published: Mapping[tuple[str, str], int] = {}
    counted = "images"
    json_name = "pix3d.json"

    def __init__(self, root: pathlib.Path):
        self.root = root

    @classmethod
    def recognises(cls, root: pathlib.Path) -> bool:
        """Whether a folder has this layout."""
        return (root / cls.json_name).is_file()

    @functools.cached_property
    def _records(self) -> dict[str, dict[str, Any]]:
        """Records by name, such as bed/0010."""
        path = self.root / self.json_name
        try:
            records = json.loads(path.read_text("utf-8"))
            return {_name(record["img"]): record for record in records}
        except (ValueError, KeyError, TypeError) as error:
            raise BrokenFileError(path, f"no list of records with an img ({error!r})") from error

    @property
    def categories(self) -> tuple[str, ...]:
        present = {name.split("/")[0] for name in self._records}
        return tuple(name for name in CATEGORIES if name in present)

    @property
    def splits(self) -> tuple[str, ...]:
        return SPLITS

    def entries(self, split: str, category: str) -> list[Entry]:
        names = self._names(split, category)
        found, seen = [], {}
        for name in names:
            record = self._records.get(name, {})
            instance = _instance(record)
            found.append(
                Entry(
                    image_id=name,
                    category=category,
                    instance=instance,
                    view=seen.setdefault(instance, 0),
                    source=record.get("img", name),
                    key=record,
                )
            )
            seen[instance] += 1
        return found

    def _names(self, split: str, category: str) -> list[str]:
        if (self.root / "lists").is_dir():
            listed = read_lines(self.root / "lists" / f"{category}_{split}.txt")
            return [f"{category}/{name}" for name in listed]
        return [
            name
            for name, record in sorted(self._records.items())
            if name.split("/")[0] == category and _split_of(_instance(record)) == split
        ]

    def read(self, entry: Entry) -> Shot:
        record = self._complete(entry)
        rgb, mask = self._pictures(record)
        left, top, side = box_square(record["bbox"])
        return make_shot(
            rgb,
            mask,
            cam_from_world=cam_from_world(record),
            pixel_from_cam=pixel_from_cam(record),
            square=(left, top, side),
        )

    def _complete(self, entry: Entry) -> dict[str, Any]:
        """The record of an entry, with all fields that reading needs, of the right shapes."""
        wanted = ("img", "mask", "model", *_SHAPES)
        if missing := [name for name in wanted if entry.key.get(name) is None]:
            where = self._record_path(entry)
            raise BrokenFileError(where, f"{entry.image_id} has no {', '.join(missing)}")
        try:
            shapes = {name: np.shape(np.array(entry.key[name], float)) for name in _SHAPES}
        except (TypeError, ValueError):
            shapes = {}
        if shapes != _SHAPES:
            where = self._record_path(entry)
            names = ", ".join(n for n in _SHAPES if shapes.get(n) != _SHAPES[n])
            raise BrokenFileError(where, f"{entry.image_id} has no numbers in {names}")
        return entry.key

    def _record_path(self, entry: Entry) -> pathlib.Path:
        return self.root / self.json_name

    def _picture_path(self, record: Mapping[str, Any], field: str) -> str:
        """Path of the image or the mask of a record."""
        return record[field]

    def _surface_path(self, model: str) -> str:
        """Path of the file that the true surface of a model is read from."""
        return model

    def _pictures(self, record: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        """Image and binary mask of a record."""
        rgb = read_rgb(self.root / self._picture_path(record, "img"))
        mask = read_mask(self.root / self._picture_path(record, "mask"), rgb)
        return rgb, np.uint8(255 * (mask >= _OPAQUE))

    def surface(self, entry: Entry, count: int) -> Surface | None:
        path = self.root / self._surface_path(entry.key["model"])
        if not path.exists():
            return None
        return sample_mesh_file(path, WORLD_FROM_YUP, count=count, key=entry.instance)

    def gaps(self) -> Sequence[Gap]:
        found = []
        if absent := [name for name in CATEGORIES if name not in self.categories]:
            found.append(Gap(missing=f"categories {', '.join(absent)}", prevents="their rows"))
        if len(self._records) < NUM_IMAGES:
            missing = f"{NUM_IMAGES - len(self._records)} of the {NUM_IMAGES} published images"
            found.append(Gap(missing=missing, prevents="comparing with published numbers"))
        if not (self.root / "lists").is_dir():
            found.append(
                Gap(
                    missing="lists/<category>_<split>.txt of the processed archive",
                    prevents="the published splits; models are split by name instead",
                )
            )
        for what, use, paths in (
            ("images", "reading them", self._picture_paths("img")),
            ("masks", "reading their images", self._picture_paths("mask")),
            ("surfaces", "measuring their Chamfer distance", self._surface_paths()),
        ):
            if absent := [path for path in paths if not (self.root / path).exists()]:
                missing = f"{len(absent)} of {len(paths)} {what}, such as {absent[0]}"
                found.append(Gap(missing=missing, prevents=use))
        return found

    def _picture_paths(self, field: str) -> list[str]:
        records = self._records.values()
        return [self._picture_path(record, field) for record in records if field in record]

    def _surface_paths(self) -> list[str]:
        models = {record["model"] for record in self._records.values() if record.get("model")}
        return sorted(self._surface_path(model) for model in models)


class Pix3dProcessed(Pix3d):
    """`annotation/<category>/<name>.json`, `lists/`, cut-out pictures and point clouds."""

    layout = "pix3d-processed"

    @classmethod
    def recognises(cls, root: pathlib.Path) -> bool:
        return (root / "annotation").is_dir() and (root / "lists").is_dir()

    @functools.cached_property
    def _records(self) -> dict[str, dict[str, Any]]:
        """Records by name; one that cannot be read is empty, so that reading its entry says so."""
        found = {}
        for path in sorted((self.root / "annotation").glob("*/*.json")):
            try:
                record = json.loads(path.read_text("utf-8"))
            except ValueError:
                record = {}
            found[f"{path.parent.name}/{path.stem}"] = record if isinstance(record, dict) else {}
        return found

    @property
    def splits(self) -> tuple[str, ...]:
        return tuple(s for s in SPLITS if any((self.root / "lists").glob(f"*_{s}.txt")))

    def _picture_path(self, record: Mapping[str, Any], field: str) -> str:
        return record[field].replace(field, f"{field}_processed", 1)

    def _surface_path(self, model: str) -> str:
        relative = pathlib.PurePosixPath(model.removeprefix("model/"))
        return str("pointclouds" / relative.with_suffix(".npy"))

    def _record_path(self, entry: Entry) -> pathlib.Path:
        return self.root / "annotation" / f"{entry.image_id}.json"

    def read(self, entry: Entry) -> Shot:
        record = self._complete(entry)
        rgb, mask = self._pictures(record)
        if rgb.shape[0] != rgb.shape[1]:
            path = self.root / self._picture_path(record, "img")
            raise BrokenFileError(path, f"is {size_words(rgb)}, not square")
        left, top, side = box_square(record["bbox"])
        cut = cameras.crop_intrinsics(pixel_from_cam(record), left, top)
        return make_shot(
            rgb,
            mask,
            cam_from_world=cam_from_world(record),
            pixel_from_cam=cameras.resize_intrinsics(cut, len(rgb) / side),
        )

    def surface(self, entry: Entry, count: int) -> Surface | None:
        path = self.root / self._surface_path(entry.key["model"])
        if not path.exists():
            return None
        try:
            points = np.load(path)
        except (OSError, ValueError, EOFError) as error:
            raise BrokenFileError(path, f"no readable .npy ({error})") from error
        if points.ndim != 2 or points.shape[1] != 3:
            raise BrokenFileError(path, f"holds {points.shape}, not (N, 3)")
        return fewer(points @ WORLD_FROM_YUP.T, None, count, entry.instance)


def cam_from_world(record: Mapping[str, Any]) -> np.ndarray:
    """Our camera [4, 4] of a record."""
    right_down_from_left_up = np.diag([-1.0, -1, 1])
    rotation = right_down_from_left_up @ np.array(record["rot_mat"], np.float64)
    translation = right_down_from_left_up @ np.array(record["trans_mat"], np.float64)
    return rigid(rotation @ WORLD_FROM_YUP.T, translation)


def pixel_from_cam(record: Mapping[str, Any]) -> np.ndarray:
    """Intrinsics [3, 3] of the whole picture of a record."""
    width, height = record["img_size"]
    return cameras.intrinsics(record["focal_length"] / SENSOR_MM * width, width, height)


def _name(path: str) -> str:
    """img/bed/0010.png as bed/0010."""
    return str(pathlib.PurePosixPath(*pathlib.PurePosixPath(path).parts[1:]).with_suffix(""))


def _instance(record: Mapping[str, Any]) -> str:
    return _name(record["model"]) if record.get("model") else ""


def _split_of(instance: str) -> str:
    part = int(hashlib.sha256(instance.encode()).hexdigest(), 16) % _PARTS
    if part < _TRAIN_PARTS:
        return "train"
    return "val" if part < _TRAIN_PARTS + _VAL_PARTS else "test"
