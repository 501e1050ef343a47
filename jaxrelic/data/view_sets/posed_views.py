"""Several photographs of one object whose cameras are known."""

import dataclasses
import pathlib

import numpy as np

from jaxrelic.errors import UserError
from jaxrelic.geometry import cameras


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class PosedViews:
    """Square views of one object, all of one size."""

    rgb: np.ndarray
    """Over white, in [0, 1], [v, s, s, 3] float32."""
    mask: np.ndarray
    """Coverage of the object, in [0, 1], [v, s, s] float32."""
    camera: cameras.Camera
    """Cameras of the views, [v], z up; the object is about the origin and its longest side about
    0.8."""
    names: tuple[str, ...]
    """What messages call each view: its file, or its name in a record."""

    def __len__(self) -> int:
        return len(self.names)

    def camera_of(self, name: str) -> cameras.Camera:
        """The camera, without batch axis, of the view from the file of that name."""
        names = [pathlib.PurePath(each).name for each in self.names]
        if name not in names:
            raise UserError(f"{name} is none of the views: {', '.join(names)}")
        index = names.index(name)
        return cameras.Camera(
            cam_from_world=self.camera.cam_from_world[index],
            pixel_from_cam=self.camera.pixel_from_cam[index],
        )
