"""What the relief network is shown of a photograph and its mask."""

import jax
import numpy as np

from jaxrelic.geometry.relief.inflation import inflate
from jaxrelic.geometry.relief.relief_mesh import signed_distance
from jaxrelic.typing import Float, typechecked

PICTURE_PX, LAYER_PX = 128, 64
"""Sides of the photograph and of the layers, in pixels."""
MIDDLE = 0.45
"""Mean that photographs are brought to, sRGB."""
INPUTS = ("photo", "mask", "distance", "inflated")
"""In the order in which the network takes them."""


@typechecked
def network_inputs(
    photo: Float[np.ndarray, "h w 3"], mask: Float[np.ndarray, "h w"]
) -> dict[str, np.ndarray]:
    """Masked photograph of a common brightness, mask, distance to the outline, inflation.

    Args:
        photo: sRGB in [0, 1]; what lies outside the mask is not used.
        mask: Coverage in [0, 1].
    """
    total = max(float(mask.sum()), 1e-6)
    mean = float(np.sum(photo * mask[..., None]) / (3 * total))
    gain = MIDDLE / max(mean, 0.02)
    bright = np.clip(photo * gain, 0, 2) - MIDDLE
    return {
        "photo": (2 * bright * mask[..., None]).astype(np.float32),
        "mask": mask.astype(np.float32),
        "distance": signed_distance(mask > 0.5),
        "inflated": inflate(halved(mask) > 0.5),
    }


def halved(mask: np.ndarray) -> np.ndarray:
    """Mean of 2 x 2 pixels, [h / 2, w / 2]."""
    return 0.25 * (mask[::2, ::2] + mask[1::2, ::2] + mask[::2, 1::2] + mask[1::2, 1::2])


def abstract_inputs() -> dict[str, jax.ShapeDtypeStruct]:
    """Shapes of the network's inputs for one photograph."""
    fine, coarse = (1, PICTURE_PX, PICTURE_PX), (1, LAYER_PX, LAYER_PX)
    shapes = {"photo": (*fine, 3), "mask": fine, "distance": fine, "inflated": coarse}
    return {name: jax.ShapeDtypeStruct(shapes[name], np.float32) for name in INPUTS}
