"""How a photograph is cut and shrunk: one way for data sets, for training and for what people give.

NumPy and OpenCV alone, so that the data engine need not wait for JAX. Colours are sRGB codes in
[0, 1], multiplied by alpha. They are averaged as light: a fine pattern of two greys is, from afar,
as bright as its light, which is brighter than the mean of its codes (docs/notes/shrinking.md).
Background is added in codes, as the rasterizers that draw the other side of a loss add it.
"""

from collections.abc import Callable

import cv2
import numpy as np

from jaxrelic.geometry import srgb

OPAQUE = 0.5
"""Alpha, or mask, or opacity, from which a pixel shows the object."""

WHITE = (1.0, 1.0, 1.0)
"""Background of data sets."""

_LEAST_ALPHA = 1e-6
"""Below this there is no colour: it would be noise divided by noise."""


def object_square(alpha: np.ndarray, margin: float) -> tuple[float, float, float]:
    """Centre (x, y) and side, in pixels, of the square around the opaque part of `alpha` [h, w].

    The square may leave the image, so that an object near the edge is in the middle all the same.

    Args:
        alpha: Coverage in [0, 1]; an empty image gives the whole frame.
        margin: Side of the square over the longer side of the object's box; 1 touches it.
    """
    opaque = alpha >= OPAQUE
    rows, columns = np.flatnonzero(opaque.any(axis=1)), np.flatnonzero(opaque.any(axis=0))
    if not len(rows):
        height, width = alpha.shape
        return width / 2, height / 2, float(max(height, width))
    left, right, top, bottom = columns[0], columns[-1] + 1, rows[0], rows[-1] + 1
    return (left + right) / 2, (top + bottom) / 2, margin * max(right - left, bottom - top)


def whole_square(x: float, y: float, side: float) -> tuple[int, int, int]:
    """Left, top and side in whole pixels of a square with this centre and about this side."""
    whole = max(round(side), 1)
    return round(x - whole / 2), round(y - whole / 2), whole


def cut(image: np.ndarray, left: int, top: int, side: int) -> np.ndarray:
    """A square [side, side, ...] of an image [h, w, ...]; zero where it leaves the image."""
    height, width = image.shape[:2]
    window = np.zeros((side, side, *image.shape[2:]), image.dtype)
    rows = slice(max(top, 0), min(top + side, height))
    columns = slice(max(left, 0), min(left + side, width))
    window[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left] = image[
        rows, columns
    ]
    return window


def premultiplied(bgra: np.ndarray) -> np.ndarray:
    """Straight-alpha BGRA [h, w, 4] uint8 to RGBA float32 in [0, 1], colour multiplied by alpha.

    Few pixels of a render are neither opaque nor empty, and only they are multiplied: half the
    time of a loader went into multiplying by zero and one.
    """
    alpha = bgra[..., 3]
    rgba = cv2.cvtColor(cv2.bitwise_and(bgra, bgra, mask=alpha), cv2.COLOR_BGRA2RGBA)
    floats = rgba.astype(np.float32)
    floats /= 255
    pixels = floats.reshape(-1, 4)
    # The difference wraps around: 0 becomes 255 and only 1 ... 254 stay below 254.
    edge = np.flatnonzero(alpha.ravel() - np.uint8(1) < 254)
    pixels[edge, :3] *= pixels[edge, 3:]
    return floats


def resized(rgba: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """An image at another size, its light averaged; the same array if that is its size.

    Args:
        rgba: [h, w, 4] float32, colour multiplied by alpha.
        size: Height and width.
    """
    if rgba.shape[:2] == size:
        return rgba
    return _recoded(averaged(_recoded(rgba, _light), size), srgb.codes_of_light)


def averaged(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """An image [h, w, ...] of any quantity at another height and width: means, or interpolated."""
    height, width = size
    shrinks = height < values.shape[0] or width < values.shape[1]
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(values, (width, height), interpolation=interpolation)


def over(rgba: np.ndarray, background: tuple[float, float, float]) -> np.ndarray:
    """Colour multiplied by alpha, [h, w, 4], over one colour."""
    mixed = rgba[..., :3] + (1 - rgba[..., 3:]) * np.float32(background)
    return np.clip(mixed, 0, 1)  # Float rounding of the averages may pass 1 by an ulp.


def _recoded(rgba: np.ndarray, curve: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """The image with `curve` applied to its colours, which alpha multiplies before and after.

    Only pixels that show something are touched: most of a view is background, and loaders wait.
    """
    recoded = np.zeros(rgba.shape, np.float32)
    shown = np.flatnonzero(rgba[..., 3] > _LEAST_ALPHA)
    pixels = rgba.reshape(-1, 4)[shown]
    alpha = pixels[:, 3:]
    straight = np.clip(pixels[:, :3] / alpha, 0, 1)
    recoded.reshape(-1, 4)[shown] = np.concatenate([curve(straight) * alpha, alpha], axis=-1)
    return recoded


def _light(codes: np.ndarray) -> np.ndarray:
    """`srgb.light_of_codes` by a table, exact for 8 and 16 bits; powers take longer."""
    return _LIGHT[(codes * 65535 + 0.5).astype(np.uint16)]


_LIGHT = srgb.light_of_codes(np.arange(65536) / 65535).astype(np.float32)
