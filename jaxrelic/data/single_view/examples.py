"""From items of an image set to training examples, with the neighbours of each image.

Image sets are cut out already, so what is left is to resize and to composite; and to leave out the
cameras, which only supervision `posed` may read.
"""

import dataclasses
import pathlib

import grain
import numpy as np

from jaxrelic.data import posed_view, transforms
from jaxrelic.data.image_sets import candidates, image_set, locate, pixel_features
from jaxrelic.errors import UserError
from jaxrelic.geometry import image_crops


@dataclasses.dataclass(frozen=True)
class ToExample(grain.transforms.Map):
    """Makes a `View` of an item, colour multiplied by alpha."""

    relic_index: np.ndarray
    """Number of each image's instance, [N]."""
    posed: bool
    """Whether the camera must be known."""

    def map(self, item: image_set.Photograph) -> transforms.Example:
        if self.posed and not _known_camera(item):
            raise UserError(
                f"image {item['image_id']} has no camera; set supervision to latent or data.path "
                "to images whose cameras are known"
            )
        return {
            "input": view_of(item),
            "category": np.int32(item["category"]),
            "relic_index": self.relic_index[item["image_index"]],
            "image_index": item["image_index"],
        }


def _known_camera(item: image_set.Photograph) -> bool:
    return item["cam_from_world"] is not None and item["pixel_from_cam"] is not None


def view_of(item: image_set.Photograph) -> posed_view.View:
    """An item as a view; a camera that is not known is NaN."""
    alpha = item["mask"][..., None] / np.float32(255)
    rgba = np.concatenate([item["image"] / np.float32(255) + (alpha - 1), alpha], axis=-1)
    return posed_view.View(
        rgba=rgba,
        depth=np.zeros(alpha.shape[:2], np.float32),
        cam_from_world=_or_nan(item["cam_from_world"], 4),
        pixel_from_cam=_or_nan(item["pixel_from_cam"], 3),
    )


def _or_nan(matrix: np.ndarray | None, side: int) -> np.ndarray:
    return np.full((side, side), np.nan, np.float32) if matrix is None else matrix


@dataclasses.dataclass(frozen=True)
class ToArrays(grain.transforms.Map):
    """The arrays of a batch: those of a single view without depth, and those of its neighbours."""

    arrays: transforms.ToArrays
    images: image_set.ImageSet
    neighbours: np.ndarray
    """Images nearest to each, [N, k]; -1 where there is none. k = 0 adds no arrays."""

    def map(self, example: transforms.Example) -> transforms.Example:
        named = self.arrays.map(example)
        del named["views_depth"]  # Photographs have none.
        if not self.neighbours.shape[1]:
            return named
        return named | self._neighbours(self.neighbours[example["image_index"]])

    def _neighbours(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        """Zeros where an index is -1."""
        known = indices >= 0
        seen = [view_of(self.images[max(int(index), 0)]).rgba for index in indices]
        _, image = self._drawn(seen, known, self.arrays.image_size)
        mask, rgb = self._drawn(seen, known, self.arrays.target_size)
        return {
            "neighbours_image": image,
            "neighbours_rgb": rgb,
            "neighbours_mask": mask,
            "neighbours_known": known,
        }

    def _drawn(
        self, seen: list[np.ndarray], known: np.ndarray, size: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Coverage [k, size, size] and colours over the background [k, size, size, 3]."""
        shown = known[:, None, None].astype(np.float32)
        rgba = np.stack([image_crops.resized(each, (size, size)) for each in seen])
        rgb = image_crops.over(rgba, self.arrays.background)
        return shown * rgba[..., 3], shown[..., None] * rgb


def nearest(images: image_set.ImageSet, path: str, *, name: str, count: int) -> np.ndarray:
    """The first `count` stored candidates of each image, [N, count]; -1 where there is none.

    Args:
        images: The set.
        path: Where it was opened; `synthetic` has its candidates made on the spot.
        name: Name of the candidates beside the data set, or a file.
        count: How many.
    """
    if path == image_set.SYNTHETIC:
        return _nearest_by_pixels(images, count)
    if not name:
        raise UserError(
            "data.neighbours needs candidates: compute them with `jaxrelic neighbours`, then set "
            "data.candidates to their name, such as train-pixels"
        )
    file = pathlib.Path(name)
    if file.suffix != ".npz":
        file = locate.data_set_folder(path) / candidates.FOLDER / f"{name}.npz"
    found = candidates.read_candidates(file, images)
    stored = found.indices.shape[1]
    if stored < count:
        raise UserError(
            f"{file} has {stored} neighbours per image; set data.neighbours to {stored} or less, "
            "or compute more with `jaxrelic neighbours`"
        )
    return found.indices[:, :count]


def _nearest_by_pixels(images: image_set.ImageSet, count: int) -> np.ndarray:
    return candidates.nearest_candidates(
        pixel_features.embed_pixels(images),
        images.category_indices(),
        images.instances(),
        count=count,
        same_instance=False,
    )[0]
