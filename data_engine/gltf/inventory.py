"""What a sound GLB carries besides its shape: for the catalog, and for choosing among uploads."""

import os
from typing import Any

from data_engine.gltf.checks import check_document, image_bytes
from data_engine.gltf.container import read_glb
from data_engine.gltf.document import names, table
from data_engine.gltf.image_headers import image_size


def inventory(path: str | os.PathLike) -> dict[str, Any]:
    """Counts of a GLB, from its JSON and the headers of its pictures; `Refusal` if it is unsound.

    Returns:
        `materials` and `textures` (pictures) as counts, `max_texture_px` the longest side of any
        picture in pixels, and `extensions` the sorted names of those used or required.
    """
    gltf = check_document(read_glb(path))
    images = table(gltf.document, "images")
    sides = [image_size(image_bytes(gltf, image, "an image")) for image in images]
    used = {*names(gltf.document, "extensionsUsed"), *names(gltf.document, "extensionsRequired")}
    return {
        "materials": len(table(gltf.document, "materials")),
        "textures": len(images),
        "max_texture_px": max((side for size in sides for side in size), default=0),
        "extensions": sorted(used),
    }
