"""Measure a One-2-3-45 run, the visual hull and a sphere on held-out relics with exact views."""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxrelic.cli import evaluate
from jaxrelic.data.image_sets import locate
from jaxrelic.data.view_sets import one2345_folder
from jaxrelic.errors import UserError
from jaxrelic.evaluation.view_sets import gallery as scene_pictures
from jaxrelic.evaluation.view_sets import methods, truth
from jaxrelic.evaluation.view_sets.evaluate import evaluate_view_sets
from jaxrelic.inference.surface import extract
from jaxrelic.saved import load
from jaxrelic.viz import grids

MODEL = "model"
"""What rows call the network's mesh; what it draws itself is `model_drawn`."""


def run(args: evaluate.EvaluateArguments) -> int:
    """Measures, writes the files and prints the table."""
    trained = load.scene_training(args.model)
    model = load.open_view_set_model(args.model)
    shards = str(args.shards) if args.shards is not None else trained.path
    if not shards:
        raise UserError(f"{args.model} does not say on what it was trained; give --shards")
    split, records = evaluate.first_split(lambda name: open_split(shards, name), args.split)
    choice = truth.Choice(
        selection=args.scenes.selection or trained.selection,
        num_sources=args.scenes.num_sources or model.num_sources,
        held_out=args.scenes.held_out,
    )
    surface = extract.SurfaceSettings(resolution=args.scenes.resolution)
    named = {
        MODEL: methods.of_fields(
            model.read, lambda field: extract.extract(field, surface), drawn=args.scenes.drawn
        ),
    }
    if args.scenes.baselines:
        named |= methods.baselines(args.scenes.hull_resolution)
    gallery = _Gallery(len(records), args.gallery)
    evaluation = evaluate_view_sets(
        named, records, choice, args.settings, source_size=model.image_size, watch=gallery.watch
    )
    facts = {
        "model": str(args.model),
        "shards": shards,
        "split": split,
        "held_out": split != evaluate.TRAINING_SPLIT,
        "num_sources": choice.num_sources,
        "selection": choice.selection,
        "image_size": model.image_size,
        "settings": dataclasses.asdict(args.settings),
        "scenes": dataclasses.asdict(args.scenes),
        "gallery": scene_pictures.GALLERY_CAPTION,
        "without_surface": evaluation.without_surface,
        "baselines": {
            "visual_hull": "carved by the sources' masks, in the mean colour of those that see it",
            "sphere": "place and volume of that hull, in the mean colour of the object",
        },
    }
    evaluate.report(args, evaluation, facts, gallery.sheet(), num_relics=len(records))
    for name, uids in evaluation.without_surface.items():
        print(f"{name} has no surface of {len(uids)} relics, left out above: {', '.join(uids)}")
    return 0


class _Gallery:
    """Rows of pictures of some relics, evenly chosen, kept while they are measured."""

    def __init__(self, num_relics: int, count: int):
        count = min(count, num_relics)
        self._chosen = set(np.linspace(0, num_relics - 1, count).round().astype(int).tolist())
        self._tiles: list[np.ndarray] = []

    def watch(
        self,
        index: int,
        name: str,
        relic: truth.ViewSetTruth,
        shape: methods.ViewSetShape,
    ) -> None:
        """See `evaluate_scenes`."""
        if name == MODEL and index in self._chosen:
            self._tiles += scene_pictures.gallery_row(relic, shape)

    def sheet(self) -> np.ndarray | None:
        """All rows, [h, w, 3]; None without any."""
        columns = scene_pictures.GALLERY_COLUMNS
        return grids.grid(self._tiles, columns) if self._tiles else None


def open_split(shards: str, split: str) -> tuple[str, Sequence[Any] | None]:
    """Records of a split, or why there are none."""
    if shards != locate.SYNTHETIC and one2345_folder.is_folder(pathlib.Path(shards)):
        raise UserError(
            f"{shards} is a folder of views without their relics' surfaces; give relic_views "
            "shards with --shards"
        )
    try:
        return "", truth.open_records(shards, split)
    except UserError as error:
        return str(error), None
