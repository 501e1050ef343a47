"""Turn the newest checkpoint of a run into a folder that needs nothing else."""

import collections
import dataclasses
import pathlib
from typing import Annotated, Any

import tyro


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExportArguments:
    """Turn a run, or One-2-3-45's released weights, into Orbax arrays, StableHLO and a JSON page.

    The page says what the network is, how its inputs are made, what it was trained on, and what
    goes into and comes out of each program.
    """

    source: tyro.conf.Positional[pathlib.Path]
    """Folder of the run, as given to `jaxrelic train`; or a checkpoint of One-2-3-45's
    reconstruction module (.pth or .safetensors), which is converted."""
    output: Annotated[pathlib.Path, tyro.conf.arg(aliases=["-o"])]
    """Folder to write; an earlier export there is replaced."""
    stable_hlo: bool = True
    """Write programs/*.jax_export: functions that run on CPU, GPU and TPU without our code."""


def run(args: ExportArguments) -> int:
    """Writes the export; prints where."""
    from jaxrelic.saved import export

    converted = args.source.is_file()
    model, training, data = _converted(args.source) if converted else _trained(args.source)
    export.save(args.output, model, training=training, data=data, stable_hlo=args.stable_hlo)
    end = "converted" if converted else f"after {training['steps']} steps"
    print(f"{args.output}: {training['name']} {end}")
    return 0


def _trained(folder: pathlib.Path) -> tuple[Any, dict, dict]:
    """The network of a run, how it was trained, and on what."""
    from jaxrelic.data.view_sets.batches import ViewSetData
    from jaxrelic.saved import load

    model, experiment, step = load.open_any_run(folder)
    training = {
        "name": experiment.name,
        "steps": step,
        "planned_steps": experiment.steps,
        "supervision": experiment.supervision,
        "seed": experiment.seed,
        "batch_size": experiment.data.batch_size,
    }
    data = _licences(experiment.data.path, experiment.data.split)
    if isinstance(experiment.data, ViewSetData):
        data["selection"] = experiment.data.selection
    return model, training, data


def _converted(weights: pathlib.Path) -> tuple[Any, dict, dict]:
    """The released network, of which the file says little."""
    from jaxrelic import weights as published
    from jaxrelic.inference import one2345
    from jaxrelic.models.one2345 import convert
    from jaxrelic.models.one2345.config import One2345Config

    config = One2345Config.compat()
    variables = convert.convert(published.read_weights(weights), config, source=str(weights))
    model = one2345.One2345Predictor(
        config=config,
        image_size=convert.IMAGE_SIZE,
        num_sources=convert.NUM_SOURCES,
        variables=variables,
    )
    training = {"name": weights.name, "converted_from": weights.name}
    return model, training, {"path": None, "split": None, "relics_by_license": None}


def _licences(path: str, split: str) -> dict:
    """Relics of the training split by licence; the relics themselves may be gone by now."""
    from jaxrelic.data import relics
    from jaxrelic.data.single_view import batches
    from jaxrelic.errors import UserError

    if path == batches.SYNTHETIC:
        return {"path": path, "split": split, "relics_by_license": {}}
    try:
        records = relics.open_relics(path, split)
    except UserError as error:
        return {"path": path, "split": split, "relics_by_license": None, "why": str(error)}
    counts = collections.Counter(
        records[index].get("license", b"unknown").decode() for index in range(len(records))
    )
    return {"path": path, "split": split, "relics_by_license": dict(sorted(counts.items()))}
