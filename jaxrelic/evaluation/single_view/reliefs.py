"""Reliefs as methods of an evaluation: the network, and the inflated outline that it must beat.

A relief is depth along the rays of a camera. It is placed by the true camera: its rays, and the
distance of the world's origin, about which relics lie.
"""

from collections.abc import Callable, Sequence

import numpy as np

from jaxrelic.data.posed_view import View
from jaxrelic.evaluation.single_view.methods import Method, Shown, Surfaces
from jaxrelic.geometry import cameras
from jaxrelic.geometry.relief.relief_mesh import CropCamera
from jaxrelic.inference import relief
from jaxrelic.inference.relief import Layers
from jaxrelic.photos import photo as photos
from jaxrelic.photos.photo import Photo


def method(layers: Callable[[Photo], Layers] = relief.outline_layers) -> Method:
    """Reliefs of these layers; by default of the inflated outline."""

    def reliefs(shown: Sequence[Shown]) -> Surfaces:
        photographs = [_photograph(each.view) for each in shown]
        found = [
            relief.closed_mesh(photo, layers(photo), _true_camera(each.view))
            for each, photo in zip(shown, photographs, strict=True)
        ]
        seen_by = [each.input_camera for each in shown]
        return Surfaces(
            vertices=[np.float32(mesh.vertices) for mesh in found],
            faces=[np.asarray(mesh.faces) for mesh in found],
            face_uvs=[np.asarray(mesh.face_uvs) for mesh in found],
            textures=[np.asarray(mesh.texture) for mesh in found],
            camera=cameras.Camera(
                cam_from_world=np.stack([camera.cam_from_world for camera in seen_by]),
                pixel_from_cam=np.stack([camera.pixel_from_cam for camera in seen_by]),
            ),
        )

    return reliefs


def _photograph(view: View) -> Photo:
    """A view as a photograph whose object is known by its alpha."""
    alpha = view.rgba[..., 3]
    rgb = np.clip(view.rgba[..., :3] / np.maximum(alpha[..., None], 1e-3), 0, 1)
    return Photo(rgb=np.float32(rgb), mask=alpha, mask_source="alpha")


def _true_camera(view: View) -> CropCamera:
    """The camera of a relief's crop of a view; where it is not known, one from the front."""
    if np.isnan(view.cam_from_world).any() or np.isnan(view.pixel_from_cam).any():
        return relief.crop_camera(0.0)
    matrix = photos.prepare(view, relief.PREPROCESSING).pixel_from_cam / relief.IMAGE_PX
    return CropCamera(
        focal=float(np.sqrt(matrix[0, 0] * matrix[1, 1])),
        centre=np.float64(matrix[:2, 2]),
        depth_centre=float(view.cam_from_world[2, 3]),
        cam_from_world=np.float64(view.cam_from_world),
    )
