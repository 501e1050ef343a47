"""Pictures side by side, and pictures as files: PNG bytes, written whole or not at all."""

import io
import os
import pathlib
from collections.abc import Sequence

import numpy as np
import PIL.Image

GAP_PX = 4
"""White space between the pictures of a grid."""


def to_uint8(image: np.ndarray) -> np.ndarray:
    """Values in [0, 1], of any shape, to bytes."""
    return np.uint8(np.round(np.clip(np.asarray(image, np.float64), 0, 1) * 255))


def png_bytes(image: np.ndarray) -> bytes:
    """Encodes [h, w], [h, w, 3] or [h, w, 4] in [0, 1]."""
    buffer = io.BytesIO()
    PIL.Image.fromarray(to_uint8(image)).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def write_bytes(path: pathlib.Path, data: bytes) -> None:
    """Writes a file under a temporary name, then renames it."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_bytes(data)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def grid(images: Sequence[np.ndarray], columns: int) -> np.ndarray:
    """Arranges pictures of one size in rows, on white.

    Args:
        images: Each [h, w, 3] or [h, w], in [0, 1].
        columns: Pictures per row.
    """
    tiles = [image if image.ndim == 3 else np.repeat(image[..., None], 3, -1) for image in images]
    height, width = tiles[0].shape[:2]
    rows = -(-len(tiles) // columns)
    sheet = np.ones((rows * (height + GAP_PX) - GAP_PX, columns * (width + GAP_PX) - GAP_PX, 3))
    for index, tile in enumerate(tiles):
        top, left = index // columns * (height + GAP_PX), index % columns * (width + GAP_PX)
        sheet[top : top + height, left : left + width] = tile
    return sheet


def fitted(image: np.ndarray, side: int) -> np.ndarray:
    """A picture [h, w] or [h, w, 3] in [0, 1] in the middle of a white square, [side, side, 3]."""
    picture = PIL.Image.fromarray(to_uint8(image)).convert("RGB")
    scale = side / max(picture.size)
    size = [max(1, round(scale * length)) for length in picture.size]
    square = PIL.Image.new("RGB", (side, side), "white")
    square.paste(
        picture.resize(size, PIL.Image.Resampling.BOX if scale < 1 else None),
        ((side - size[0]) // 2, (side - size[1]) // 2),
    )
    return np.asarray(square) / 255
