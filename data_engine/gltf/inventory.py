"""What a sound GLB carries besides its shape: for the catalog, and for choosing among uploads."""

import os
from typing import Any

from data_engine.gltf.checks import check_document, image_bytes
from data_engine.gltf.container import read_glb
from data_engine.gltf.document import Document, mapping, names, objects, table
from data_engine.gltf.image_headers import image_size
from data_engine.gltf.pictures import used_images


def inventory(path: str | os.PathLike) -> dict[str, Any]:
    """Counts of a GLB, from its JSON and the headers of its pictures; `Refusal` if it is unsound.

    Returns:
        `materials` and `textures` (pictures that materials use) as counts, `vertex_colors` whether
        any mesh has some, `max_texture_px` the longest side of any of the pictures in pixels, and
        `extensions` the sorted names of those used or required.
    """
    gltf = check_document(read_glb(path))
    images = table(gltf.document, "images")
    shown = [images[number] for number in sorted(used_images(gltf.document))]
    sizes = [image_size(image_bytes(gltf, image, "an image")) for image in shown]
    used = {*names(gltf.document, "extensionsUsed"), *names(gltf.document, "extensionsRequired")}
    return {
        "materials": len(table(gltf.document, "materials")),
        "textures": len(shown),
        "vertex_colors": _has_colours(gltf.document),
        "max_texture_px": max((side for size in sizes for side in size), default=0),
        "extensions": sorted(used),
    }


def _has_colours(document: Document) -> bool:
    return any(
        "COLOR_0" in mapping(primitive, "attributes", "a primitive")
        for mesh in table(document, "meshes")
        for primitive in objects(mesh, "primitives", "a mesh")
    )
