"""Single photographs of objects, one sequence whatever they are stored in.

M-SRN sees one image at a time, and so do the embeddings by which neighbours are found: both number
the images of a split as the sequence here does.
"""

import functools
import pathlib
import re
from collections.abc import Sequence
from typing import Any, Protocol

import cv2
import numpy as np

from jaxrelic.data import data_sets, synthetic, transforms
from jaxrelic.data.schema import CATEGORIES, IMAGE_SIZE_PX
from jaxrelic.errors import UserError

Photograph = dict[str, Any]
"""One item of an image set.

| field | type | meaning |
| --- | --- | --- |
| image_id | str | unique in its split |
| image | [s, s, 3] uint8 | cropped to the object, over white |
| mask | [s, s] uint8 | 0 ... 255 |
| category | int | index into the set's `categories` |
| instance | str | the object that is seen: relic uid, CAD model |
| view | int | which view of the instance |
| cam_from_world | [4, 4] float32 or None | for evaluation and supervision `posed` alone |
| pixel_from_cam | [3, 3] float32 or None | the same; for an image of this size |
"""

SYNTHETIC = "synthetic"
"""The path that stands for images of shapes made on the spot."""

RELIC_IMAGES = "relic_images"
"""Name of the shards that hold photographs."""

MAX_CACHED_BYTES = 2**30
"""Sets smaller than this are kept decoded: an image is read again for each of its neighbours."""


class ImageSet(Protocol):
    """The photographs of one split, numbered."""

    @property
    def categories(self) -> tuple[str, ...]:
        """Names of the categories."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Photograph: ...

    def image_ids(self) -> list[str]:
        """`image_id` of every item; as the two below, without decoding images."""

    def instances(self) -> list[str]:
        """`instance` of every item."""

    def category_indices(self) -> np.ndarray:
        """`category` of every item, [N] int32."""


def open_images(path: str | pathlib.Path, split: str) -> ImageSet:
    """Opens one split of `relic_images` shards, or of `synthetic`.

    Args:
        path: The data set, or any one parent of it.
        split: train, val or test; `synthetic` shows the same images in each.
    """
    if str(path) == SYNTHETIC:
        return SyntheticImages()
    return kept_decoded(ShardImages(path, split))


def data_set_folder(path: str | pathlib.Path) -> pathlib.Path:
    """Where what belongs to an image set is stored beside it, such as its neighbours."""
    return data_sets.find_data_set(pathlib.Path(path), RELIC_IMAGES)


def holds_only_images(path: str | pathlib.Path) -> bool:
    """Whether there are photographs under `path` and no relics with all their views."""
    names = set(data_sets.data_sets_below(pathlib.Path(path)).values())
    return RELIC_IMAGES in names and "relic_views" not in names


def instance_numbers(images: ImageSet) -> np.ndarray:
    """Number of each image's instance among the sorted instances of the set, [N] int32."""
    return np.unique(images.instances(), return_inverse=True)[1].astype(np.int32)


class ShardImages:
    """`relic_images` shards of the data engine."""

    categories = CATEGORIES

    _FACTS = ("image_id", "uid", "view_name", "category")
    _IMAGES = ("image", "mask")
    _CAMERA = ("cam_from_world", "pixel_from_cam")

    def __init__(self, path: str | pathlib.Path, split: str):
        def records(*fields: str) -> Sequence[data_sets.Record]:
            return data_sets.open_records(
                path,
                split,
                name=RELIC_IMAGES,
                fields=fields,
                image_fields=[name for name in fields if name in self._IMAGES],
                only_fields=True,
            )

        self._records = records(*self._FACTS, *self._IMAGES, *self._CAMERA)
        self._facts = records(*self._FACTS)

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, index: int) -> Photograph:
        record = self._records[index]
        image_id = record["image_id"].decode()
        return {
            "image_id": image_id,
            "image": _decode(record["image"], cv2.IMREAD_COLOR_RGB, image_id),
            "mask": _decode(record["mask"], cv2.IMREAD_GRAYSCALE, image_id),
            "category": int(record["category"]),
            "instance": record["uid"].decode(),
            "view": self._views[record["view_name"].decode()],
            **{name: np.asarray(record[name], np.float32) for name in self._CAMERA},
        }

    def image_ids(self) -> list[str]:
        return list(self._texts["image_id"])

    def instances(self) -> list[str]:
        return list(self._texts["uid"])

    def category_indices(self) -> np.ndarray:
        return np.array(self._texts["category"], np.int32)

    @functools.cached_property
    def _texts(self) -> dict[str, list]:
        """The cheap fields of all records, by name."""
        rows = [[_plain(facts[name]) for name in self._FACTS] for facts in self._facts]
        return dict(zip(self._FACTS, map(list, zip(*rows, strict=True)), strict=True))

    @functools.cached_property
    def _views(self) -> dict[str, int]:
        """Rank of each view's name in the split, view_2 before view_10."""

        def natural(name: str) -> list:
            return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]

        names = sorted(set(self._texts["view_name"]), key=natural)
        return {name: rank for rank, name in enumerate(names)}


