"""Phones' HEIC and AVIF pictures are read where there is a decoder; else it is said what helps."""

import importlib.util

import numpy as np
import PIL.features
import PIL.Image
import pytest

from jaxrelic.errors import UserError
from jaxrelic.photos import heif, photo

HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 64


@pytest.mark.skipif(not PIL.features.check("avif"), reason="this Pillow has no AVIF decoder")
def test_avif_is_read_whatever_its_name(tmp_path):
    image = np.zeros((40, 60, 3), np.uint8)
    image[10:30, 20:40] = 200, 100, 50
    PIL.Image.fromarray(image).save(tmp_path / "a.avif", quality=100)
    (tmp_path / "a.avif").rename(tmp_path / "a.jpg")
    read = photo.read_picture(tmp_path / "a.jpg").rgb
    np.testing.assert_allclose(read, image / 255, atol=0.2)


def test_heic_without_a_decoder_says_how_to_convert_it(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    path = tmp_path / "IMG_1.heic"
    path.write_bytes(HEIC)
    with pytest.raises(UserError) as refused:
        photo.read_picture(path)
    message = str(refused.value)
    assert "is HEIC, which needs a decoder: pip install pillow-heif" in message
    assert message.endswith("magick IMG_1.heic IMG_1.jpg")


def test_heic_is_read_where_pillow_heif_is(tmp_path):
    pillow_heif = pytest.importorskip("pillow_heif")
    image = np.zeros((64, 96, 3), np.uint8)
    image[10:30, 20:40] = 200, 100, 50
    pillow_heif.from_pillow(PIL.Image.fromarray(image)).save(tmp_path / "a.heic", quality=100)
    read = photo.read_picture(tmp_path / "a.heic").rgb
    np.testing.assert_allclose(read, image / 255, atol=0.2)


@pytest.mark.parametrize(
    "data", [b"", b"ftyp", b"\x89PNG\r\n\x1a\n", b"\0\0\0\x18ftypisom" + b"\0" * 40]
)
def test_other_files_are_not_of_this_family(tmp_path, data):
    (tmp_path / "x").write_bytes(data)
    assert heif.formats(tmp_path / "x") == ()
