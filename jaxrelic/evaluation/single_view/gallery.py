"""Held-out relics beside what the network made of one view of each."""

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import jax
import numpy as np

from jaxrelic.data import posed_view
from jaxrelic.evaluation.single_view import truth
from jaxrelic.evaluation.single_view.methods import Method, Shown
from jaxrelic.geometry import cameras
from jaxrelic.photos import photo
from jaxrelic.viz import grids, pictures, turntable

TILE_PX = 128
"""Side of a picture."""

RELICS_PER_ROW = 3


def draw(
    method: Method,
    preprocessing: photo.Preprocessing,
    records: Sequence[Mapping[str, Any]],
    count: int,
) -> np.ndarray:
    """A sheet of `count` relics evenly drawn from `records`, four pictures each, in [0, 1].

    The method's input; its mesh from the camera of that input, in plain colours; and the same
    mesh, lit, a third and two thirds of a turn on.
    """
    chosen = np.linspace(0, len(records) - 1, min(count, len(records))).round().astype(int)
    tiles = []
    for index in chosen:
        tiles += _four(method, preprocessing, records[int(index)])
    return grids.grid(tiles, 4 * RELICS_PER_ROW)


def _four(
    method: Method, preprocessing: photo.Preprocessing, record: Mapping[str, Any]
) -> list[np.ndarray]:
    seen = posed_view.decode_view(record, truth.view_shown(record))
    view = photo.prepare(seen, preprocessing)
    image = photo.over_background(view, preprocessing)
    camera = cameras.Camera(cam_from_world=view.cam_from_world, pixel_from_cam=view.pixel_from_cam)
    surfaces = method([Shown(image=image, view=seen, input_camera=camera)])
    mesh = surfaces.placed(jax.tree.map(lambda array: array[None], camera)).mesh(0)
    camera = cameras.Camera(
        cam_from_world=view.cam_from_world,
        pixel_from_cam=cameras.resize_intrinsics(view.pixel_from_cam, TILE_PX / image.shape[0]),
    )
    return [
        cv2.resize(image, (TILE_PX, TILE_PX), interpolation=cv2.INTER_CUBIC),
        pictures.draw(mesh, camera, size=TILE_PX, shaded=False).rgb,
        *turntable.frames(mesh, size=TILE_PX, num_frames=3)[1:],
    ]
