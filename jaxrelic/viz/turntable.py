"""A mesh turning once around its vertical axis, as an animated GIF or an MP4."""

import io
import os
import pathlib

import cv2
import numpy as np
import PIL.Image

from jaxrelic.errors import UserError
from jaxrelic.geometry import cameras, meshes
from jaxrelic.viz import grids, pictures

NUM_FRAMES = 24
FRAME_MS = 110
ELEVATION_DEG = 20.0
FOCAL_WIDTHS = 280 / 256
"""Focal length in picture widths, that of the relic renders."""
MARGIN = 1.08
"""Room around the sphere that holds the mesh."""

SUFFIXES = (".gif", ".mp4")
CODECS = ("vp09", "mp4v")
"""MP4 codecs in order of preference: browsers play VP9, but not every OpenCV can write it."""


def write_turntable(
    path: pathlib.Path,
    mesh: meshes.Mesh,
    *,
    size: int = 256,
    num_frames: int = NUM_FRAMES,
    seconds: float = NUM_FRAMES * FRAME_MS / 1000,
) -> None:
    """Films one turn of a mesh without batch axes; whole or not at all.

    Args:
        path: Ends in .gif (repeats for ever) or .mp4.
        mesh: With a texture, vertex colours or neither.
        size: Side of the picture in pixels; even for an MP4.
        num_frames: Pictures in one turn.
        seconds: Duration of one turn.
    """
    check(path, size=size, num_frames=num_frames, seconds=seconds)
    pictures_over_time = frames(mesh, size=size, num_frames=num_frames)
    if path.suffix.lower() == ".gif":
        data = gif_bytes(pictures_over_time, frame_ms=round(1000 * seconds / num_frames))
        grids.write_bytes(path, data)
    else:
        _write_mp4(path, pictures_over_time, num_frames / seconds)


def check(path: pathlib.Path, *, size: int, num_frames: int, seconds: float) -> None:
    """Raises unless such a film can be written, before time is spent on its pictures."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UserError(f"{path}: a turntable is one of {', '.join(SUFFIXES)}; name it so")
    if size < 2 or num_frames < 1 or not seconds > 0:
        raise UserError(
            f"{num_frames} frames of {size} px in {seconds} s are no film; give positive numbers"
        )
    if suffix == ".mp4" and size % 2:
        raise UserError(f"an MP4 has an even size; {size} px is odd, take {size + 1}")


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


def _write_mp4(
    path: pathlib.Path, pictures_over_time: np.ndarray, frames_per_second: float
) -> None:
    """Encodes [n, h, w, 3] in [0, 1]."""
    height, width = pictures_over_time.shape[1:3]
    # The suffix stays last: it tells OpenCV the container.
    partial = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    try:
        writer = _open_writer(partial, frames_per_second, (width, height))
        for picture in pictures_over_time:
            writer.write(grids.to_uint8(picture)[..., ::-1])
        writer.release()
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _open_writer(
    path: pathlib.Path, frames_per_second: float, size: tuple[int, int]
) -> cv2.VideoWriter:
    path.touch()  # OpenCV does not say why it cannot; this does.
    for codec in CODECS:
        code = cv2.VideoWriter_fourcc(*codec)
        writer = cv2.VideoWriter(str(path), code, frames_per_second, size)
        if writer.isOpened():
            return writer
    raise UserError(f"this OpenCV writes none of {', '.join(CODECS)}; ask for a .gif")
