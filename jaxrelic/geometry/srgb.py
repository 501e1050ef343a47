"""The curve between sRGB codes and the light they stand for; NumPy alone."""

import numpy as np


def light_of_codes(codes: np.ndarray) -> np.ndarray:
    """Linear light of sRGB codes, both in [0, 1] (IEC 61966-2-1)."""
    return np.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4)


def codes_of_light(light: np.ndarray) -> np.ndarray:
    """Inverse of `light_of_codes`."""
    curve = 1.055 * np.maximum(light, 1e-6) ** (1 / 2.4) - 0.055
    return np.where(light <= 0.0031308, 12.92 * light, curve)
