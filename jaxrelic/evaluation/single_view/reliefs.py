"""Reliefs as methods of an evaluation: the network, and the inflated outline that it must beat.

A relief lies in the frame of its camera. It is placed so that the true camera sees what its own
camera saw, corrected for the lens, which a relief has to assume.
"""

from collections.abc import Callable, Sequence

import numpy as np

from jaxrelic.data.posed_view import View
from jaxrelic.evaluation.single_view.methods import Method, Shown, Surfaces
from jaxrelic.geometry import cameras
from jaxrelic.inference import relief
from jaxrelic.inference.relief import Layers
from jaxrelic.photos import photo as photos
from jaxrelic.photos.photo import Photo


def method(layers: Callable[[Photo], Layers] | None = None) -> Method:
    """Reliefs of these layers; of the inflated outline when None."""

    def reliefs(shown: Sequence[Shown]) -> Surfaces:
        photographs = [_photograph(each.view) for each in shown]
        results = [
            relief.reconstruct(photo, layers=layers(photo) if layers else None)
            for photo in photographs
        ]
        seen_by = [
            _in_inputs(each, result.camera) for each, result in zip(shown, results, strict=True)
        ]
        return Surfaces(
            vertices=[np.asarray(result.mesh.vertices) for result in results],
            faces=[np.asarray(result.mesh.faces) for result in results],
            face_uvs=[np.asarray(result.mesh.face_uvs) for result in results],
            textures=[np.asarray(result.mesh.texture) for result in results],
            camera=cameras.Camera(
                cam_from_world=np.stack([camera.cam_from_world for camera in seen_by]),
                pixel_from_cam=np.stack([camera.pixel_from_cam for camera in seen_by]),
            ),
            in_own_frame=True,
        )

    return reliefs


def _photograph(view: View) -> Photo:
    """A view as a photograph whose object is known by its alpha."""
    alpha = view.rgba[..., 3]
    rgb = np.clip(view.rgba[..., :3] / np.maximum(alpha[..., None], 1e-3), 0, 1)
    return Photo(rgb=np.float32(rgb), mask=alpha, mask_source="alpha")


def _in_inputs(shown: Shown, camera: cameras.Camera) -> cameras.Camera:
    """A camera whose pixels are those of the relief's crop, for the pixels of the method's input.

    Both are crops of one photograph: what takes the one to the other takes one true camera to the
    other.
    """
    cut = photos.prepare(shown.view, relief.PREPROCESSING)
    turn = np.asarray(shown.input_camera.pixel_from_cam) @ np.linalg.inv(cut.pixel_from_cam)
    return cameras.Camera(
        cam_from_world=np.asarray(camera.cam_from_world),
        pixel_from_cam=np.float32(turn @ np.asarray(camera.pixel_from_cam)),
    )
