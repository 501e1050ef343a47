"""What is known of a trained network beside its arrays: how it was trained, and on what."""

import collections
import pathlib
from typing import Any

from jaxrelic.data import relics
from jaxrelic.data.single_view import batches
from jaxrelic.errors import UserError
from jaxrelic.saved import export, load, one_file, runs
from jaxrelic.train import workdir
from jaxrelic.train.experiment import Experiment


def read(path: pathlib.Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Facts of the training and of the data of a run or an export, as JSON.

    Where they were trained on shards, the second holds their `path`; the first holds
    `supervision` where the kind of model has it.
    """
    if one_file.is_one(path):
        page = one_file.read_page(path)
        return page["training"], page["data"]
    if load.is_export(path):
        page = export.read_page(path)
        return page["training"], page["data"]
    runs.check_is_run(path)
    experiment = workdir.read_config(path)
    return of_training(experiment), of_data(experiment)


def of_training(experiment: Experiment) -> dict[str, Any]:
    """How a network was trained."""
    return {
        "name": experiment.name,
        "planned_steps": experiment.steps,
        **experiment.task.facts()[0],
        "seed": experiment.seed,
        "batch_size": experiment.task.data.batch_size,
    }


def of_data(experiment: Experiment) -> dict[str, Any]:
    """On what a network was trained."""
    data = experiment.task.data
    return {"path": data.path, "split": data.split, **experiment.task.facts()[1]}


def licences(path: str, split: str) -> dict[str, Any]:
    """Relics of a split by licence; the relics themselves may be gone by now."""
    if path == batches.SYNTHETIC:
        return {"relics_by_license": {}}
    try:
        records = relics.open_relics(path, split)
    except UserError as error:
        return {"relics_by_license": None, "why": str(error)}
    counts = collections.Counter(
        records[index].get("license", b"unknown").decode() for index in range(len(records))
    )
    return {"relics_by_license": dict(sorted(counts.items()))}
