"""Backgrounds made from noise, and objects put before them: photographs without masks.

Renders arrive cut out. Foreground perception learns what the object is from everything that it is
not, so its examples need backgrounds, with edges and colours of their own.
"""

import cv2
import numpy as np

from jaxrelic.typing import Float, typechecked

PATCHES = 5
"""Patches of colour along a side of the smooth part of a background."""

CONTRAST = 0.25
"""Largest difference of a patch from the mean colour of its background."""

STROKES = 8
"""Lines and triangles drawn over it."""

GRAIN = 0.04
"""Standard deviation of the noise of each pixel."""


def background(size: int, rng: np.random.Generator) -> np.ndarray:
    """Smooth patches of colour under lines and triangles, [size, size, 3] float32 in [0, 1]."""
    patches = rng.uniform(0.2, 0.8, 3) + rng.uniform(-CONTRAST, CONTRAST, (PATCHES, PATCHES, 3))
    image = cv2.resize(np.float32(patches), (size, size), interpolation=cv2.INTER_CUBIC)
    for stroke in range(STROKES):
        colour = rng.uniform(0, 1, 3).tolist()
        middle = rng.uniform(0, size, 2)
        corners = np.int32(np.round(middle + rng.normal(0, 0.12 * size, (3, 2))))
        if stroke % 2:
            cv2.fillConvexPoly(image, corners, colour, cv2.LINE_AA)
        else:
            width = int(rng.integers(1, max(2, size // 24) + 1))
            cv2.polylines(image, [corners], False, colour, width, cv2.LINE_AA)
    image += rng.normal(0, GRAIN, image.shape).astype(np.float32)
    return np.clip(image, 0, 1)


@typechecked
def place(
    rgba: Float[np.ndarray, "h w 4"],
    size: int,
    rng: np.random.Generator,
    *,
    share: tuple[float, float] = (0.35, 0.75),
) -> Float[np.ndarray, "s s 4"]:
    """The object somewhere in a square picture, wholly inside, mirrored half of the time.

    Args:
        rgba: The object, colour multiplied by alpha, in [0, 1].
        size: Side of the picture, in pixels.
        rng: Chooses place and size.
        share: Smallest and largest longer side of the object, as a part of the picture's side.
    """
    opaque = rgba[..., 3] >= 0.5
    if not opaque.any():
        return np.zeros((size, size, 4), np.float32)
    rows, columns = np.flatnonzero(opaque.any(axis=1)), np.flatnonzero(opaque.any(axis=0))
    corner = np.array([columns[0], rows[0]], np.float64)
    extent = np.array([columns[-1], rows[-1]], np.float64) + 1 - corner
    scale = rng.uniform(*share) * size / extent.max()
    target = rng.uniform(0, size - scale * extent)
    # Pixel centres are at half-integers here and at integers for OpenCV.
    matrix = np.column_stack([scale * np.eye(2), target - scale * corner + 0.5 * (scale - 1)])
    blurred = rgba if scale >= 1 else cv2.GaussianBlur(rgba, (0, 0), 0.4 / scale)
    moved = cv2.warpAffine(blurred, matrix, (size, size), flags=cv2.INTER_LINEAR)
    return np.clip(moved[:, ::-1] if rng.random() < 0.5 else moved, 0, 1)


@typechecked
def compose(
    rgba: Float[np.ndarray, "h w 4"], behind: Float[np.ndarray, "h w 3"]
) -> Float[np.ndarray, "h w 3"]:
    """An object, colour multiplied by alpha, before a background."""
    return np.clip(rgba[..., :3] + (1 - rgba[..., 3:]) * behind, 0, 1)
