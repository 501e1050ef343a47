"""Photographs are judged by content, decoded right, and cropped as the training data are."""

import numpy as np
import PIL.Image
import PIL.ImageOps
import pytest
from places import SHARED_DATA

from jaxrelic.data import posed_view, transforms
from jaxrelic.errors import UserError
from jaxrelic.photos import photo
from jaxrelic.photos.masks import salient

DATA = SHARED_DATA
HOSTILE, PHOTOS = DATA / "hostile", DATA / "photos"
PREPROCESSING = photo.Preprocessing(image_size=32, crop_margin=1.2, background=(1.0, 1.0, 1.0))

needs_data = pytest.mark.skipif(not HOSTILE.is_dir(), reason="no shared/data beside this checkout")


def save(path, array, **options):
    PIL.Image.fromarray(array).save(path, **options)
    return path


def disc(height=60, width=80, centre=(25, 50), radius=15):
    rows, columns = np.mgrid[:height, :width]
    return (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 < radius**2


@needs_data
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("photo-1px.png", "too small"),
        ("photo-truncated.jpg", "damaged"),
        ("photo-bomb-30000px.png", "megapixels"),
        ("photo-all-transparent.png", "no object"),
        ("photo-blank.png", "no object"),
        ("photo-script.svg", "not a picture"),
        ("html-named.jpg", "not a picture"),
        ("picture-named.glb", "too small|no object"),
    ],
)
def test_hostile_photographs_are_refused_in_one_line(name, words):
    with pytest.raises(UserError, match=words) as caught:
        photo.read_photo(HOSTILE / name)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


@needs_data
def test_a_photograph_is_recognised_whatever_its_name():
    picture = photo.read_picture(HOSTILE / "jpeg-named.png")
    assert picture.rgb.shape == (64, 64, 3)
    assert picture.alpha is None


@needs_data
def test_sixteen_bits_are_scaled_rather_than_clipped():
    rgb = photo.read_picture(HOSTILE / "photo-16bit.png").rgb
    assert 0.4 < rgb.mean() < 0.6
    assert len(np.unique(rgb)) > 200


@needs_data
def test_cmyk_inks_become_the_colour_they_print():
    rgb = photo.read_picture(HOSTILE / "photo-cmyk.jpg").rgb
    # A little cyan, much magenta, some yellow, no black: a pink with most red and least green.
    red, green, blue = rgb.mean(axis=(0, 1))
    assert red > 0.9
    assert red > blue > green


def test_the_picture_is_turned_upright_by_its_exif(tmp_path):
    image = PIL.Image.fromarray(np.zeros((20, 40, 3), np.uint8))
    exif = PIL.Image.Exif()
    exif[0x0112] = 6  # Rotated a quarter turn.
    image.save(tmp_path / "turned.jpg", exif=exif)
    assert photo.read_picture(tmp_path / "turned.jpg").upright().rgb.shape == (40, 20, 3)


