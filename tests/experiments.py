"""Experiments with some settings changed, wherever they stand, and runs that ended earlier."""

import dataclasses
import pathlib
import shutil

from jaxrelic.train.experiment import Experiment


def changed(experiment: Experiment, **changes) -> Experiment:
    """The experiment with other settings, of its own or of its task."""
    own = {field.name for field in dataclasses.fields(experiment)}
    of_task = {name: changes.pop(name) for name in changes.keys() - own}
    task = dataclasses.replace(experiment.task, **of_task)
    return dataclasses.replace(experiment, **{"task": task} | changes)


def as_of(step: int, run: pathlib.Path, copy: pathlib.Path) -> None:
    """Copies a run as it was when it saved that step, as if it had been killed there."""
    shutil.copytree(run, copy)
    saved = {int(path.name): path for path in (copy / "checkpoints").iterdir()}
    assert step in saved
    for later in saved.keys() - set(range(step + 1)):
        shutil.rmtree(saved[later])
    metrics = copy / "metrics.jsonl"
    metrics.write_text("".join(metrics.read_text().splitlines(keepends=True)[:step]))
