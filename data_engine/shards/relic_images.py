"""`relic_images`: one record per photograph, small and cropped, for single-view training.

The render is cut to a square around the relic and reduced in linear light (averages of sRGB codes
are too dark at edges), colour weighted by alpha, over white.
"""

import hashlib
import pathlib
from collections.abc import Iterator

import cv2
import numpy as np
import tensorflow_datasets as tfds

from data_engine.catalog.schema import Relic
from data_engine.rendering import exr, views
from data_engine.shards.source import ShardSource, Source
from jaxrelic.data import schema

CROP_MARGIN = 1.2
"""Side of the square over the longer side of the relic's box, where the render has room for it."""
SALT = "jaxrelic view"
_OPAQUE = 128
"""Alpha from which a pixel counts as relic when its box is measured."""

_CODES = np.arange(256) / 255
_LINEAR = np.where(
    _CODES <= 0.04045, _CODES / 12.92, ((_CODES + 0.055) / 1.055) ** 2.4
).astype(np.float32)  # fmt: skip
"""Linear light of each sRGB code (IEC 61966-2-1)."""


def features(source: Source) -> dict:
    """The TFDS features of a record."""
    size, f = schema.IMAGE_SIZE_PX, tfds.features
    return {
        "image_id": f.Text(),
        "uid": f.Text(),
        "view_name": f.Text(),
        "image": f.Image(shape=(size, size, 3), encoding_format="png"),
        "mask": f.Image(shape=(size, size, 1), encoding_format="png"),
        "category": f.ClassLabel(names=schema.CATEGORIES),
        "cam_from_world": f.Tensor(shape=(4, 4), dtype=np.float32),
        "pixel_from_cam": f.Tensor(shape=(3, 3), dtype=np.float32),
        "crop": f.Tensor(shape=(4,), dtype=np.float32),
    }


def all_views(source: ShardSource, relic: Relic) -> Iterator[tuple[str, dict]]:
    """A record per view of a relic."""
    for index in range(len(source.poses)):
        yield _record(source, relic, index)


def one_view(source: ShardSource, relic: Relic) -> Iterator[tuple[str, dict]]:
    """One record per relic: the honest single-view setting, where no second photograph exists."""
    meta = views.read_meta(source.workspace.render_dir(source.render_id, relic.uid))
    yield _record(source, relic, chosen_view(relic.uid, meta["views"]))


def chosen_view(uid: str, facts: list[dict]) -> int:
    """Number of the view that stands for a relic: random, fixed by the uid, among useful ones."""
    low, high = views.COVERAGE_RANGE
    useful = [i for i, view in enumerate(facts) if low < view["coverage"] < high] or range(
        len(facts)
    )
    draw = int(hashlib.sha256(f"{SALT}:{uid}".encode()).hexdigest(), 16)
    return useful[draw % len(useful)]


def _record(source: ShardSource, relic: Relic, index: int) -> tuple[str, dict]:
    from jaxrelic.geometry import cameras  # JAX takes seconds, `--help` need not wait.

    name = source.poses.names[index]
    folder = source.workspace.render_dir(source.render_id, relic.uid)
    rgba = _read_rgba(folder / views.image_name(name))
    left, top, side = object_square(rgba[..., 3])
    image, mask = reduce_view(rgba[top : top + side, left : left + side], schema.IMAGE_SIZE_PX)
    cropped = cameras.crop_intrinsics(source.poses.pixel_from_cam, left, top)
    pixel_from_cam = cameras.resize_intrinsics(cropped, schema.IMAGE_SIZE_PX / side)
    image_id = f"{relic.uid}/{name}"
    return image_id, {
        "image_id": image_id,
        "uid": relic.uid,
        "view_name": name,
        "image": _encode_png(image[..., ::-1]),
        "mask": _encode_png(mask),
        "category": schema.CATEGORIES.index(relic.category),
        "cam_from_world": source.poses.cam_from_world()[index].astype(np.float32),
        "pixel_from_cam": pixel_from_cam.astype(np.float32),
        "crop": np.float32([left, top, left + side, top + side]),
    }


def object_square(alpha: np.ndarray) -> tuple[int, int, int]:
    """Left, top and side, in pixels, of a square inside the image around the opaque part.

    Args:
        alpha: [s, s] uint8; an empty image gives the whole of it.
    """
    size = len(alpha)
    rows, columns = np.nonzero(alpha >= _OPAQUE)
    if not len(rows):
        return 0, 0, size
    low = np.array([columns.min(), rows.min()])
    high = np.array([columns.max(), rows.max()]) + 1
    side = min(round(CROP_MARGIN * max(high - low)), size)
    left, top = np.clip(np.rint((low + high - side) / 2), 0, size - side).astype(int)
    return int(left), int(top), side


def reduce_view(rgba: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """A straight-alpha sRGB square [s, s, 4] uint8 at another size, over white.

    Returns:
        image: [size, size, 3] uint8, sRGB.
        mask: [size, size] uint8, the mean alpha.
    """
    alpha = rgba[..., 3:].astype(np.float32) / 255
    premultiplied = np.concatenate([_LINEAR[rgba[..., :3]] * alpha, alpha], axis=-1)
    averaging = cv2.INTER_AREA if size < len(rgba) else cv2.INTER_LINEAR
    small = cv2.resize(premultiplied, (size, size), interpolation=averaging)
    mask = small[..., 3:]
    over_white = np.concatenate([small[..., :3] + 1 - mask, np.ones_like(mask)], axis=-1)
    return exr.to_straight_srgb(over_white)[..., :3], np.rint(255 * mask[..., 0]).astype(np.uint8)


def _read_rgba(path: pathlib.Path) -> np.ndarray:
    return cv2.cvtColor(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), cv2.COLOR_BGRA2RGBA)


def _encode_png(image: np.ndarray) -> bytes:
    return cv2.imencode(".png", image)[1].tobytes()
