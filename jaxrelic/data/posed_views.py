"""Several photographs of one object whose cameras are known."""

import dataclasses

import numpy as np

from jaxrelic.geometry import cameras


@dataclasses.dataclass(frozen=True, kw_only=True)
class PosedViews:
    """Square views of one object, all of one size."""

    rgb: np.ndarray
    """Over white, in [0, 1], [v, s, s, 3] float32."""
    mask: np.ndarray
    """Coverage of the object, in [0, 1], [v, s, s] float32."""
    camera: cameras.Camera
    """Of the views, [v], z up; the object is about the origin and its longest side about 0.8."""
    names: tuple[str, ...]
    """What messages call each view: its file, or its name in a record."""

    def __len__(self) -> int:
        return len(self.names)
