"""Which batches an experiment reads: a table from data settings to loaders."""

import grain

from jaxrelic.data.foreground import batches as foreground_batches
from jaxrelic.data.foreground.batches import BackgroundData
from jaxrelic.data.single_view import batches as loader
from jaxrelic.data.single_view.batches import SingleViewData
from jaxrelic.data.view_sets import batches as view_sets
from jaxrelic.data.view_sets.batches import ViewSetData
from jaxrelic.errors import UserError
from jaxrelic.train.experiment import Experiment


def batches(experiment: Experiment) -> grain.MapDataset[loader.Batch]:
    """All batches of a run, endless: item k is batch k."""
    return _BATCHES[type(experiment.data)](experiment)


def _relics(experiment: Experiment) -> grain.MapDataset[loader.Batch]:
    return loader.batches(experiment.data, supervision=experiment.supervision, seed=experiment.seed)


def _scenes(experiment: Experiment) -> grain.MapDataset[loader.Batch]:
    found = foreground_batches.open_photographs(experiment.data).categories
    if len(found) != experiment.model.categories:
        raise UserError(
            f"{experiment.data.path} holds {len(found)} categories ({', '.join(found)}) and "
            f"model.categories is {experiment.model.categories}; set it to {len(found)}"
        )
    return foreground_batches.batches(experiment.data, seed=experiment.seed)


def _view_sets(experiment: Experiment) -> grain.MapDataset[loader.Batch]:
    return view_sets.batches(experiment.data, seed=experiment.seed)


_BATCHES = {SingleViewData: _relics, BackgroundData: _scenes, ViewSetData: _view_sets}