def _plain(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else int(value)


def _decode(encoded: bytes, mode: int, image_id: str) -> np.ndarray:
    image = cv2.imdecode(np.frombuffer(encoded, np.uint8), mode)
    if image is None:
        raise UserError(f"image {image_id} is not a PNG; write the shards again")
    return image


class SyntheticImages:
    """All views of the analytic relics, cut out and reduced as the shards have them."""

    categories = CATEGORIES

    CROP_MARGIN = 1.2
    """Side of the square over the longer side of the object's box."""

    def __init__(self, relics: Sequence[data_sets.Record] | None = None):
        relics = synthetic.SyntheticRelics() if relics is None else relics
        self._items = [
            self._photograph(relic, i) for relic in relics for i in range(len(relic["rgba"]))
        ]

    def _photograph(self, relic: data_sets.Record, view: int) -> Photograph:
        seen = transforms.decode_view(relic, view)
        x, y, side = transforms.object_square(seen.rgba[..., 3], self.CROP_MARGIN)
        side = round(side)
        cut = transforms.crop(seen, round(x - side / 2), round(y - side / 2), side)
        small = transforms.resize(cut, IMAGE_SIZE_PX)
        alpha = small.rgba[..., 3]
        uid = relic["uid"].decode()
        return {
            "image_id": f"{uid}/view_{view}",
            "image": _quantised(small.rgba[..., :3] + (1 - alpha)[..., None]),
            "mask": _quantised(alpha),
            "category": int(relic["category"]),
            "instance": uid,
            "view": view,
            "cam_from_world": small.cam_from_world,
            "pixel_from_cam": small.pixel_from_cam,
        }

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: int) -> Photograph:
        return self._items[index]

    def image_ids(self) -> list[str]:
        return [item["image_id"] for item in self._items]

    def instances(self) -> list[str]:
        return [item["instance"] for item in self._items]

    def category_indices(self) -> np.ndarray:
        return np.array([item["category"] for item in self._items], np.int32)


def _quantised(values: np.ndarray) -> np.ndarray:
    return np.rint(255 * np.clip(values, 0, 1)).astype(np.uint8)


def kept_decoded(images: ImageSet, max_bytes: int = MAX_CACHED_BYTES) -> ImageSet:
    """The same set, its images decoded once each if all of them fit in `max_bytes`."""
    first = images[0]
    fits = len(images) * (first["image"].nbytes + first["mask"].nbytes) <= max_bytes
    return _KeptDecoded(images) if fits else images


class _KeptDecoded:
    """Remembers every item that was read."""

    def __init__(self, images: ImageSet):
        self._images = images
        self._kept: dict[int, Photograph] = {}

    @property
    def categories(self) -> tuple[str, ...]:
        return self._images.categories

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> Photograph:
        index = range(len(self))[index]
        # Threads may decode an item twice; either result will do.
        if index not in self._kept:
            self._kept[index] = self._images[index]
        return self._kept[index]

    def image_ids(self) -> list[str]:
        return self._images.image_ids()

    def instances(self) -> list[str]:
        return self._images.instances()

    def category_indices(self) -> np.ndarray:
        return self._images.category_indices()
