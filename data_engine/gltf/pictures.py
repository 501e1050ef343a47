"""Pictures of a glTF: which of them its materials use, and whether those can be shown."""

from collections.abc import Iterator
from typing import Any

from data_engine.errors import Refusal
from data_engine.gltf.document import Document, bad, integer, mapping, table

BASISU, WEBP = "KHR_texture_basisu", "EXT_texture_webp"
BASISU_REMEDY = "store its pictures as PNG, JPEG or WebP"

MAX_TEXTURES = 4096
MAX_IMAGE_PIXELS = 8192**2
MAX_ALL_PIXELS = 512 << 20
HONEST_PIXELS = 1024
"""Pixels per byte beyond which a picture promises more than it holds: deflate and JPEG reach a
thousand where a picture is of one colour."""


def texture_uses(value: Any) -> Iterator[dict[str, Any]]:
    """Texture references anywhere in a material; JSON depth is bounded, so this recursion is."""
    if not isinstance(value, dict):
        return
    for name, entry in value.items():
        if name.endswith("Texture") and isinstance(entry, dict):
            yield entry
        elif name != "extras":
            yield from texture_uses(entry)


def image_of(texture: dict[str, Any], where: str = "a texture") -> int | None:
    """The image that shows a texture: its WebP where it has one, else its plain source.

    A Basis picture is not read; a file that has one beside a plain source offers the choice.
    """
    webp = mapping(mapping(texture, "extensions", where), WEBP, where)
    source = webp.get("source", texture.get("source"))
    return None if source is None else integer({"source": source}, "source", where)


def used_textures(document: Document) -> set[int]:
    """Numbers of the textures that materials refer to."""
    count = len(table(document, "textures"))
    return {
        integer(use, "index", f"material {number}", high=count - 1)
        for number, material in enumerate(table(document, "materials"))
        for use in texture_uses(material)
    }


def used_images(document: Document) -> set[int]:
    """Numbers of the images that show something; the others need not be sound, nor even there."""
    textures = table(document, "textures")
    found = {image_of(textures[number]) for number in used_textures(document)}
    return {number for number in found if number is not None}


def check_counts(document: Document) -> None:
    """Refuses more pictures than are read, and textures that are there in Basis alone."""
    textures = table(document, "textures")
    if (count := max(len(table(document, "images")), len(textures))) > MAX_TEXTURES:
        words = f"it has {count} pictures; at most {MAX_TEXTURES} are read"
        raise Refusal("too_large", f"{words}; join them into larger ones")
    for number in sorted(used_textures(document)):
        texture = textures[number]
        extensions = mapping(texture, "extensions", "a texture")
        if BASISU in extensions and image_of(texture) is None:
            words = f"its texture {number} is there in {BASISU} alone"
            raise Refusal("unsupported_extension", f"{words}; {BASISU_REMEDY}")


def check_pixels(size: tuple[int, int] | None, length: int, total: int, where: str) -> int:
    """Refuses a picture that is none, or larger than is read; returns the pixels until now.

    Args:
        size: Width and height of its header; None if it is no picture.
        length: Bytes of its file.
        total: Pixels of the pictures before it.
        where: Its name in the sentence.
    """
    if size is None:
        raise bad(f"{where} is not a PNG, JPEG or WebP picture")
    pixels = size[0] * size[1]
    reason = "too_large" if pixels <= HONEST_PIXELS * length else "bomb"
    if pixels > MAX_IMAGE_PIXELS:
        words = f"{size[0]} x {size[1]} pixels; at most {MAX_IMAGE_PIXELS} are read"
        raise Refusal(reason, f"{where} has {words}; shrink it")
    if total + pixels > MAX_ALL_PIXELS:
        words = f"with {where} its pictures have more than {MAX_ALL_PIXELS} pixels"
        raise Refusal(reason, f"{words}; shrink them")
    return total + pixels


def drop_images(document: Document, unwanted: set[int]) -> None:
    """Takes images out that no texture shows, and mends the numbers of the others."""
    images = table(document, "images")
    kept = [number for number in range(len(images)) if number not in unwanted]
    place = {number: position for position, number in enumerate(kept)}
    document["images"] = [images[number] for number in kept]
    if not kept:
        del document["images"]
    for texture in table(document, "textures"):
        _renumber(texture, place)
        extensions = mapping(texture, "extensions", "a texture")
        for name in list(extensions):
            holder = mapping(extensions, name, "a texture")
            _renumber(holder, place)
            if not holder:
                del extensions[name]


def _renumber(holder: dict[str, Any], place: dict[int, int]) -> None:
    if (source := holder.get("source")) is None or type(source) is not int:
        return
    if source in place:
        holder["source"] = place[source]
    else:
        del holder["source"]