@pytest.mark.parametrize("suffix", ["png", "webp", "tiff"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_one_decoding_gives_the_stored_picture_and_the_upright_one(orientation, suffix, tmp_path):
    stored = np.random.default_rng(0).integers(0, 256, (20, 30, 4), np.uint8)
    image, exif = PIL.Image.fromarray(stored), PIL.Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"turned.{suffix}"
    image.save(path, exif=exif, **({"lossless": True, "exact": True} if suffix == "webp" else {}))
    picture = photo.read_picture(path)
    if suffix != "tiff":  # Pillow turns those while it decodes them.
        assert picture.orientation == orientation
        np.testing.assert_allclose(255 * picture.rgb, stored[..., :3], atol=1e-4)
    with PIL.Image.open(path) as opened:
        expected = np.asarray(PIL.ImageOps.exif_transpose(opened))
    upright = picture.upright()
    np.testing.assert_allclose(255 * upright.rgb, expected[..., :3], atol=1e-4)
    np.testing.assert_allclose(255 * upright.alpha, expected[..., 3], atol=1e-4)
    assert upright.orientation == 1


def test_transparency_is_the_mask(disc_photo):
    read = photo.read_photo(disc_photo)
    assert read.mask_source == "alpha"
    np.testing.assert_array_equal(read.mask > 0.5, disc())


def test_a_mask_file_wins_over_transparency(disc_photo, tmp_path):
    other = disc(centre=(40, 20), radius=10)
    mask = save(tmp_path / "mask.png", np.uint8(255 * other))
    read = photo.read_photo(disc_photo, mask)
    assert read.mask_source == "file"
    np.testing.assert_array_equal(read.mask > 0.5, other)


def test_a_mask_of_another_size_is_refused(disc_photo, tmp_path):
    mask = save(tmp_path / "mask.png", np.full((20, 20), 255, np.uint8))
    with pytest.raises(UserError, match="same size"):
        photo.read_photo(disc_photo, mask)


@pytest.mark.parametrize(("value", "words"), [(0, "no object"), (255, "fills 100%")])
def test_masks_without_object_or_background_are_refused(disc_photo, tmp_path, value, words):
    mask = save(tmp_path / "mask.png", np.full((60, 80), value, np.uint8))
    with pytest.raises(UserError, match=words):
        photo.read_photo(disc_photo, mask)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"nothing\.png"):
        photo.read_photo(tmp_path / "nothing.png")


def test_an_object_on_a_plain_ground_is_found_to_the_pixel():
    shape = disc(120, 160, (50, 90), 30)
    rgb = np.where(shape[..., None], [0.6, 0.3, 0.2], [0.8, 0.82, 0.85])
    rgb += np.random.default_rng(0).normal(scale=0.01, size=rgb.shape)
    found = salient.find(np.clip(rgb, 0, 1).astype(np.float32)) > 0.5
    assert np.mean(found != shape) < 0.005


def test_the_ground_seen_through_a_handle_stays_ground():
    ring = disc(120, 160, (60, 80), 40) & ~disc(120, 160, (60, 80), 22)
    rgb = np.where(ring[..., None], [0.5, 0.2, 0.1], [0.9, 0.9, 0.9]).astype(np.float32)
    found = salient.find(rgb) > 0.5
    assert not found[60, 80]
    assert np.mean(found != ring) < 0.01


@needs_data
def test_a_highlight_is_no_hole():
    rgb = np.full((120, 120, 3), 0.8)
    rgb[30:90, 30:90] = [0.2, 0.5, 0.3]
    rgb[50:53, 50:54] = 0.8
    assert salient.find(rgb)[51, 51] == 1


@needs_data
def test_a_render_on_grey_is_found_as_well_as_its_alpha():
    picture = photo.read_picture(PHOTOS / "render-owl-decor.png")
    rgb, alpha = picture.rgb, picture.alpha
    flat = rgb * alpha[..., None] + (1 - alpha[..., None]) * np.float32([0.8, 0.8, 0.75])
    found, truth = salient.find(flat) > 0.5, alpha > 0.5
    assert (found & truth).sum() / (found | truth).sum() > 0.95


def test_the_crop_is_square_centred_and_of_the_configured_margin(disc_photo):
    view = photo.prepare(photo.as_view(photo.read_photo(disc_photo)), PREPROCESSING)
    alpha = view.rgba[..., 3]
    assert alpha.shape == (32, 32)
    rows, columns = np.nonzero(alpha > 0.5)
    for low, high in ((rows.min(), rows.max()), (columns.min(), columns.max())):
        assert abs((low + high) / 2 - 15.5) <= 0.5
        assert high - low + 1 == pytest.approx(32 / 1.2, abs=1.5)


def test_the_crop_remembers_where_its_pixels_came_from(disc_photo):
    view = photo.prepare(photo.as_view(photo.read_photo(disc_photo)), PREPROCESSING)
    # The disc's centre, at pixel (50.5, 25.5) of the photograph, is the crop's centre.
    crop_uv = view.pixel_from_cam @ [50.5, 25.5, 1]
    np.testing.assert_allclose(crop_uv[:2], [16, 16], atol=0.6)


def test_a_photograph_and_a_record_are_prepared_alike(disc_photo):
    read = photo.read_photo(disc_photo)
    prepared = photo.prepare(photo.as_view(read), PREPROCESSING)
    example = transforms.CropInput(1.2, 0.0).random_map(
        {"input": photo.as_view(read)}, np.random.default_rng(5)
    )
    trained = posed_view.resize(example["input"], 32)
    np.testing.assert_array_equal(prepared.rgba, trained.rgba)


def test_the_background_shows_where_the_object_is_not(disc_photo):
    blue = photo.Preprocessing(image_size=32, crop_margin=1.2, background=(0.0, 0.0, 1.0))
    image = photo.over_background(
        photo.prepare(photo.as_view(photo.read_photo(disc_photo)), blue), blue
    )
    np.testing.assert_allclose(image[0, 0], [0, 0, 1], atol=1e-6)
    np.testing.assert_allclose(image[16, 16], np.float32([200, 30, 20]) / 255, atol=1e-5)
