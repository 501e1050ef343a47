"""Batches of posed views for One-2-3-45: some that the network sees and one that it is to draw.

Like `single_view.batches.batches`, everything is a pure function of (settings, seed, batch number).
"""

import dataclasses
import logging
import pathlib
from collections.abc import Sequence

import grain
import numpy as np

from jaxrelic.data.image_sets import image_set, locate
from jaxrelic.data.posed_view import View
from jaxrelic.data.view_sets import choice, corruption, one2345_folder
from jaxrelic.data.view_sets import records as view_records
from jaxrelic.data.view_sets.choice import Selection, ViewSet
from jaxrelic.data.view_sets.corruption import CorruptionConfig
from jaxrelic.data.view_sets.one2345_folder import Predictions
from jaxrelic.data.view_sets.records import RelicViews
from jaxrelic.errors import UserError
from jaxrelic.geometry import image_crops

Batch = dict[str, np.ndarray]
"""Float32 arrays; colours and masks in [0, 1]. b examples, v sources, s pixels.

| field | shape |
| --- | --- |
| sources_rgb, sources_mask | [b, v, s, s, 3] over white, [b, v, s, s]; after corruption |
| sources_cam_from_world | [b, v, 4, 4], after corruption |
| sources_pixel_from_cam | [b, v, 3, 3] |
| target_rgb, target_mask | [b, s, s, 3] over white, [b, s, s] |
| target_depth | [b, s, s], world units along the axis, 0 = none |
| target_cam_from_world, target_pixel_from_cam | [b, 4, 4], [b, 3, 3] |
| reference_cam_from_world, reference_pixel_from_cam | [b, 4, 4], [b, 3, 3], never corrupted |
| relic_index | [b] int32, of the relic within its split |
"""


_MAX_PASSED_OVER = 16
"""Relics in a row without views to learn from; more mean that the data set is at fault."""

_LOG = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ViewSetData:
    """Relics to read, the views of them to show, and how these are spoiled."""

    path: str
    """Directory of `relic_views` shards, a folder in the layout One-2-3-45 trains on, or
    `synthetic` for analytic shapes generated in memory."""
    split: str = "train"
    """Split of the data set: train, val or test."""
    batch_size: int = 1
    """Examples per step, over all devices."""
    image_size: int = 256
    """Side of all images, in pixels."""
    num_sources: int = 32
    """Views that the network sees."""
    selection: Selection = "auto"
    """Rule by which views are chosen. two_stage: sources are the near views of anchors, in the
    order of the poses and evenly chosen if fewer are wanted; target and reference are anchors,
    drawn independently. any: the target is any view, sources are others that are spread well, the
    reference is the first of them. auto: two_stage where there are near views."""
    predictions: Predictions = "auto"
    """Origin of the sources. folder: they are the views that Zero123 predicted, `view_0_0_10.png`
    of a One-2-3-45 folder. none: they are renders, in such a folder `view_0_0_10_gt.png`. auto:
    folder where path is one."""
    corruption: CorruptionConfig = dataclasses.field(default_factory=CorruptionConfig)
    """Errors added to sources, as a substitute for those of predictions; none by default."""
    threads: int = 2
    """Threads that read and decode ahead of the training step."""


def open_view_sets(config: ViewSetData) -> Sequence[RelicViews]:
    """Opens the relics that `config` names."""
    path, in_folder = pathlib.Path(config.path), _is_folder(config)
    if config.predictions == "folder" and not in_folder:
        raise UserError(
            f"{config.path} is no folder in the layout of One-2-3-45, which alone has predicted "
            "views; set data.predictions to none"
        )
    if config.path == image_set.SYNTHETIC:
        return view_records.SyntheticViews(config.split)
    if in_folder:
        predicted = config.predictions != "none"
        return one2345_folder.FolderViews(path, config.split, predicted=predicted)
    if locate.is_prepared(path):
        raise UserError(
            f"{path} holds prepared images of 64 pixels without depth; set data.path to "
            "relic_views shards"
        )
    return view_records.ShardViews(path, config.split)


def _is_folder(config: ViewSetData) -> bool:
    path = pathlib.Path(config.path)
    return config.path != image_set.SYNTHETIC and one2345_folder.is_folder(path)


