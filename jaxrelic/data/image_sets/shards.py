"""`relic_images` shards as an image set."""

import functools
import pathlib
import re
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from jaxrelic.data import tfds_records
from jaxrelic.data.image_sets.image_set import RELIC_IMAGES, Photograph
from jaxrelic.data.schema import CATEGORIES
from jaxrelic.errors import UserError


class ShardImages:
    """`relic_images` shards of the data engine."""

    categories = CATEGORIES

    _FACTS = ("image_id", "uid", "view_name", "category")
    _IMAGES = ("image", "mask")
    _CAMERA = ("cam_from_world", "pixel_from_cam")

    def __init__(self, path: str | pathlib.Path, split: str):
        def records(*fields: str) -> Sequence[tfds_records.Record]:
            return tfds_records.open_records(
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
