"""Relics whose surface and cameras are known, as an evaluation needs them."""

import dataclasses
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxrelic.data import posed_view
from jaxrelic.data.schema import CATEGORIES
from jaxrelic.errors import UserError
from jaxrelic.evaluation.single_view.methods import Shown
from jaxrelic.geometry import cameras
from jaxrelic.photos import photo

Record = Mapping[str, Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class SingleViewTruth:
    """What is needed of one record, decoded once."""

    uid: str
    category: str
    view: int
    """Index of the view that methods see."""
    image: np.ndarray
    """Network input made from it, [s, s, 3]."""
    photograph: posed_view.View
    """The view itself, whole."""
    input_camera: cameras.Camera
    """Camera from the world to the pixels of `image`."""
    points: np.ndarray
    """True surface samples, [p, 3] float32."""
    normals: np.ndarray
    """Unit normals at the samples, [p, 3] float32."""
    known_views: np.ndarray
    """Indices of the views whose cameras are known, [n]."""
    masks: np.ndarray
    """Masks of those views, [n, h, h] bool."""
    views: cameras.Camera
    """Cameras of the masks, [n]."""

    @classmethod
    def read(
        cls, record: Record, preprocessing: photo.Preprocessing, size: int
    ) -> "SingleViewTruth":
        """Decodes a record; masks get `size` pixels a side."""
        uid = record["uid"].decode()
        if "points" not in record:
            raise UserError(
                f"relic {uid} was imported as views alone, so its true surface is not known; "
                "evaluate on shards of relics that have their mesh"
            )
        chosen = view_shown(record)
        whole = posed_view.decode_view(record, chosen, with_depth=False)
        photographed = photo.prepare(whole, preprocessing)
        views = views_of(record, size)
        known = np.flatnonzero([is_known(view) for view in views])
        return cls(
            uid=uid,
            category=category_of(record),
            view=chosen,
            image=photo.over_background(photographed, preprocessing),
            photograph=whole,
            input_camera=cameras.Camera(
                cam_from_world=photographed.cam_from_world,
                pixel_from_cam=photographed.pixel_from_cam,
            ),
            points=np.asarray(record["points"], np.float32),
            normals=np.asarray(record["normals"], np.float32),
            known_views=known,
            masks=np.stack([view.rgba[..., 3] > 0.5 for view in views])[known],
            views=cameras.Camera(
                cam_from_world=np.stack([view.cam_from_world for view in views])[known],
                pixel_from_cam=np.stack([view.pixel_from_cam for view in views])[known],
            ),
        )

    @property
    def shown(self) -> Shown:
        """What methods are shown of it."""
        return Shown(image=self.image, view=self.photograph, input_camera=self.input_camera)

    @property
    def shows_known_camera(self) -> bool:
        """Whether the camera of the input is known."""
        return self.view in self.known_views


def is_known(view: posed_view.View) -> bool:
    """Whether the camera of a view is known; NaN stands for one that is not."""
    return bool(np.isfinite(view.cam_from_world).all() and np.isfinite(view.pixel_from_cam).all())


def category_of(record: Record) -> str:
    """Name of a record's category: its own, or that of the relics' list."""
    if "category_name" in record:
        return str(record["category_name"])
    return CATEGORIES[int(record["category"])]


def view_shown(record: Record) -> int:
    """Number of the view that methods see: the same side of a relic in every split."""
    return zlib.crc32(record["uid"]) % len(record["rgba"])


def views_of(record: Record, size: int) -> list[posed_view.View]:
    """All views of a relic at `size` pixels a side."""
    return [
        posed_view.resize(posed_view.decode_view(record, index), size)
        for index in range(len(record["rgba"]))
    ]
