"""`relic_images` shards as batches of single photographs, cameras kept out of training.

Like `loader.batches`, everything is a pure function of (settings, seed, batch number).
"""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import grain
import numpy as np

from jaxrelic.errors import UserError

IMAGE_FIELDS = ("image", "mask")
"""Fields that stay PNG bytes until the record is used."""

CAMERA_FIELDS = ("cam_from_world", "pixel_from_cam")
"""What only an evaluation may read."""

Batch = dict[str, np.ndarray]
"""b examples of i pixels, float32 in [0, 1]:

| field | shape |
| --- | --- |
| image, mask | [b, i, i, 3] over white, [b, i, i] |
| category, image_index | [b] int32; the index is the row of the image in its split |
| cam_from_world, pixel_from_cam | [b, 4, 4], [b, 3, 3]; for evaluation alone |
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImagesConfig:
    """Which photographs are read."""

    path: str
    """Directory of `relic_images` shards."""
    split: str = "train"
    """Split of the shards: train, val or test."""
    batch_size: int = 16
    """Photographs per step, over all devices."""


def open_images(path: str | pathlib.Path, split: str) -> Sequence[Mapping[str, Any]]:
    """Opens the shards under `path`, given as the version directory or any one parent of it."""
    from jaxrelic.data import data_sets  # TFDS takes seconds to import.

    fields = (*IMAGE_FIELDS, *CAMERA_FIELDS, "category")
    return data_sets.open_records(
        path,
        split,
        name="relic_images",
        fields=fields,
        image_fields=IMAGE_FIELDS,
        only_fields=True,
    )


def batches(
    config: ImagesConfig, *, seed: int, with_cameras: bool = False
) -> grain.MapDataset[Batch]:
    """All batches of a run, endless, shuffled anew in each pass: item k is batch k.

    Args:
        config: What is read.
        seed: Of the order.
        with_cameras: For evaluation; training batches do not hold them.
    """
    if config.batch_size < 1:
        raise UserError(f"data.batch_size is {config.batch_size}; set it to 1 or more")
    records = open_images(config.path, config.split)
    return (
        grain.MapDataset.source(records)
        .map_with_index(lambda i, record: {**record, "image_index": i % len(records)})
        .seed(seed)
        .shuffle()
        .repeat()
        .map(DecodeImage(with_cameras))
        .batch(config.batch_size)
    )


@dataclasses.dataclass(frozen=True)
class DecodeImage(grain.transforms.Map):
    """From a record to an example: PNG to float32, and only the fields of `Batch`."""

    with_cameras: bool = False

    def map(self, record: Mapping[str, Any]) -> dict[str, Any]:
        cameras = {name: np.asarray(record[name], np.float32) for name in CAMERA_FIELDS}
        return {
            "image": _decode(record["image"], cv2.IMREAD_COLOR)[..., ::-1] / np.float32(255),
            "mask": _decode(record["mask"], cv2.IMREAD_GRAYSCALE) / np.float32(255),
            "category": np.int32(record["category"]),
            "image_index": np.int32(record["image_index"]),
            **(cameras if self.with_cameras else {}),
        }


def _decode(encoded: bytes, mode: int) -> np.ndarray:
    image = cv2.imdecode(np.frombuffer(encoded, np.uint8), mode)
    if image is None:
        raise UserError("a record holds an image that is not a PNG; write the shards again")
    return image
