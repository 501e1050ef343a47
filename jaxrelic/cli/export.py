"""Turn the newest checkpoint of a run into a folder that needs nothing else (Orbax and JSON)."""

import collections
import dataclasses
import pathlib
from typing import Annotated

import tyro


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExportArguments:
    """What to export and where to."""

    workdir: tyro.conf.Positional[pathlib.Path]
    """Folder of the run, as given to `jaxrelic train`."""
    output: Annotated[pathlib.Path, tyro.conf.arg(aliases=["-o"])]
    """Folder to write; an earlier export there is replaced."""


def run(args: ExportArguments) -> int:
    """Writes the export; prints where."""
    from jaxrelic.cli import models
    from jaxrelic.inference import export

    reconstructor, experiment, step = models.open_run(args.workdir)
    training = {
        "name": experiment.name,
        "steps": step,
        "planned_steps": experiment.steps,
        "supervision": experiment.supervision,
        "seed": experiment.seed,
        "batch_size": experiment.data.batch_size,
    }
    data = _licences(experiment.data.path, experiment.data.split)
    export.save(args.output, reconstructor, training=training, data=data)
    print(f"{args.output}: {experiment.name} after {step} steps")
    return 0


def _licences(path: str, split: str) -> dict:
    """Relics of the training split by licence; the relics themselves may be gone by now."""
    from jaxrelic.data import loader, relics
    from jaxrelic.errors import UserError

    if path == loader.SYNTHETIC:
        return {"path": path, "split": split, "relics_by_license": {}}
    try:
        records = relics.open_relics(path, split)
    except UserError as error:
        return {"path": path, "split": split, "relics_by_license": None, "why": str(error)}
    counts = collections.Counter(
        records[index].get("license", b"unknown").decode() for index in range(len(records))
    )
    return {"path": path, "split": split, "relics_by_license": dict(sorted(counts.items()))}
