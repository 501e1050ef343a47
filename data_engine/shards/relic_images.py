"""`relic_images`: one record per photograph, small and cropped, for single-view training.

The render is cut and reduced as `jaxrelic` cuts and reduces the photographs that people hand in.
"""

import hashlib
from collections.abc import Iterator

import cv2
import numpy as np
import tensorflow_datasets as tfds

from data_engine.catalog.schema import Relic
from data_engine.rendering import views
from data_engine.shards.source import ShardSource, Source
from jaxrelic.data import schema
from jaxrelic.geometry import image_crops

CROP_MARGIN = 1.2
"""Side of the square over the longer side of the relic's box."""
SALT = "jaxrelic view"


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
    rgba = image_crops.premultiplied(
        cv2.imread(str(folder / views.image_name(name)), cv2.IMREAD_UNCHANGED)
    )
    left, top, side = image_crops.whole_square(
        *image_crops.object_square(rgba[..., 3], CROP_MARGIN)
    )
    image, mask = reduce_view(image_crops.cut(rgba, left, top, side), schema.IMAGE_SIZE_PX)
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


def reduce_view(rgba: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """A square [s, s, 4] float32, colour multiplied by alpha, at another size and over white.

    Returns:
        image: [size, size, 3] uint8, sRGB.
        mask: [size, size] uint8, the mean alpha.
    """
    small = image_crops.resized(rgba, (size, size))
    small = np.concatenate([image_crops.over(small, image_crops.WHITE), small[..., 3:]], axis=-1)
    codes = np.rint(255 * small).astype(np.uint8)
    return codes[..., :3], codes[..., 3]


def _encode_png(image: np.ndarray) -> bytes:
    return cv2.imencode(".png", image)[1].tobytes()
