"""Overlap of a mesh's exact silhouettes with masks at known cameras."""

import jax.numpy as jnp
import numpy as np

from jaxrelic.geometry import cameras, z_buffer
from jaxrelic.rendering import overlap


def silhouette_iou(
    vertices: np.ndarray, faces: np.ndarray, masks: np.ndarray, views: cameras.Camera
) -> float:
    """Mean overlap of the mesh's exact silhouettes with masks [n, h, w] at known cameras [n]."""
    return float(silhouette_ious(vertices, faces, masks, views).mean())


def silhouette_ious(
    vertices: np.ndarray, faces: np.ndarray, masks: np.ndarray, views: cameras.Camera
) -> np.ndarray:
    """The overlap of `silhouette_iou` in each view, [n]."""
    uv, depth = (
        np.asarray(x) for x in cameras.project(views, jnp.asarray(vertices, jnp.float32)[None])
    )
    height, width = masks.shape[1:]
    drawn = [
        z_buffer.rasterize(view_uv, view_depth, faces, height=height, width=width).mask
        for view_uv, view_depth in zip(uv, depth, strict=True)
    ]
    return np.asarray(overlap.mask_iou(np.float32(drawn), np.float32(masks)))
