"""From a record to a training example: choose views, crop, resize, composite.

All of it is NumPy in grain; `posed_view` has what is done to one view.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import grain
import numpy as np

from jaxrelic.data.posed_view import crop, decode_view, resize
from jaxrelic.errors import UserError
from jaxrelic.geometry import image_crops

Example = dict[str, Any]

CAMERA_FIELDS = (
    "views_cam_from_world",
    "views_pixel_from_cam",
    "input_cam_from_world",
    "input_pixel_from_cam",
)
"""What a run with latent poses never sees."""


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
