"""Pictures in a row for people: what was seen, what is there, and what was made of it."""

from collections.abc import Sequence

import numpy as np

from jaxrelic.data import posed_view
from jaxrelic.evaluation.view_sets.evaluate import camera_of, drawing_of
from jaxrelic.evaluation.view_sets.methods import ViewSetShape
from jaxrelic.evaluation.view_sets.truth import ViewSetTruth
from jaxrelic.geometry import image_crops
from jaxrelic.inference.one2345 import Drawn
from jaxrelic.viz import grids, pictures

TILE_PX = 128
"""Side of a picture of the gallery."""
SOURCES_SHOWN = 3
"""Sources in front of a row, evenly chosen."""
GALLERY_COLUMNS = SOURCES_SHOWN + 4
GALLERY_CAPTION = (
    "Each relic: three of the views that the network saw; a view that was held out, as it is and "
    "as the network draws it; and the mesh there, in its colours and lit."
)


def gallery_row(relic: ViewSetTruth, shape: ViewSetShape) -> list[np.ndarray]:
    """Sources; then one held-out view, as it is and as drawn, and the mesh there, plain and lit.

    The method's mesh is drawn instead of what it cannot draw itself.
    """
    view = posed_view.resize(relic.held_out[0], TILE_PX)
    camera = camera_of(view)
    draw = shape.draw or drawing_of(shape.mesh)
    return [
        *_sources(relic, TILE_PX),
        image_crops.over(view.rgba, image_crops.WHITE),
        draw(camera, TILE_PX).rgb,
        drawing_of(shape.mesh)(camera, TILE_PX).rgb,
        pictures.draw(
            shape.mesh.replace(vertex_colours=None, texture=None), camera, size=TILE_PX
        ).rgb,
    ]


def strip(relic: ViewSetTruth, view: posed_view.View, drawn: Drawn) -> np.ndarray:
    """Sources, a held-out view, how it is drawn, drawn normals, and drawn and true depth.

    Both depths have one scale.
    """
    size = view.depth.shape[0]
    depths = pictures.depth_colours(np.concatenate([drawn.depth, view.depth]))
    tiles = [
        *_sources(relic, size),
        image_crops.over(view.rgba, image_crops.WHITE),
        drawn.rgb,
        _normal_colours(drawn, camera_of(view).cam_from_world),
        depths[:size],
        depths[size:],
    ]
    return grids.grid(tiles, len(tiles))


def _sources(relic: ViewSetTruth, size: int) -> Sequence[np.ndarray]:
    images = relic.sources.rgb
    chosen = np.linspace(0, len(images), SOURCES_SHOWN, endpoint=False).astype(int)
    return [grids.fitted(images[i], size) for i in chosen]


def _normal_colours(drawn: Drawn, cam_from_world: np.ndarray) -> np.ndarray:
    """Normals as the camera sees them: right is red, up is green, towards it is blue."""
    normals = drawn.normals @ np.asarray(cam_from_world)[:3, :3].T * np.float32([1, -1, -1])
    length = np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-6)
    mask = np.clip(drawn.mask, 0, 1)[..., None]
    return mask * (normals / length + 1) / 2 + 1 - mask


class GalleryRows:
    """Rows of pictures of some relics, evenly chosen, kept while they are measured."""

    def __init__(self, num_relics: int, count: int, *, method: str):
        count = min(count, num_relics)
        self._method = method
        self._chosen = set(np.linspace(0, num_relics - 1, count).round().astype(int).tolist())
        self._tiles: list[np.ndarray] = []

    def watch(self, index: int, name: str, relic: ViewSetTruth, shape: ViewSetShape) -> None:
        """Draws a row if the relic is a chosen one; see `evaluate_view_sets`."""
        if name == self._method and index in self._chosen:
            self._tiles += gallery_row(relic, shape)

    def sheet(self) -> np.ndarray | None:
        """All rows, [h, w, 3]; None without any."""
        return grids.grid(self._tiles, GALLERY_COLUMNS) if self._tiles else None
