"""Experiments with some settings changed, wherever they stand."""

import dataclasses

from jaxrelic.train.experiment import Experiment


def changed(experiment: Experiment, **changes) -> Experiment:
    """The experiment with other settings, of its own or of its task."""
    own = {field.name for field in dataclasses.fields(experiment)}
    of_task = {name: changes.pop(name) for name in changes.keys() - own}
    task = dataclasses.replace(experiment.task, **of_task)
    return dataclasses.replace(experiment, **{"task": task} | changes)
