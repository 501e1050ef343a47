"""Single photographs of objects, one sequence whatever they are stored in.

M-SRN sees one image at a time, and so do the embeddings by which neighbours are found: both number
the images of a split as the sequence here does.
"""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxrelic.data import posed_view, synthetic
from jaxrelic.data.image_sets import image_set, prepared
from jaxrelic.data.image_sets.image_set import ImageSet, Photograph
from jaxrelic.data.schema import CATEGORIES, IMAGE_SIZE_PX
from jaxrelic.geometry import image_crops


def open_images(path: str | pathlib.Path, split: str) -> ImageSet:
    """Opens one split of `relic_images` shards, of a prepared folder, or of `synthetic`.

    Args:
        path: The shards, or any one parent of them; or the prepared folder.
        split: train, val or test; `synthetic` shows the same images in each.
    """
    if str(path) == image_set.SYNTHETIC:
        return SyntheticImages()
    if is_prepared(path):
        return prepared.PreparedImages(pathlib.Path(path), split)
    from jaxrelic.data.image_sets import shards

    return image_set.kept_decoded(shards.ShardImages(path, split))


def is_prepared(path: str | pathlib.Path) -> bool:
    """Whether a folder was written by `jaxrelic data prepare`."""
    return prepared.read_meta(pathlib.Path(path)) is not None


def data_set_folder(path: str | pathlib.Path) -> pathlib.Path:
    """Where what belongs to an image set is stored beside it, such as its neighbours."""
    if is_prepared(path):
        return pathlib.Path(path)
    from jaxrelic.data import tfds_records

    return tfds_records.find_data_set(pathlib.Path(path), image_set.RELIC_IMAGES)


def holds_only_images(path: str | pathlib.Path) -> bool:
    """Whether there are photographs under `path` and no relics with all their views."""
    if is_prepared(path):
        return True
    from jaxrelic.data import tfds_records

    names = set(tfds_records.data_sets_below(pathlib.Path(path)).values())
    return image_set.RELIC_IMAGES in names and "relic_views" not in names


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
        seen = posed_view.decode_view(relic, view)
        square = image_crops.object_square(seen.rgba[..., 3], self.CROP_MARGIN)
        cut = posed_view.crop(seen, *image_crops.whole_square(*square))
        small = posed_view.resize(cut, IMAGE_SIZE_PX)
        alpha = small.rgba[..., 3]
        uid = relic["uid"].decode()
        return {
            "image_id": f"{uid}/view_{view}",
            "image": image_set.quantised(image_crops.over(small.rgba, image_crops.WHITE)),
            "mask": image_set.quantised(alpha),
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