def steps_per_pass(config: ViewSetData) -> int:
    """Batches that show every relic about once: what the papers call an epoch."""
    _check(config)
    return max(1, len(open_view_sets(config)) // config.batch_size)


def batches(config: ViewSetData, *, seed: int) -> grain.MapDataset[Batch]:
    """All batches of a run, endless, relics shuffled anew in each pass: item k is batch k."""
    _check(config)
    relics = open_view_sets(config)
    selection = _selection(config, relics[0])
    return (
        grain.MapDataset.range(len(relics))
        .seed(seed)
        .shuffle()
        .repeat()
        .random_map(DrawViews(relics, selection, config.num_sources, config.image_size))
        .random_map(CorruptSources(config.corruption))
        .map(ToArrays())
        # Without dropping, grain rounds the endless length of batches of one beyond an index.
        .batch(config.batch_size, drop_remainder=True)
    )


def _check(config: ViewSetData) -> None:
    for name, least in (("batch_size", 1), ("image_size", 1), ("num_sources", 2)):
        if getattr(config, name) < least:
            value = getattr(config, name)
            raise UserError(f"data.{name} is {value}; set it to {least} or more")


def _selection(config: ViewSetData, relic: RelicViews) -> Selection:
    """What is chosen of a relic such as this one, if there is enough of it."""
    selection = choice.resolve(config.selection, relic)
    choice.check_counts(selection, relic, config.num_sources)
    predicted = _is_folder(config) and config.predictions != "none"
    if predicted and selection == "any" and (relic.neighbour >= 0).any():
        raise UserError(
            "data.selection any would draw predicted views as targets; set it to two_stage, or "
            "data.predictions to none"
        )
    return selection


class DrawViews(grain.transforms.RandomMap):
    """Turns a relic's number into the views of one example.

    A relic without enough views to learn from is passed over for the next one and named once in the
    log: a damaged image must not end a run that has lasted for hours.
    """

    def __init__(
        self, relics: Sequence[RelicViews], selection: Selection, num_sources: int, size: int
    ):
        self._relics, self._selection = relics, selection
        self._num_sources, self._size = num_sources, size
        self._passed_over: set[int] = set()

    def random_map(self, index: int, rng: np.random.Generator) -> ViewSet:
        complaints = []
        for offset in range(min(_MAX_PASSED_OVER, len(self._relics))):
            number = (int(index) + offset) % len(self._relics)
            try:
                return self._draw(number, rng)
            except UserError as error:
                complaints.append(error)
                if number not in self._passed_over:
                    self._passed_over.add(number)
                    _LOG.warning("passed over: %s", error)
        raise UserError(
            f"{len(complaints)} relics in a row have no views to learn from; fix the data set. "
            f"The first: {complaints[0]}"
        )

    def _draw(self, number: int, rng: np.random.Generator) -> ViewSet:
        relic = self._relics[number]
        choice.check_counts(self._selection, relic, self._num_sources)
        return choice.choose(
            self._selection,
            relic,
            num_sources=self._num_sources,
            image_size=self._size,
            relic_index=number,
            rng=rng,
        )


@dataclasses.dataclass(frozen=True)
class CorruptSources(grain.transforms.RandomMap):
    """Spoils each source on its own; target and reference stay exact."""

    config: CorruptionConfig

    def random_map(self, views: ViewSet, rng: np.random.Generator) -> ViewSet:
        corrupted = [corruption.corrupt(view, self.config, rng) for view in views.sources]
        return dataclasses.replace(views, sources=tuple(corrupted))


@dataclasses.dataclass(frozen=True)
class ToArrays(grain.transforms.Map):
    """Composites over white and names the arrays of a batch."""

    def map(self, views: ViewSet) -> Batch:
        sources = [_arrays(view) for view in views.sources]
        return {
            **{
                f"sources_{name}": np.stack([each[name] for each in sources]) for name in sources[0]
            },
            **{f"target_{name}": array for name, array in _arrays(views.target).items()},
            "target_depth": views.target.depth,
            **{f"reference_{name}": array for name, array in _camera(views.reference).items()},
            "relic_index": np.int32(views.relic_index),
        }


def _arrays(view: View) -> Batch:
    mask = np.clip(view.rgba[..., 3], 0, 1)
    return {"rgb": image_crops.over(view.rgba, image_crops.WHITE), "mask": mask, **_camera(view)}


def _camera(view: View) -> Batch:
    return {"cam_from_world": view.cam_from_world, "pixel_from_cam": view.pixel_from_cam}
