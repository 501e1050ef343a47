"""Draws a mesh for people: exact edges, smooth shading, a fraction of a second per picture."""

import dataclasses

import cv2
import numpy as np

from jaxrelic.geometry import cameras, meshes, z_buffer
from jaxrelic.rendering import shading

SUPERSAMPLING = 2
"""Each pixel is the mean of this many squared samples."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Picture:
    """A drawn view."""

    rgb: np.ndarray
    """Over the background, [h, w, 3] in [0, 1]."""
    mask: np.ndarray
    """Coverage, [h, w] in [0, 1]."""
    depth: np.ndarray
    """Along the optical axis in world units, 0 = background, [h, w]."""


def draw(
    mesh: meshes.Mesh,
    camera: cameras.Camera,
    *,
    size: int,
    shaded: bool = True,
    background: tuple[float, float, float] = (1.0, 1.0, 1.0),
) -> Picture:
    """Draws one mesh as one camera sees it.

    Args:
        mesh: Without batch axes.
        camera: Without batch axes; intrinsics for a picture of `size` pixels a side.
        size: Side of the picture.
        shaded: Light the surface; otherwise the plain colours are shown.
        background: RGB in [0, 1].
    """
    side = size * SUPERSAMPLING
    uv, depth = cameras.project(camera, np.asarray(mesh.vertices, np.float32))
    faces = np.asarray(mesh.faces)
    seen = z_buffer.rasterize(
        np.asarray(uv) * SUPERSAMPLING, np.asarray(depth), faces, height=side, width=side
    )
    colour = _albedo(mesh, seen)
    if shaded:
        colour = np.clip(colour * _light(mesh, camera, seen)[..., None], 0, 1)
    colour = np.where(seen.mask[..., None], colour, np.asarray(background))
    blocks = (size, SUPERSAMPLING, size, SUPERSAMPLING)
    return Picture(
        rgb=colour.reshape(*blocks, 3).mean(axis=(1, 3)),
        mask=seen.mask.reshape(blocks).mean(axis=(1, 3)),
        depth=seen.depth[::SUPERSAMPLING, ::SUPERSAMPLING],
    )


def _albedo(mesh: meshes.Mesh, seen: z_buffer.Visible) -> np.ndarray:
    """Colour of the surface behind each pixel, [h, w, 3]."""
    if mesh.texture is not None and mesh.face_uvs is not None:
        uv = _interpolate(np.asarray(mesh.face_uvs), seen)
        texture = np.asarray(mesh.texture, np.float32)
        # The outer texel centres lie at 0 and 1, and v = 1 is row 0 (rendering.texture).
        column = np.clip(uv[..., 0], 0, 1) * (texture.shape[1] - 1)
        row = (1 - np.clip(uv[..., 1], 0, 1)) * (texture.shape[0] - 1)
        return cv2.remap(
            texture,
            np.float32(column),
            np.float32(row),
            cv2.INTER_LINEAR,
            None,
            cv2.BORDER_REPLICATE,
        )
    if mesh.vertex_colours is not None:
        return _interpolate(np.asarray(mesh.vertex_colours)[np.asarray(mesh.faces)], seen)
    return np.broadcast_to(shading.CLAY, (*seen.face.shape, 3))


def _light(mesh: meshes.Mesh, camera: cameras.Camera, seen: z_buffer.Visible) -> np.ndarray:
    """Brightness of each pixel from smooth normals, [h, w]; both sides of a face are lit."""
    normals = np.asarray(meshes.vertex_normals(np.asarray(mesh.vertices, np.float32), mesh.faces))
    normals_cam = normals @ np.asarray(camera.cam_from_world)[:3, :3].T
    smooth = _interpolate(normals_cam[np.asarray(mesh.faces)], seen)
    smooth /= np.maximum(np.linalg.norm(smooth, axis=-1, keepdims=True), 1e-12)
    return shading.brightness(smooth)


def _interpolate(corner_values: np.ndarray, seen: z_buffer.Visible) -> np.ndarray:
    """Values at the face corners [f, 3, c] to the pixels [h, w, c]."""
    values = corner_values[np.maximum(seen.face, 0)]
    return np.sum(seen.barycentrics[..., None] * values, axis=-2)


def depth_colours(depth: np.ndarray) -> np.ndarray:
    """Depth [h, w], 0 = background, as colours [h, w, 3]: near is bright, background white."""
    seen = depth > 0
    if not seen.any():
        return np.ones((*depth.shape, 3))
    near, far = depth[seen].min(), depth[seen].max()
    level = np.uint8(255 * np.clip((far - depth) / max(far - near, 1e-6), 0, 1))
    colours = cv2.applyColorMap(level, cv2.COLORMAP_VIRIDIS)[..., ::-1] / 255
    return np.where(seen[..., None], colours, 1.0)
