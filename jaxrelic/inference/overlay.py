"""A reconstruction drawn over its photograph, to see whether the two agree."""

import cv2
import numpy as np

from jaxrelic.geometry import cameras
from jaxrelic.inference.reconstruction import Reconstruction
from jaxrelic.viz import pictures

MAX_SIDE_PX = 1024
"""The longer side of the picture."""

STRENGTH = 0.6
"""Part of the mesh's colour where it covers the photograph."""

OUTLINES = {"mesh": (1.0, 0.25, 0.1), "mask": (0.1, 0.8, 1.0)}
"""RGB of the outline of the mesh and of the mask that was used."""


def draw(result: Reconstruction) -> np.ndarray:
    """The photograph under its mesh and both outlines, [h, w, 3] in [0, 1]."""
    height, width = result.photo.mask.shape
    scale = min(1.0, MAX_SIDE_PX / max(height, width))
    small = max(1, round(width * scale)), max(1, round(height * scale))
    camera = result.camera_of_photograph
    lens = np.diag([small[0] / width, small[1] / height, 1.0]) @ camera.pixel_from_cam
    camera = cameras.Camera(camera.cam_from_world, np.float32(lens))
    drawn = pictures.draw(result.mesh, camera, size=max(small), shaded=False)
    rows, columns = slice(small[1]), slice(small[0])
    rgb, mask = (
        cv2.resize(np.float32(x), small, interpolation=cv2.INTER_AREA)
        for x in (result.photo.rgb, result.photo.mask)
    )
    cover = STRENGTH * drawn.mask[rows, columns, None]
    picture = np.float32((1 - cover) * rgb + cover * drawn.rgb[rows, columns])
    for name, outline in (("mask", mask), ("mesh", drawn.mask[rows, columns])):
        edges, _ = cv2.findContours(np.uint8(outline > 0.5), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(picture, edges, -1, OUTLINES[name], 1)
    return np.clip(picture, 0, 1)


def agreement(result: Reconstruction) -> float:
    """IoU of the mesh's silhouette with the mask, in the network's input."""
    size = result.mask.shape[0]
    drawn = pictures.draw(result.mesh, result.camera, size=size, shaded=False).mask > 0.5
    mask = result.mask > 0.5
    return float(np.sum(drawn & mask) / max(np.sum(drawn | mask), 1))
