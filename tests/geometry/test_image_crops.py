"""One way to cut and to shrink, for data sets and for what people hand in."""

import subprocess
import sys

import cv2
import numpy as np
import pytest

from data_engine.shards import relic_images
from jaxrelic.geometry import image_crops, srgb
from jaxrelic.photos import photo


def test_a_square_touches_the_object_at_margin_one():
    alpha = np.zeros((20, 30), np.float32)
    alpha[4:9, 10:22] = 1
    assert image_crops.object_square(alpha, 1.0) == (16, 6.5, 12)
    assert image_crops.object_square(alpha, 1.5)[2] == 18


def test_a_view_without_an_object_keeps_its_frame():
    assert image_crops.object_square(np.zeros((20, 20)), 1.2) == (10, 10, 20)


def patterned_disc(column, size=256):
    """Grey codes 40 and 230 by turns of one pixel, in a disc, straight alpha, [s, s, 4] uint8."""
    rows, columns = np.indices((size, size))
    grey = np.where((rows + columns) % 2, 230, 40)
    alpha = 255 * (np.hypot(columns + 0.5 - column, rows + 0.5 - size / 2) < 70)
    return np.stack([grey, grey, grey, alpha], axis=-1).astype(np.uint8)


PREPROCESSING = photo.Preprocessing(
    image_size=64, crop_margin=relic_images.CROP_MARGIN, background=image_crops.WHITE
)


def as_a_shard(rgba):
    """Square and image of a `relic_images` record."""
    whole = image_crops.premultiplied(rgba[..., [2, 1, 0, 3]])
    margin = relic_images.CROP_MARGIN
    square = image_crops.whole_square(*image_crops.object_square(whole[..., 3], margin))
    return square, relic_images.reduce_view(image_crops.cut(whole, *square), 64)[0] / 255


def as_a_photograph(rgba, path):
    """The same for a file that somebody hands in."""
    assert cv2.imwrite(str(path), rgba[..., [2, 1, 0, 3]])
    view = photo.prepare(photo.as_view(photo.read_photo(path)), PREPROCESSING)
    scale, left, top = view.pixel_from_cam[0, 0], *view.pixel_from_cam[:2, 2]
    square = round(-left / scale), round(-top / scale), round(64 / scale)
    return square, photo.over_background(view, PREPROCESSING)


@pytest.mark.parametrize("column", [128, 70, 30])
def test_a_shard_and_a_photograph_show_the_same_square_in_the_same_tones(column, tmp_path):
    disc = patterned_disc(column)
    (ours, shard), (theirs, handed_in) = as_a_shard(disc), as_a_photograph(disc, tmp_path / "a.png")
    assert ours == theirs
    np.testing.assert_allclose(shard, handed_in, atol=0.6 / 255)
    light = srgb.light_of_codes(np.array([40, 230]) / 255).mean()
    middle = float(srgb.codes_of_light(light))
    assert shard[28:36, 28:36].mean() == pytest.approx(middle, abs=0.005)  # 0.670
    assert middle > 0.13 + (40 + 230) / 2 / 255


def test_an_object_near_the_edge_is_in_the_middle_of_its_square():
    disc = patterned_disc(70)
    (left, _, side), _ = as_a_shard(disc)
    assert left == 70 - side / 2 < 0


def test_codes_and_light_are_inverse_and_black_and_white_stay():
    codes = np.arange(256, dtype=np.float32) / 255
    light = srgb.light_of_codes(codes)
    assert light.dtype == np.float32
    np.testing.assert_allclose(srgb.codes_of_light(light), codes, atol=1e-6)
    np.testing.assert_allclose(light[[0, 55, 128, 255]], [0, 0.03820, 0.21586, 1], atol=1e-5)


def test_an_image_of_the_size_wanted_is_left_alone():
    image = np.random.default_rng(0).random((6, 8, 4), np.float32)
    assert image_crops.resized(image, (6, 8)) is image


def test_height_and_width_are_not_confused():
    assert image_crops.resized(np.ones((12, 8, 4), np.float32), (3, 2)).shape == (3, 2, 4)


def test_cutting_and_shrinking_do_not_wait_for_jax():
    code = "import sys, jaxrelic.geometry.image_crops; sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
