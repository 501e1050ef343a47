"""A mesh turning once around its vertical axis, as an animated GIF."""

import io

import numpy as np
import PIL.Image

from jaxrelic.geometry import cameras, meshes
from jaxrelic.viz import grids, pictures

NUM_FRAMES = 24
FRAME_MS = 110
ELEVATION_DEG = 20.0
FOCAL_WIDTHS = 280 / 256
"""Focal length in picture widths, that of the relic renders."""
MARGIN = 1.08
"""Room around the sphere that holds the mesh."""


def frames(mesh: meshes.Mesh, *, size: int, num_frames: int = NUM_FRAMES) -> np.ndarray:
    """Pictures [n, size, size, 3] in [0, 1] of a mesh without batch axes."""
    vertices = np.asarray(mesh.vertices, np.float64)
    centre = 0.5 * (vertices.min(axis=0) + vertices.max(axis=0))
    reach = np.linalg.norm(vertices - centre, axis=-1).max()
    centred = mesh.replace(vertices=np.float32(vertices - centre))
    half_view = np.arctan(0.5 / FOCAL_WIDTHS)
    distance = np.float32(max(MARGIN * reach, 1e-3) / np.sin(half_view))
    azimuth = np.arange(num_frames, dtype=np.float32) * np.float32(2 * np.pi / num_frames)
    poses = cameras.orbit(
        azimuth,
        np.full_like(azimuth, np.deg2rad(ELEVATION_DEG)),
        np.zeros_like(azimuth),
        np.broadcast_to(np.float32([0, 0, distance]), (num_frames, 3)),
    )
    matrix = cameras.intrinsics(FOCAL_WIDTHS * size, size, size)
    views = [cameras.Camera(cam_from_world=pose, pixel_from_cam=matrix) for pose in poses]
    return np.stack([pictures.draw(centred, view, size=size).rgb for view in views])


def gif_bytes(pictures_over_time: np.ndarray, frame_ms: int = FRAME_MS) -> bytes:
    """Encodes [n, h, w, 3] in [0, 1] as an endless GIF with one palette for all frames."""
    images = [PIL.Image.fromarray(grids.to_uint8(picture)) for picture in pictures_over_time]
    # A palette from all frames together: separate ones make still parts flicker.
    strip = PIL.Image.fromarray(grids.to_uint8(np.concatenate(list(pictures_over_time[::4]))))
    palette = strip.quantize(255, method=PIL.Image.Quantize.MEDIANCUT)
    indexed = [image.quantize(palette=palette, dither=PIL.Image.Dither.NONE) for image in images]
    buffer = io.BytesIO()
    indexed[0].save(
        buffer, "GIF", save_all=True, append_images=indexed[1:], duration=frame_ms, loop=0
    )
    return buffer.getvalue()
