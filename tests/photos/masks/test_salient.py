"""The mask finder that travels with the install, on pictures whose masks are known."""

import hashlib

import numpy as np
import pytest
from places import SHARED_DATA

from jaxrelic.photos import photo
from jaxrelic.photos.masks import salient
from jaxrelic.shipped import FOLDER, SALIENT_OBJECT

PHOTOS = SHARED_DATA / "photos"
FIELD = SHARED_DATA.parent / "field" / "library" / "photo"
needs_data = pytest.mark.skipif(not FIELD.is_dir(), reason="no shared data beside this checkout")


def iou(mask, truth):
    return np.sum((mask > 0.5) & (truth > 0.5)) / np.sum((mask > 0.5) | (truth > 0.5))


def disc(centre, radius, size=(120, 160)):
    y, x = np.mgrid[: size[0], : size[1]]
    return (y - centre[0]) ** 2 + (x - centre[1]) ** 2 < radius**2


def coloured(shape, inside=(0.6, 0.3, 0.2), outside=(0.8, 0.82, 0.85)):
    return np.float32(np.where(shape[..., None], inside, outside))


def test_its_file_is_the_one_that_the_notice_speaks_of():
    digest = hashlib.sha256(SALIENT_OBJECT.read_bytes()).hexdigest()
    assert digest in (FOLDER / "NOTICE.md").read_text()


def test_what_the_network_leaves_open_is_decided_by_colour():
    truth = disc((60, 80), 30)
    unsure = np.float32(disc((60, 80), 22)) * 0.5 + np.float32(disc((60, 80), 40)) * 0.48
    assert iou(unsure, truth) < 0.6
    assert iou(salient.sharpened(coloured(truth), unsure), truth) > 0.98


def test_where_it_is_sure_colour_is_not_asked():
    sure = np.float32(disc((60, 80), 30))
    rgb = coloured(disc((60, 80), 20))
    assert iou(salient.sharpened(rgb, sure), np.float32(disc((60, 80), 28))) > 0.97


def test_the_largest_piece_is_kept_with_a_word_and_nothing_gives_nothing(caplog):
    both = np.float32(disc((60, 40), 25) | disc((60, 130), 12))
    kept = salient.sharpened(coloured(both > 0.5), both)
    assert iou(kept, np.float32(disc((60, 40), 25))) > 0.97
    assert caplog.messages == ["2 objects stand out, and the largest is taken; a mask chooses"]
    assert salient.sharpened(coloured(both > 0.5), np.zeros_like(both)).max() == 0


@needs_data
@pytest.mark.parametrize("name", ["owl-decor", "roman-bust", "ph-brass-pot-01"])
@pytest.mark.parametrize("ground", ["grey", "table"])
def test_objects_are_found_on_grey_and_on_a_table(name, ground):
    picture = photo.read_picture(PHOTOS / f"render-{name}.png")
    height = len(picture.rgb)
    behind = np.full((height, 1, 3), (0.8, 0.8, 0.75), np.float32)
    if ground == "table":
        behind[height * 3 // 5 :] = (0.45, 0.33, 0.22)
    alpha = picture.alpha[..., None]
    rgb = picture.rgb * alpha + behind * (1 - alpha)
    assert iou(salient.find(np.float32(rgb)), picture.alpha) > 0.96


@needs_data
def test_a_grey_photograph_that_colour_alone_cannot_cut_out():
    rgb = photo.read_picture(FIELD / "p09_grey.jpg").rgb
    truth = photo.read_picture(FIELD / "p01_true_mask.png").rgb[..., 0]
    assert iou(salient.find(rgb), truth) > 0.97
