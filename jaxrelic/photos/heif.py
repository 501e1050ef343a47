"""HEIC and AVIF, which phones write and Pillow reads in part: decoders where there are any."""

import importlib.util
import pathlib

import PIL.features
import PIL.Image

from jaxrelic.errors import UserError

AVIF_BRANDS = (b"avif", b"avis")
HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
"""Brands in the first box of a file."""


def formats(path: pathlib.Path) -> tuple[str, ...]:
    """Pillow's names of the decoders for such a file; none for other files.

    Raises UserError for such a file if there is no decoder, with the way to convert it.
    """
    brand = _brand(path)
    if brand is None:
        return ()
    kind = "AVIF" if brand in AVIF_BRANDS else "HEIC"
    if kind == "AVIF" and PIL.features.check("avif"):
        return ("AVIF",)
    if importlib.util.find_spec("pillow_heif") is None:
        raise UserError(
            f"{path} is {kind}, which needs a decoder: pip install pillow-heif; or convert it: "
            f"magick {path.name} {path.stem}.jpg"
        )
    import pillow_heif

    pillow_heif.register_heif_opener()
    opener = "HEIF" if kind == "HEIC" else "AVIF"
    if kind == "AVIF" and hasattr(pillow_heif, "register_avif_opener"):
        pillow_heif.register_avif_opener()
    return (opener,)


def _brand(path: pathlib.Path) -> bytes | None:
    """The brand of a file of this family; None for every other file."""
    try:
        with path.open("rb") as file:
            head = file.read(32)
    except OSError:
        return None
    if head[4:8] != b"ftyp":
        return None
    brands = [head[8:12], *(head[place : place + 4] for place in range(16, 32, 4))]
    return next((brand for brand in brands if brand in AVIF_BRANDS + HEIF_BRANDS), None)
