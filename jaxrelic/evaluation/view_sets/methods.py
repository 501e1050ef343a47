"""What is measured on posed views: a trained One-2-3-45, and what needs no network."""

import dataclasses
from collections.abc import Callable

from jaxrelic.data.view_sets.posed_views import PosedViews
from jaxrelic.evaluation.view_sets.baselines import HULL_RESOLUTION, sphere, visual_hull
from jaxrelic.geometry import cameras, meshes
from jaxrelic.inference.surface.fields import Drawn, SurfaceField

MODEL = "model"
"""What rows call the network's mesh; what it draws itself is `model_drawn`."""

Draw = Callable[[cameras.Camera, int], Drawn]
"""A function like `SurfaceField.draw`."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ViewSetShape:
    """What a method makes of the views of one object."""

    mesh: meshes.Mesh
    """Surface in the world."""
    draw: Draw | None = None
    """Draws the object otherwise than by its mesh; None for a method that has only that."""


ViewSetMethod = Callable[[PosedViews], ViewSetShape]
Extract = Callable[[SurfaceField], meshes.Mesh]
"""Function from a field to its surface in the world, as `extract.extract` with its settings."""


def of_fields(
    read: Callable[[PosedViews], SurfaceField], extract: Extract, *, drawn: bool = True
) -> ViewSetMethod:
    """The surface of the fields that `read` makes, and, if `drawn`, what they draw themselves."""

    def method(views: PosedViews) -> ViewSetShape:
        field = read(views)
        return ViewSetShape(mesh=extract(field), draw=field.draw if drawn else None)

    return method


def baselines(hull_resolution: int = HULL_RESOLUTION) -> dict[str, ViewSetMethod]:
    """What a network must beat, by name."""
    return {
        "visual_hull": lambda views: ViewSetShape(
            mesh=visual_hull(views, resolution=hull_resolution)
        ),
        "sphere": lambda views: ViewSetShape(mesh=sphere(views, resolution=hull_resolution)),
    }
