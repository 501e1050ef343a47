"""The simplest embedding of a cut-out object: its outline and shading, few pixels a side."""

import cv2
import numpy as np

from jaxrelic.data.image_sets.image_set import ImageSet, Photograph

SIDE_PX = 16
"""Side of the reduced mask and image."""


def pixel_features(item: Photograph) -> np.ndarray:
    """Mask and grey image over black, reduced, as one vector of length 1: [d] float32.

    Over black, because a white background would make all images alike; an empty mask gives zeros.
    """
    mask = item["mask"].astype(np.float32) / 255
    # The image is over white: colour times alpha is what the white does not account for.
    grey = cv2.cvtColor(item["image"], cv2.COLOR_RGB2GRAY).astype(np.float32) / 255 - (1 - mask)
    small = [
        cv2.resize(x, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
        for x in (mask, np.maximum(grey, 0))
    ]
    vector = np.ravel(small).astype(np.float32)
    return vector / max(float(np.linalg.norm(vector)), 1e-12)


def embed_pixels(images: ImageSet) -> np.ndarray:
    """`pixel_features` of every image, [N, d] float32."""
    return np.stack([pixel_features(images[i]) for i in range(len(images))])
