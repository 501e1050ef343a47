"""Pictures are measured without being decoded, and counted."""

from gltf_documents import png

from data_engine.gltf.image_headers import image_size


def test_picture_sizes_are_read_from_headers(tmp_path):
    from PIL import Image

    assert image_size(png(30_000, 7)) == (30_000, 7)
    for suffix, options in [("jpg", {}), ("jpg", {"progressive": True}), ("png", {}),
                            ("webp", {"lossless": True}), ("webp", {"quality": 50}),
                            ("webp", {"exif": b"Exif\0\0"})]:  # fmt: skip
        path = tmp_path / f"picture.{suffix}"
        Image.new("RGB", (37, 21), "red").save(path, **options)
        assert image_size(path.read_bytes()) == (37, 21), options
    assert image_size(b"\xff\xd8\xff" + b"\xff" * 5000) is None
    assert image_size(b"<html>") is None
