"""The project's own format for image sets: flat arrays that are mapped, not read.

DIR/meta.json                    provenance; its presence says that the folder is whole
DIR/<split>/images.npy           [N, 64, 64, 3] uint8 over white
DIR/<split>/masks.npy            [N, 64, 64] uint8
DIR/<split>/categories.npy       [N] int32, index into the categories of meta.json
DIR/<split>/instances.npy        [N] int32, row of instance_names.npy
DIR/<split>/views.npy            [N] int32
DIR/<split>/cam_from_world.npy   [N, 4, 4] float32, NaN where not known
DIR/<split>/pixel_from_cam.npy   [N, 3, 3] float32, NaN where not known
DIR/<split>/image_ids.npy, sources.npy         [N] UTF-8
DIR/<split>/instance_names.npy                 [I] UTF-8
DIR/<split>/points.npy, normals.npy            [P, 3] float32, all instances after one another
DIR/<split>/point_starts.npy                   [I + 1] int64, the rows of each instance
DIR/neighbours/                  candidates, as `jaxrelic neighbours` writes them
"""

import functools
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from jaxrelic.errors import UserError

META = "meta.json"
FORMAT = "jaxrelic prepared images"
VERSION = 1


def read_meta(folder: pathlib.Path) -> dict[str, Any] | None:
    """What a prepared folder says about itself; None if it is another kind of folder."""
    try:
        meta = json.loads((folder / META).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(meta, dict) or meta.get("format") != FORMAT:
        return None
    if meta["version"] != VERSION:
        raise UserError(
            f"{folder} is of version {meta['version']} of the prepared format, this program reads "
            f"{VERSION}; run `jaxrelic data prepare` again"
        )
    return meta


class PreparedImages:
    """One split of a prepared folder, as an image set."""

    def __init__(self, folder: pathlib.Path, split: str):
        meta = read_meta(folder)
        if meta is None:
            raise UserError(f"{folder} is no prepared folder; run `jaxrelic data prepare`")
        if split not in meta["splits"]:
            raise UserError(
                f"{folder} has no split {split!r}; set data.split to one of "
                f"{sorted(meta['splits'])}, or prepare it"
            )
        self._folder = folder / split
        self._categories = tuple(meta["categories"])
        self._arrays = {
            name: self._open(name)
            for name in (
                *("images", "masks", "categories", "instances", "views"),
                *("cam_from_world", "pixel_from_cam", "image_ids"),
            )
        }

    def _open(self, name: str) -> np.ndarray:
        path = self._folder / f"{name}.npy"
        try:
            return np.load(path, mmap_mode="r")
        except (OSError, ValueError, EOFError) as error:
            raise UserError(
                f"{path} is damaged ({error}); run `jaxrelic data prepare` again"
            ) from error

    @property
    def categories(self) -> tuple[str, ...]:
        return self._categories

    def __len__(self) -> int:
        return len(self._arrays["images"])

    def __getitem__(self, index: int) -> dict[str, Any]:
        row = {name: array[range(len(self))[index]] for name, array in self._arrays.items()}
        return {
            "image_id": row["image_ids"].decode(),
            "image": np.asarray(row["images"]),
            "mask": np.asarray(row["masks"]),
            "category": int(row["categories"]),
            "instance": self.instance_names[int(row["instances"])],
            "view": int(row["views"]),
            "cam_from_world": _or_none(row["cam_from_world"]),
            "pixel_from_cam": _or_none(row["pixel_from_cam"]),
        }

    def image_ids(self) -> list[str]:
        return [each.decode() for each in self._arrays["image_ids"]]

    def instances(self) -> list[str]:
        return [self.instance_names[row] for row in self._arrays["instances"]]

    def category_indices(self) -> np.ndarray:
        return np.array(self._arrays["categories"])

    @functools.cached_property
    def instance_names(self) -> list[str]:
        """Every instance of the split once."""
        return [each.decode() for each in self._open("instance_names")]

    @functools.cached_property
    def rows_by_instance(self) -> list[np.ndarray]:
        """Rows of the images of each instance."""
        instances = self._arrays["instances"]
        order = np.argsort(instances, kind="stable")
        borders = np.searchsorted(instances[order], np.arange(1, len(self.instance_names)))
        return np.split(order, borders)

    def surface(self, instance: int) -> tuple[np.ndarray, np.ndarray]:
        """Points and normals of an instance, [p, 3] each; p = 0 where none are known."""
        starts = self._open("point_starts")
        rows = slice(int(starts[instance]), int(starts[instance + 1]))
        return tuple(np.array(self._open(name)[rows]) for name in ("points", "normals"))


def _or_none(matrix: np.ndarray) -> np.ndarray | None:
    return None if np.isnan(matrix).any() else np.array(matrix)


class PreparedRelics(Sequence):
    """One split of a prepared folder, instance by instance, with the fields of `relic_views`.

    What an evaluation reads: all images of an instance, their cameras and its true surface. There
    is no depth, and `points` is absent where no surface is known.
    """

    def __init__(self, folder: pathlib.Path, split: str):
        self.images = PreparedImages(folder, split)

    def __len__(self) -> int:
        return len(self.images.instance_names)

    def __getitem__(self, index: int) -> Mapping[str, Any]:
        index = range(len(self))[index]
        items = [self.images[int(row)] for row in self.images.rows_by_instance[index]]
        points, normals = self.images.surface(index)
        return {
            "uid": self.images.instance_names[index].encode(),
            "category": items[0]["category"],
            "category_name": self.images.categories[items[0]["category"]],
            "rgba": [_encode_rgba(item["image"], item["mask"]) for item in items],
            "depth_mm": [_no_depth(item["mask"].shape) for item in items],
            "cam_from_world": np.stack([_or_nan(item["cam_from_world"], 4) for item in items]),
            "pixel_from_cam": np.stack([_or_nan(item["pixel_from_cam"], 3) for item in items]),
            **({"points": points, "normals": normals} if len(points) else {}),
        }


def _or_nan(matrix: np.ndarray | None, side: int) -> np.ndarray:
    return np.full((side, side), np.nan, np.float32) if matrix is None else matrix


def _encode_rgba(image: np.ndarray, mask: np.ndarray) -> bytes:
    """An image over white and its mask as PNG of straight alpha."""
    alpha = mask[..., None] / np.float32(255)
    colour = (image / np.float32(255) - (1 - alpha)) / np.maximum(alpha, 1 / 255)
    straight = np.rint(255 * np.clip(colour, 0, 1)).astype(np.uint8)
    bgra = np.concatenate([straight[..., ::-1], mask[..., None]], axis=-1)
    return cv2.imencode(".png", bgra)[1].tobytes()


@functools.lru_cache(maxsize=1)
def _no_depth(shape: tuple[int, int]) -> bytes:
    return cv2.imencode(".png", np.zeros(shape, np.uint16))[1].tobytes()
