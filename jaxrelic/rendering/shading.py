"""One key light, for surfaces that people look at."""

import numpy as np

from jaxrelic.typing import Array

AMBIENT, KEY = 0.45, 0.6
"""Share of the albedo seen everywhere, and facing the light; together a little over 1."""

KEY_DIRECTION_CAM = np.array([-0.4, -0.6, -0.7], np.float32)
"""Towards the light, in the camera frame: over the viewer's left shoulder."""

CLAY = np.array([0.72, 0.64, 0.55], np.float32)
"""Albedo of meshes without colours."""


def brightness(normals_cam: Array) -> Array:
    """Factor of the albedo of surfaces with unit normals [*n, 3], lit on both sides: [*n].

    Works on NumPy and JAX arrays alike.
    """
    towards_light = KEY_DIRECTION_CAM / np.linalg.norm(KEY_DIRECTION_CAM)
    facing = 1 - 2 * (normals_cam[..., 2] > 0)
    return AMBIENT + KEY * (facing * (normals_cam @ towards_light)).clip(0, 1)
