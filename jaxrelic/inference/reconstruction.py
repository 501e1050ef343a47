"""What is made of one photograph, whatever makes it."""

import dataclasses

import numpy as np

from jaxrelic.geometry import cameras, meshes
from jaxrelic.photos.photo import Photo


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reconstruction:
    """What one photograph gives; no field has a batch axis."""

    mesh: meshes.Mesh
    """Textured and closed, world frame (z up, longest side about 0.8)."""
    camera: cameras.Camera
    """Predicted camera; its pixels are those of `image`."""
    image: np.ndarray
    """The network's input: the object's square over the background, [s, s, 3] in [0, 1]."""
    mask: np.ndarray
    """Coverage of the object in `image`, [s, s] in [0, 1]."""
    photo: Photo
    """The photograph as read, with the mask that was used."""
    image_from_photo: np.ndarray
    """Where pixels of the photograph are in `image`, [3, 3]."""

    @property
    def camera_of_photograph(self) -> cameras.Camera:
        """The same camera for the pixels of the whole upright photograph.

        The mesh projected by it lies over the photograph.
        """
        photo_from_image = np.linalg.inv(np.asarray(self.image_from_photo, np.float64))
        lens = photo_from_image @ np.asarray(self.camera.pixel_from_cam, np.float64)
        return cameras.Camera(
            cam_from_world=np.asarray(self.camera.cam_from_world), pixel_from_cam=np.float32(lens)
        )
