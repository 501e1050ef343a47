"""What a run is judged by while it trains, where its kind of model has such a judge."""

import pathlib

from jaxrelic.cli import evaluate, evaluate_scenes
from jaxrelic.evaluation.view_sets import truth
from jaxrelic.evaluation.view_sets.validation import ViewSetValidator
from jaxrelic.models.one2345.config import One2345Config
from jaxrelic.train.experiment import Experiment

SPLITS = ("val", "test", evaluate.TRAINING_SPLIT)
"""Tried in this order; small collections may fill only the last."""


def validator(experiment: Experiment, folder: pathlib.Path) -> ViewSetValidator | None:
    """The judge of a run, if it asks for one.

    Args:
        experiment: All settings.
        folder: Of the run; pictures and meshes go below it.
    """
    if not isinstance(experiment.model, One2345Config) or not experiment.validate_every:
        return None
    data = experiment.data
    _, records = evaluate.first_split(
        lambda name: evaluate_scenes.open_split(data.path, name), None, usual=SPLITS
    )
    choice = truth.Choice(selection=data.selection, num_sources=data.num_sources)
    return ViewSetValidator.of_records(
        records,
        choice,
        config=experiment.model,
        image_size=data.image_size,
        folder=folder,
    )
