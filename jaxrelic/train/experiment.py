"""All settings of one run; files under `configs/` build one each."""

import dataclasses
import functools
import operator
from typing import Annotated

import tyro

from jaxrelic.errors import UserError
from jaxrelic.train.optim import OptimConfig
from jaxrelic.train.tasks.kinds import KINDS

AnyTask = functools.reduce(operator.or_, (kind.task for kind in KINDS))
"""Settings of any kind, as a type."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Experiment:
    """A training: the task, the optimizer, and for how long."""

    name: str
    """Name in logs and reports."""
    task: Annotated[AnyTask, tyro.conf.arg(name="")]
    """Kind of model, its data and its losses; the settings are those of this kind alone."""
    optim: OptimConfig = dataclasses.field(default_factory=OptimConfig)
    """How parameters follow their gradients."""
    steps: int
    """Steps in all."""
    seed: int = 0
    """Random seed for parameters, order of relics, choice of views."""
    log_every: int = 20
    """Steps averaged into one row of metrics.jsonl."""
    checkpoint_every: int = 1000
    """Steps between checkpoints; the last step is always saved."""
    validate_every: int = 0
    """Steps between validations, where the kind of model has one; 0 for none. The state is saved
    before each, and the last step is always validated."""
    keep_checkpoints: int = 2
    """Checkpoints kept, newest first."""

    def __post_init__(self) -> None:
        if self.validate_every < 0:
            raise UserError(f"validate_every is {self.validate_every}; set it to 0 or more")
        for name in ("steps", "log_every", "checkpoint_every", "keep_checkpoints"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} is {getattr(self, name)}; set it to 1 or more")
