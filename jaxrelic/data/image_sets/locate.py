"""Single photographs of objects, one sequence whatever they are stored in.

M-SRN sees one image at a time, and so do the embeddings by which neighbours are found: both number
the images of a split as the sequence here does.
"""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from jaxrelic.data import synthetic, transforms
from jaxrelic.data.image_sets import prepared
from jaxrelic.data.schema import CATEGORIES, IMAGE_SIZE_PX
from jaxrelic.geometry import image_crops

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
    """Opens one split of `relic_images` shards, of a prepared folder, or of `synthetic`.

    Args:
        path: The shards, or any one parent of them; or the prepared folder.
        split: train, val or test; `synthetic` shows the same images in each.
    """
    if str(path) == SYNTHETIC:
        return SyntheticImages()
    if is_prepared(path):
        return prepared.PreparedImages(pathlib.Path(path), split)
    from jaxrelic.data.image_sets import shards

    return kept_decoded(shards.ShardImages(path, split))


def is_prepared(path: str | pathlib.Path) -> bool:
    """Whether a folder was written by `jaxrelic data prepare`."""
    return prepared.read_meta(pathlib.Path(path)) is not None


def data_set_folder(path: str | pathlib.Path) -> pathlib.Path:
    """Where what belongs to an image set is stored beside it, such as its neighbours."""
    if is_prepared(path):
        return pathlib.Path(path)
    from jaxrelic.data import tfds_records

    return tfds_records.find_data_set(pathlib.Path(path), RELIC_IMAGES)


def holds_only_images(path: str | pathlib.Path) -> bool:
    """Whether there are photographs under `path` and no relics with all their views."""
    if is_prepared(path):
        return True
    from jaxrelic.data import tfds_records

    names = set(tfds_records.data_sets_below(pathlib.Path(path)).values())
    return RELIC_IMAGES in names and "relic_views" not in names


def instance_numbers(images: ImageSet) -> np.ndarray:
    """Number of each image's instance among the sorted instances of the set, [N] int32."""
    return np.unique(images.instances(), return_inverse=True)[1].astype(np.int32)


class SyntheticImages:
    """All views of the analytic relics, cut out and reduced as the shards have them."""

    categories = CATEGORIES

    CROP_MARGIN = 1.2
    """Side of the square over the longer side of the object's box."""

    def __init__(self, relics: Sequence[Mapping[str, Any]] | None = None):
        relics = synthetic.SyntheticRelics() if relics is None else relics
        self._items = [
            self._photograph(relic, i) for relic in relics for i in range(len(relic["rgba"]))
        ]

    def _photograph(self, relic: Mapping[str, Any], view: int) -> Photograph:
        seen = transforms.decode_view(relic, view)
        square = image_crops.object_square(seen.rgba[..., 3], self.CROP_MARGIN)
        cut = transforms.crop(seen, *image_crops.whole_square(*square))
        small = transforms.resize(cut, IMAGE_SIZE_PX)
        alpha = small.rgba[..., 3]
        uid = relic["uid"].decode()
        return {
            "image_id": f"{uid}/view_{view}",
            "image": quantised(image_crops.over(small.rgba, (1.0, 1.0, 1.0))),
            "mask": quantised(alpha),
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
