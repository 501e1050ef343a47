"""What looks at a network while it is trained, for the kinds of models that have such a thing."""

import pathlib
from collections.abc import Sequence
from typing import Any

from jaxrelic.errors import UserError
from jaxrelic.models.one2345.config import One2345Config
from jaxrelic.train.experiment import Experiment
from jaxrelic.train.loop import Validator

SPLITS = ("val", "test", "train")
"""Where relics to look at are taken from: the first of these that has any."""


def of_experiment(experiment: Experiment, folder: pathlib.Path) -> Validator | None:
    """The validator of a run in `folder`; None if its settings ask for none."""
    if not experiment.validate_every:
        return None
    if not isinstance(experiment.model, One2345Config):
        raise UserError(
            f"validate_every is for One-2-3-45, not for {type(experiment.model).__name__}; "
            "set it to 0"
        )
    from jaxrelic.inference import known_scenes, scene_validation

    data = experiment.data
    return scene_validation.SceneValidator.of_records(
        _records(data.path),
        known_scenes.Choice(selection=data.selection, num_sources=data.num_sources),
        config=experiment.model,
        image_size=data.image_size,
        folder=folder,
    )


def _records(path: str) -> Sequence[Any]:
    """Relics with their surfaces, held out from training if there are such."""
    from jaxrelic.inference import known_scenes

    reasons = []
    for split in SPLITS:
        try:
            records = known_scenes.open_records(path, split)
        except UserError as error:
            reasons.append(str(error))
            continue
        if len(records):
            return records
        reasons.append(f"split {split} of {path} is empty")
    raise UserError(f"nothing to validate on: {'; '.join(reasons)}; set validate_every to 0")
