"""Pictures are measured without being decoded, and counted."""

from gltf_documents import BINARY, png, tetrahedron, with_image

from data_engine.gltf.image_headers import image_size
from data_engine.gltf.inventory import inventory
from data_engine.gltf.pack import write_glb


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


def test_the_inventory_counts_materials_pictures_and_extensions(tmp_path):
    document = with_image(png(30, 70), copies=2)
    document["images"][1:] = with_image(png(64, 8))["images"]
    document["images"] += with_image(b"of no kind, and used by none")["images"]
    document["materials"].append({})
    document["meshes"][0]["primitives"][0]["attributes"]["COLOR_0"] = 0
    document["extensionsUsed"] = ["KHR_materials_unlit", "EXT_texture_webp"]
    document["extensionsRequired"] = ["EXT_texture_webp"]
    (tmp_path / "a.glb").write_bytes(write_glb(document, BINARY))
    assert inventory(tmp_path / "a.glb") == {
        "materials": 3,
        "textures": 2,
        "vertex_colors": True,
        "max_texture_px": 70,
        "extensions": ["EXT_texture_webp", "KHR_materials_unlit"],
    }
    (tmp_path / "b.glb").write_bytes(write_glb(tetrahedron(), BINARY))
    bare = {"materials": 0, "textures": 0, "max_texture_px": 0, "extensions": []}
    bare["vertex_colors"] = False
    assert inventory(tmp_path / "b.glb") == bare
