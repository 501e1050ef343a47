"""Pictures of a reconstruction for people, beside its GLB."""

import json
import pathlib

import cv2
import numpy as np

from jaxrelic.errors import UserError
from jaxrelic.geometry import cameras
from jaxrelic.inference.reconstruction import Reconstruction
from jaxrelic.mesh_files.glb_writer import GLTF_FROM_WORLD
from jaxrelic.photos.photo import Photo
from jaxrelic.viz import grids, pictures, turntable

PREVIEW_PX = 256
"""Side of every preview, in pixels."""

PAGE = "reconstruction.json"


def make(reconstruction: Reconstruction) -> dict[str, bytes]:
    """File names to contents: input, mask, render, depth, a strip of them, and a turntable."""
    size = PREVIEW_PX
    scale = size / reconstruction.image.shape[0]
    camera = cameras.Camera(
        cam_from_world=reconstruction.camera.cam_from_world,
        pixel_from_cam=cameras.resize_intrinsics(
            np.asarray(reconstruction.camera.pixel_from_cam), scale
        ),
    )
    drawn = pictures.draw(reconstruction.mesh, camera, size=size, shaded=False)
    shown = {
        "input": _fit(_as_seen(reconstruction.photo), size),
        "mask": _fit(np.repeat(reconstruction.photo.mask[..., None], 3, axis=-1), size),
        "crop": cv2.resize(reconstruction.image, (size, size), interpolation=cv2.INTER_LINEAR),
        "silhouette": np.repeat(drawn.mask[..., None], 3, axis=-1),
        "render": drawn.rgb,
        "depth": pictures.depth_colours(drawn.depth),
    }
    files = {f"{name}.png": grids.png_bytes(picture) for name, picture in shown.items()}
    files["strip.png"] = grids.png_bytes(grids.grid(list(shown.values()), len(shown)))
    turning = turntable.frames(reconstruction.mesh, size=size)
    return files | {"turntable.gif": turntable.gif_bytes(turning)}


def write(
    reconstruction: Reconstruction,
    directory: pathlib.Path,
    *,
    photo_name: str,
    glb_name: str,
    glb_scale: float = 1.0,
) -> None:
    """Writes the previews and a page that says what they show.

    The page's `glb_from_world` takes our coordinates (z up) to those of the GLB (y up), which may
    be `glb_scale` times as large; `cam_from_world` is the camera in ours.
    """
    glb_from_world = np.eye(4)
    glb_from_world[:3, :3] = glb_scale * GLTF_FROM_WORLD
    facts = {
        "photo": photo_name,
        "glb": glb_name,
        "mask_source": reconstruction.photo.mask_source,
        "glb_from_world": glb_from_world.tolist(),
        "cam_from_world": np.asarray(reconstruction.camera.cam_from_world).tolist(),
        "pixel_from_cam": np.asarray(reconstruction.camera.pixel_from_cam).tolist(),
        "vertices": int(reconstruction.mesh.vertices.shape[0]),
        "faces": int(reconstruction.mesh.faces.shape[0]),
    }
    page = json.dumps(facts, indent=2, ensure_ascii=False) + "\n"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, data in (make(reconstruction) | {PAGE: page.encode()}).items():
            grids.write_bytes(directory / name, data)
    except OSError as error:
        raise UserError(
            f"cannot write previews to {directory}: {error.strerror}; set --previews"
        ) from error


def _as_seen(photo: Photo) -> np.ndarray:
    """The photograph, over white if its background is transparent, [h, w, 3]."""
    if photo.mask_source != "alpha":
        return photo.rgb
    return photo.rgb * photo.mask[..., None] + 1 - photo.mask[..., None]


def _fit(image: np.ndarray, size: int) -> np.ndarray:
    """The whole picture inside a white square."""
    scale = size / max(image.shape[:2])
    width, height = (max(1, round(scale * side)) for side in image.shape[1::-1])
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = cv2.resize(np.float32(image), (width, height), interpolation=interpolation)
    square = np.ones((size, size, 3), np.float32)
    top, left = (size - height) // 2, (size - width) // 2
    square[top : top + height, left : left + width] = small
    return square
