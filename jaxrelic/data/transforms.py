"""From a record to a training example: choose views, crop, resize, composite.

All of it is NumPy in grain. What moves pixels moves the camera with them: a `View` carries both.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import cv2
import grain
import numpy as np

from jaxrelic.data.schema import MILLIMETRES
from jaxrelic.errors import UserError
from jaxrelic.geometry import cameras, image_crops

Example = dict[str, Any]

CAMERA_FIELDS = (
    "views_cam_from_world",
    "views_pixel_from_cam",
    "input_cam_from_world",
    "input_pixel_from_cam",
)
"""What a run with latent poses never sees."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class View:
    """One posed image of a relic, decoded."""

    rgba: np.ndarray
    """[h, w, 4] float32 in [0, 1], colour multiplied by alpha so that averaging is right."""
    depth: np.ndarray
    """[h, w] float32, along the optical axis in world units, 0 = background."""
    cam_from_world: np.ndarray
    """[4, 4] float32."""
    pixel_from_cam: np.ndarray
    """[3, 3] float32, for an image of this size."""


def decode_view(record: Mapping[str, Any], index: int, *, with_depth: bool = True) -> View:
    """Decodes one view of a record whose images are still PNG bytes.

    Args:
        record: With the fields of `relics.TRAINING_FIELDS`.
        index: Which view.
        with_depth: Decode depth too, which takes about as long as colour; else it is 0.
    """
    rgba = image_crops.premultiplied(_decode_png(record["rgba"][index]))
    depth = np.zeros(rgba.shape[:2], np.float32)
    if with_depth:
        depth = _decode_png(record["depth_mm"][index]).astype(np.float32)
        depth /= MILLIMETRES
    return View(
        rgba=rgba,
        depth=depth,
        cam_from_world=np.asarray(record["cam_from_world"][index], np.float32),
        pixel_from_cam=np.asarray(record["pixel_from_cam"][index], np.float32),
    )


def _decode_png(encoded: bytes) -> np.ndarray:
    image = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise UserError("a record holds an image that is not a PNG; write the shards again")
    return image


def resize(view: View, size: int) -> View:
    """Resizes a square view to `size` pixels: light averaged, depth picked.

    A mean of depths across an edge would be a surface that does not exist.
    """
    height, width = view.depth.shape
    if height != width:
        raise ValueError(f"a {width} x {height} view is not square; crop it first")
    return View(
        rgba=image_crops.resized(view.rgba, (size, size)),
        depth=cv2.resize(view.depth, (size, size), interpolation=cv2.INTER_NEAREST_EXACT),
        cam_from_world=view.cam_from_world,
        pixel_from_cam=cameras.resize_intrinsics(view.pixel_from_cam, size / height),
    )


def crop(view: View, left: int, top: int, side: int) -> View:
    """Cuts a square, in pixels; where it leaves the image it is transparent."""
    return dataclasses.replace(
        view,
        rgba=image_crops.cut(view.rgba, left, top, side),
        depth=image_crops.cut(view.depth, left, top, side),
        pixel_from_cam=cameras.crop_intrinsics(view.pixel_from_cam, left, top),
    )


@dataclasses.dataclass(frozen=True)
class ChooseViews(grain.transforms.RandomMap):
    """Draws one input view and `num_targets` other views of the same relic, and decodes them."""

    num_targets: int

    def random_map(self, record: Mapping[str, Any], rng: np.random.Generator) -> Example:
        order = rng.permutation(len(record["rgba"]))
        if len(order) <= self.num_targets:
            raise UserError(
                f"a relic has {len(order)} views, too few for one input and {self.num_targets} "
                f"targets; set data.num_targets to {len(order) - 1} or less"
            )
        return {
            "input": decode_view(record, order[0]),
            "targets": [decode_view(record, i) for i in order[1 : 1 + self.num_targets]],
            "category": np.int32(record["category"]),
            "relic_index": np.int32(record["relic_index"]),
        }


@dataclasses.dataclass(frozen=True)
class CropInput(grain.transforms.RandomMap):
    """Crops the input to a square around the object, as a photograph will be at inference."""

    margin: float | None
    """Side of the square over that of the object's box; None for the whole of a square image."""
    jitter: float
    """Largest shift of the square, and change of its side, as a part of its side."""

    def random_map(self, example: Example, rng: np.random.Generator) -> Example:
        alpha = example["input"].rgba[..., 3]
        if self.margin is None:
            x, y, side = len(alpha) / 2, len(alpha) / 2, len(alpha)
        else:
            x, y, side = image_crops.object_square(alpha, self.margin)
        shift_x, shift_y, growth = rng.uniform(-self.jitter, self.jitter, 3)
        square = image_crops.whole_square(
            x + shift_x * side, y + shift_y * side, side * (1 + growth)
        )
        return example | {"input": crop(example["input"], *square)}


@dataclasses.dataclass(frozen=True)
class TargetInput(grain.transforms.Map):
    """Makes the input its own only target: `posed` and `latent` know no other view."""

    def map(self, example: Example) -> Example:
        return example | {"targets": [example["input"]]}


@dataclasses.dataclass(frozen=True)
class ToArrays(grain.transforms.Map):
    """Resizes, composites over one colour in [0, 1] and names the arrays of a batch."""

    image_size: int
    target_size: int
    background: tuple[float, float, float]

    def map(self, example: Example) -> Example:
        photo = resize(example["input"], self.image_size)
        targets = [resize(view, self.target_size) for view in example["targets"]]
        return {
            "image": image_crops.over(photo.rgba, self.background),
            "mask": photo.rgba[..., 3],
            "input_cam_from_world": photo.cam_from_world,
            "input_pixel_from_cam": photo.pixel_from_cam,
            "views_rgb": np.stack(
                [image_crops.over(view.rgba, self.background) for view in targets]
            ),
            "views_mask": np.stack([view.rgba[..., 3] for view in targets]),
            "views_depth": np.stack([view.depth for view in targets]),
            "views_cam_from_world": np.stack([view.cam_from_world for view in targets]),
            "views_pixel_from_cam": np.stack([view.pixel_from_cam for view in targets]),
            "category": example["category"],
            "relic_index": example["relic_index"],
        }


@dataclasses.dataclass(frozen=True)
class DropCameras(grain.transforms.Map):
    """Takes every pose out of the example, so that no later mistake can read one."""

    def map(self, example: Example) -> Example:
        return {name: value for name, value in example.items() if name not in CAMERA_FIELDS}
