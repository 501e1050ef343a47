"""Which files of a folder are taken for pictures; their type is read from their content."""

import pathlib

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".heic", ".heif", ".avif")
"""Lower case, the likeliest first."""


def is_picture(path: pathlib.Path) -> bool:
    """Whether a file's name is that of a picture."""
    return path.suffix.lower() in SUFFIXES
