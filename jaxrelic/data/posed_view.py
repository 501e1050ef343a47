"""One posed image of a relic: decoded, resized and cropped.

What moves pixels moves the camera with them: a `View` carries both.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np

from jaxrelic.data.schema import MILLIMETRES
from jaxrelic.errors import UserError
from jaxrelic.geometry import cameras, image_crops


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


def object_crop(view: View, margin: float) -> View:
    """The square about the object, its side `margin` times that of the object's box."""
    return crop(
        view, *image_crops.whole_square(*image_crops.object_square(view.rgba[..., 3], margin))
    )
