"""What can be said about a reconstructed mesh without knowing the truth.

Is it closed, is it in one piece, which side is out, and does it look like the photographs' masks?
"""

import dataclasses
from typing import Any

import numpy as np

from jaxrelic.data.view_sets.posed_views import PosedViews
from jaxrelic.geometry import meshes
from jaxrelic.metrics import silhouettes

LEAST_IOU = 0.85
"""A view whose mask the mesh's silhouette overlaps by less is worth a look."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class MeshReport:
    """Report on one mesh and the views it was made of."""

    vertices: int
    """That faces use."""
    faces: int
    """Triangles."""
    watertight: bool
    """Every edge is walked once in each direction, so there are no holes and faces agree on what is
    outside."""
    pieces: int
    """Connected parts."""
    euler: int
    """Vertices minus edges plus faces."""
    genus: int | None
    """Handles, of all pieces together; None for a mesh that is not closed."""
    volume: float
    """Volume in cubic world units, negative where faces look inward; a number without meaning for a
    mesh that is not closed."""
    extent: tuple[float, float, float]
    """Sides of the box along the world's axes, in world units."""
    views: tuple[tuple[str, float], ...]
    """Name and overlap of silhouette and mask of each view, in [0, 1], the worst first."""
    least_iou: float
    """Below which a view is warned of."""

    @property
    def mean_iou(self) -> float:
        """Over the views."""
        return float(np.mean([iou for _, iou in self.views]))

    @property
    def warnings(self) -> tuple[str, ...]:
        """What should not be so, each with its reason."""
        found = []
        if not self.watertight:
            found.append("the surface is not closed")
        elif self.volume <= 0:
            found.append("the faces look inward")
        below = [(name, iou) for name, iou in self.views if iou < self.least_iou]
        if below:
            (name, iou), more = below[0], len(below) - 1
            others = f" and {more} more" if more else ""
            found.append(
                f"{name} (overlap {iou:.2f}){others} below {self.least_iou}: "
                "check camera, mask and training"
            )
        return tuple(found)

    def as_json(self) -> dict[str, Any]:
        """The report as it is written to a file."""
        values = dataclasses.asdict(self)
        values["views"] = [{"name": name, "iou": iou} for name, iou in self.views]
        return values | {
            "extent": list(self.extent),
            "mean_iou": self.mean_iou,
            "warnings": list(self.warnings),
        }

    def summary(self) -> str:
        """One line."""
        closed = "closed" if self.watertight else "open"
        pieces = "1 piece" if self.pieces == 1 else f"{self.pieces} pieces"
        line = (
            f"{self.faces} faces, {closed}, {pieces}, silhouette overlap {self.mean_iou:.3f} "
            f"(worst {self.views[0][1]:.3f}, {self.views[0][0]})"
        )
        return "; warning: ".join([line, *self.warnings])


def check(mesh: meshes.Mesh, views: PosedViews, *, least_iou: float = LEAST_IOU) -> MeshReport:
    """Examines a mesh of the world, without batch axes, against one view or more.

    Args:
        mesh: Without repeated vertices, as `surface.extract.extract` makes it.
        views: Whose masks the silhouettes should repeat.
        least_iou: Below which a view is warned of.
    """
    vertices, faces = np.asarray(mesh.vertices, np.float32), np.asarray(mesh.faces)
    used, compact = np.unique(faces, return_inverse=True)
    compact = compact.reshape(-1, 3)
    closed, num_edges = edges(compact)
    pieces = int(meshes.pieces(compact, len(used)).max()) + 1
    euler = len(used) - num_edges + len(faces)
    a, b, c = np.moveaxis(vertices[faces].astype(np.float64), 1, 0)
    ious = silhouettes.silhouette_ious(vertices, faces, views.mask, views.camera)
    return MeshReport(
        vertices=len(used),
        faces=len(faces),
        watertight=closed,
        pieces=pieces,
        euler=euler,
        genus=pieces - euler // 2 if closed else None,
        volume=float(np.sum(a * np.cross(b, c)) / 6),
        extent=tuple(float(x) for x in np.ptp(vertices[used], axis=0)),
        views=tuple((views.names[i], float(ious[i])) for i in np.argsort(ious, kind="stable")),
        least_iou=least_iou,
    )


def edges(faces: np.ndarray) -> tuple[bool, int]:
    """Whether each edge is walked exactly once in each direction, and how many edges there are."""
    directed = faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2).astype(np.int64)
    count = int(directed.max()) + 1
    forth, back = directed @ np.array([count, 1]), directed @ np.array([1, count])
    walks = np.unique(forth)
    closed = len(walks) == len(forth) and np.array_equal(walks, np.unique(back))
    return bool(closed), len(np.unique(np.minimum(forth, back)))
