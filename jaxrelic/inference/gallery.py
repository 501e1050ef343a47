"""Held-out relics beside what the network made of one view of each."""

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from jaxrelic.data import transforms
from jaxrelic.geometry import cameras, meshes
from jaxrelic.inference import evaluate, photo
from jaxrelic.inference.reconstruct import Reconstructor
from jaxrelic.viz import grids, pictures, turntable

TILE_PX = 128
"""Side of a picture."""

RELICS_PER_ROW = 3


def draw(
    reconstructor: Reconstructor, records: Sequence[Mapping[str, Any]], count: int
) -> np.ndarray:
    """A sheet of `count` relics evenly drawn from `records`, four pictures each, in [0, 1].

    The network's input; its mesh from the camera of that input, in plain colours; and the same
    mesh, lit, a third and two thirds of a turn on.
    """
    chosen = np.linspace(0, len(records) - 1, min(count, len(records))).round().astype(int)
    tiles = []
    for index in chosen:
        tiles += _four(reconstructor, records[int(index)])
    return grids.grid(tiles, 4 * RELICS_PER_ROW)


def _four(reconstructor: Reconstructor, record: Mapping[str, Any]) -> list[np.ndarray]:
    seen = transforms.decode_view(record, evaluate.view_shown(record))
    view = photo.prepare(seen, reconstructor.preprocessing)
    image = photo.over_background(view, reconstructor.preprocessing)
    output = reconstructor.predict(image[None])
    mesh = meshes.Mesh(
        vertices=output.vertices[0],
        faces=reconstructor.template.faces,
        face_uvs=reconstructor.template.face_uvs,
        texture=output.texture[0],
    )
    camera = cameras.Camera(
        cam_from_world=view.cam_from_world,
        pixel_from_cam=cameras.resize_intrinsics(view.pixel_from_cam, TILE_PX / image.shape[0]),
    )
    return [
        cv2.resize(image, (TILE_PX, TILE_PX), interpolation=cv2.INTER_CUBIC),
        pictures.draw(mesh, camera, size=TILE_PX, shaded=False).rgb,
        *turntable.frames(mesh, size=TILE_PX, num_frames=3)[1:],
    ]
