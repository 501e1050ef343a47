"""EXR files: raw renders with linear, premultiplied colour and planar depth; and depth alone."""

import pathlib

import numpy as np
import OpenEXR

from jaxrelic.geometry import srgb

BACKGROUND_DEPTH = 1e9
"""Blender writes 1e10 where nothing was hit."""


def read_exr(path: pathlib.Path) -> tuple[np.ndarray, np.ndarray]:
    """Reads one view.

    Returns:
        rgba: [h, w, 4] float32, scene-linear and premultiplied.
        depth: [h, w] float32 along the optical axis, 0 where the pixel's centre hit nothing.
    """
    channels = {}
    with OpenEXR.File(str(path)) as file:
        for part in file.parts:  # Blender 5 writes one part per pass, Blender 4 one for all
            channels.update({name: channel.pixels for name, channel in part.channels.items()})
    rgba = next(pixels for name, pixels in channels.items() if name.endswith("Combined"))
    depth = next(pixels for name, pixels in channels.items() if name.endswith("Depth.Z"))
    return rgba, np.where(depth < BACKGROUND_DEPTH, depth, np.float32(0))


def write_exr(path: pathlib.Path, rgba: np.ndarray, depth: np.ndarray) -> None:
    """Writes a raw render as Blender would: RGBA and depth (0 = background), float32."""
    z = np.where(depth > 0, depth, 10 * BACKGROUND_DEPTH)
    channels = {"ViewLayer.Combined": rgba.astype(np.float32), "ViewLayer.Depth.Z": z}
    _write(path, channels, OpenEXR.NO_COMPRESSION)


def write_depth(path: pathlib.Path, depth: np.ndarray) -> None:
    """Writes a depth image [h, w] float32 without loss, as channel Z."""
    _write(path, {"Z": depth}, OpenEXR.ZIP_COMPRESSION)


def read_depth(path: pathlib.Path) -> np.ndarray:
    """Inverse of `write_depth`."""
    with OpenEXR.File(str(path)) as file:
        return np.array(file.channels()["Z"].pixels)


def _write(path: pathlib.Path, channels: dict[str, np.ndarray], compression) -> None:
    header = {"compression": compression, "type": OpenEXR.scanlineimage}
    contiguous = {
        name: np.ascontiguousarray(pixels, np.float32) for name, pixels in channels.items()
    }
    with OpenEXR.File(header, contiguous) as file:
        file.write(str(path))


def to_straight_srgb(rgba: np.ndarray) -> np.ndarray:
    """Scene-linear premultiplied [h, w, 4] float32 to straight-alpha sRGB uint8 (IEC 61966-2-1)."""
    alpha = np.clip(rgba[..., 3:], 0, 1)
    # Below half a step of 8-bit alpha the colour is noise divided by noise.
    linear = np.where(alpha > 0.5 / 255, rgba[..., :3] / np.maximum(alpha, 1e-6), 0)
    linear = np.clip(np.nan_to_num(linear), 0, 1)
    encoded = srgb.codes_of_light(linear)
    return np.rint(255 * np.concatenate([encoded, alpha], axis=-1)).astype(np.uint8)


def to_millimetres(depth: np.ndarray) -> np.ndarray:
    """Depth in world units to uint16 thousandths; what uint16 cannot hold becomes background."""
    steps = np.rint(1000.0 * depth)
    return np.where(steps < 65536, steps, 0).astype(np.uint16)
