"""Relics whose surface and cameras are known, as several views: some to see and some to predict."""

import dataclasses
import pathlib
from collections.abc import Iterable, Sequence

import numpy as np

from jaxrelic.data import posed_view, relics
from jaxrelic.data.image_sets import image_set
from jaxrelic.data.view_sets import choice as view_choice
from jaxrelic.data.view_sets import records as view_records
from jaxrelic.data.view_sets.choice import Selection
from jaxrelic.data.view_sets.posed_views import PosedViews
from jaxrelic.errors import UserError
from jaxrelic.evaluation.single_view.truth import Record, category_of, is_known
from jaxrelic.geometry import cameras, image_crops
from jaxrelic.geometry.directions import directions, farthest_first


@dataclasses.dataclass(frozen=True, kw_only=True)
class Choice:
    """The views of every relic that are seen and that are held out; the same whenever asked."""

    selection: Selection
    """Rule by which views are chosen, as in training. two_stage: near views are seen and anchors
    held out. any: views that are spread well are seen, the first of all among them, and others held
    out."""
    num_sources: int
    """Views that are seen."""
    held_out: int | None = None
    """Most views that are held out, evenly from all that could be; None for all."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ViewSetTruth:
    """What is needed of one record, decoded once."""

    uid: str
    category: str
    sources: PosedViews
    """What methods see."""
    held_out: tuple[posed_view.View, ...]
    """Other views, of the size at which pictures are compared."""
    points: np.ndarray
    """True surface samples, [p, 3] float32."""
    normals: np.ndarray
    """Unit normals at the samples, [p, 3] float32."""
    masks: np.ndarray
    """Masks of all views whose cameras are known, at the size of `held_out`, [n, h, h] bool."""
    views: cameras.Camera
    """Cameras of the masks, [n]."""
    view: None = None
    """Methods see several; see `evaluate.Row`."""

    @classmethod
    def read(
        cls, record: Record, choice: Choice, *, source_size: int, compared_size: int
    ) -> "ViewSetTruth":
        """Decodes a record; sources are `source_size` pixels a side, others `compared_size`."""
        relic = view_records.of_record(record)
        if "points" not in record:
            raise UserError(
                f"relic {relic.uid} was imported as views alone, so its true surface is not "
                "known; evaluate on shards of relics that have their mesh"
            )
        views = [posed_view.decode_view(record, index) for index in range(len(relic))]
        fit = [is_known(view) and (view.rgba[..., 3] >= image_crops.OPAQUE).any() for view in views]
        seen, others = choose(relic, np.array(fit), choice)
        small = [posed_view.resize(view, compared_size) for view in views]
        known = [view for view in small if is_known(view)]
        return cls(
            uid=relic.uid,
            category=category_of(record),
            sources=posed_views(
                [posed_view.resize(views[i], source_size) for i in seen],
                [relic.names[i] for i in seen],
            ),
            held_out=tuple(small[i] for i in others),
            points=np.asarray(record["points"], np.float32),
            normals=np.asarray(record["normals"], np.float32),
            masks=np.stack([view.rgba[..., 3] > image_crops.OPAQUE for view in known]),
            views=stacked_cameras(known),
        )


def choose(
    relic: view_records.RelicViews, fit: np.ndarray, choice: Choice
) -> tuple[list[int], list[int]]:
    """Indices of the views of a relic that are seen and of those that are held out.

    Args:
        relic: Names and cameras of its views.
        fit: Which views show something and have a known camera, [n] bool.
        choice: How many of which.
    """
    selection = view_choice.resolve(choice.selection, relic)
    if selection == "two_stage":
        neighbours = np.flatnonzero(fit & (relic.neighbour >= 0))
        others = np.flatnonzero(fit & (relic.neighbour < 0))
        seen = _evenly(neighbours, choice.num_sources)
    else:
        candidates = np.flatnonzero(fit)
        away = directions(relic.cam_from_world[candidates])
        order = candidates[list(farthest_first(away))]
        seen = np.sort(order[: choice.num_sources])
        others = np.setdiff1d(candidates, seen)
    if len(seen) < choice.num_sources or not len(others):
        raise UserError(
            f"relic {relic.uid} has {len(seen) + len(others)} views that show it, too few for "
            f"{choice.num_sources} sources by selection {selection} and one view to predict; "
            "set view-sets.num-sources"
        )
    kept = len(others) if choice.held_out is None else min(choice.held_out, len(others))
    return list(map(int, seen)), list(map(int, _evenly(others, kept)))


def _evenly(indices: np.ndarray, count: int) -> np.ndarray:
    """`count` of the indices, evenly spread, from the first on."""
    count = min(count, len(indices))
    return indices[np.arange(count) * len(indices) // max(count, 1)]


def posed_views(views: Sequence[posed_view.View], names: Iterable[str]) -> PosedViews:
    """Views of one size over white."""
    return PosedViews(
        rgb=np.stack([image_crops.over(view.rgba, image_crops.WHITE) for view in views]),
        mask=np.clip(np.stack([view.rgba[..., 3] for view in views]), 0, 1),
        camera=stacked_cameras(views),
        names=tuple(names),
    )


def stacked_cameras(views: Sequence[posed_view.View]) -> cameras.Camera:
    """Cameras [n] of views."""
    return cameras.Camera(
        cam_from_world=np.stack([view.cam_from_world for view in views]),
        pixel_from_cam=np.stack([view.pixel_from_cam for view in views]),
    )


def open_records(path: str, split: str) -> Sequence[Record]:
    """Whole records with the names of their views: of shards, or `synthetic`."""
    if path == image_set.SYNTHETIC:
        synthetic = view_records.SyntheticViews(split)
        return [synthetic.record(index) for index in range(len(synthetic))]
    return relics.open_relics(pathlib.Path(path), split)
