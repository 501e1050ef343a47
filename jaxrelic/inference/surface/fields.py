"""What surfaces, colours and evaluations ask of a reconstructed object.

Points are in the cube [-1, 1]^3 and distances in its unit, half the side; any number of points.
"""

import dataclasses
from typing import Protocol

import numpy as np

from jaxrelic.data.view_sets.posed_views import PosedViews
from jaxrelic.geometry import cameras
from jaxrelic.models.one2345 import frame


@dataclasses.dataclass(frozen=True, kw_only=True)
class Drawn:
    """A field as a camera of the world sees it."""

    rgb: np.ndarray
    """Over white, in [0, 1], [s, s, 3]."""
    mask: np.ndarray
    """Opacity, in [0, 1], [s, s]."""
    depth: np.ndarray
    """Mean along the optical axis of what is seen, in world units, [s, s]; 0 where the opacity is
    below one half."""
    normals: np.ndarray
    """Outward, along the world's axes, as long as the pixel is opaque, [s, s, 3]."""


class DistanceField(Protocol):
    """What a surface is made of."""

    @property
    def cube(self) -> frame.Cube:
        """Where the cube lies in the world."""

    def distances(self, points: np.ndarray) -> np.ndarray:
        """Signed distances [n] of points [n, 3], negative inside."""

    def known(self, points: np.ndarray) -> np.ndarray:
        """Whether two views see the surroundings of points [n, 3], [n] bool."""


class ColourField(DistanceField, Protocol):
    """What a coloured surface is made of."""

    @property
    def views(self) -> PosedViews:
        """What the field was made of, and where colours come from."""

    def normals(self, points: np.ndarray) -> np.ndarray:
        """Unit gradients [n, 3] of the distance, along the axes of the cube."""

    def colours(
        self, points: np.ndarray, normals: np.ndarray, *, hidden: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """RGB [n, 3] of surface points, and which view colours which, [v, n] bool.

        A view colours what falls into its picture near voxels that two views see, unless `hidden`
        [v, n] says that it does not see the point.
        """


class SurfaceField(ColourField, Protocol):
    """What evaluations draw as well."""

    def draw(self, camera: cameras.Camera, size: int) -> Drawn:
        """The field through a camera of the world, whose intrinsics are for `size` pixels."""
