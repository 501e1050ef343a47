"""Colours of mesh files, which are written for the screen, as the light that glTF counts in."""

import numpy as np

ALMOST_WHITE, PALE = 0.95, 0.78
"""Light of codes of 249 and 229 of 255."""


def linear(srgb: np.ndarray) -> np.ndarray:
    """Light [*b] of codes in [0, 1] (IEC 61966-2-1)."""
    srgb = np.clip(np.nan_to_num(srgb), 0.0, 1.0)
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def unit_range(colours: np.ndarray) -> tuple[np.ndarray, bool]:
    """Float colours [*b] as codes in [0, 1], and whether they were found to count to 255.

    Floats are meant to end at 1. Bytes written as floats go beyond with most of their values, or
    are whole numbers; the few of a bright light that go beyond are cut off.
    """
    to_255 = _look_like_bytes(np.nan_to_num(colours))
    return colours / 255.0 if to_255 else np.minimum(colours, 1.0), to_255


def _look_like_bytes(colours: np.ndarray) -> bool:
    if not (colours > 1.0 + 1e-6).any():
        return False
    if (colours == np.rint(colours)).all():
        return True
    return bool(colours.max() > 2.0 and np.median(colours[colours > 0]) > 1.0)


def blank(colours: np.ndarray) -> str:
    """`white` or `black` where linear colours [n, 3] are one of them throughout; else nothing.

    Programs that know no colours write them.
    """
    if len(colours) == 0 or np.ptp(colours, axis=0).max() > 0:
        return ""
    return "white" if colours.min() >= ALMOST_WHITE else "black" if colours.max() <= 0 else ""
