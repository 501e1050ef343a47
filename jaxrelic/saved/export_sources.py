"""What an export is made of: a run of ours, or weights that others have published."""

import pathlib

from jaxrelic import weights as published
from jaxrelic.errors import UserError
from jaxrelic.inference.one2345 import One2345Predictor
from jaxrelic.models.one2345 import convert
from jaxrelic.models.one2345.config import One2345Config
from jaxrelic.saved import export, facts, load, one_file, runs
from jaxrelic.train.tasks import kinds


def trained(folder: pathlib.Path, output: pathlib.Path, *, stable_hlo: bool = True) -> str:
    """Exports the network of a run's newest checkpoint; returns what it is, in words.

    An output that is named .safetensors becomes one file, without programs.
    """
    kind = load.kind_of(folder)
    if not kind.exported:
        known = " or ".join(dict.fromkeys(kind.role for kind in kinds.KINDS if kind.exported))
        raise UserError(f"{folder} is a run that {kind.purpose}; give one that turns {known}")
    model, experiment, step = runs.open_run(folder)
    training, data = facts.of_training(experiment), facts.of_data(experiment)
    data |= facts.licences(data["path"], data["split"])
    training = {"name": training.pop("name"), "steps": step, **training}
    if output.suffix.lower() == one_file.SUFFIX:
        one_file.save(output, model, {"training": training, "data": data})
    else:
        export.save(output, model, training=training, data=data, stable_hlo=stable_hlo)
    return f"{experiment.name} after {step} steps"


def converted(weights: pathlib.Path, output: pathlib.Path, *, stable_hlo: bool = True) -> str:
    """Exports One-2-3-45's released network, of which its file says little."""
    config = One2345Config.compat()
    model = One2345Predictor(
        config=config,
        image_size=convert.IMAGE_SIZE,
        num_sources=convert.NUM_SOURCES,
        variables=convert.convert(published.read_weights(weights), config, source=str(weights)),
    )
    training = {"name": weights.name, "converted_from": weights.name}
    data = {"path": None, "split": None, "relics_by_license": None}
    export.save(output, model, training=training, data=data, stable_hlo=stable_hlo)
    return f"{weights.name} converted"
