"""What every set of single photographs offers, whatever it is stored in."""

from typing import Any, Protocol

import numpy as np

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


def instance_numbers(images: ImageSet) -> np.ndarray:
    """Number of each image's instance among the sorted instances of the set, [N] int32."""
    return np.unique(images.instances(), return_inverse=True)[1].astype(np.int32)


def quantised(values: np.ndarray) -> np.ndarray:
    """Values in [0, 1] as bytes."""
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
