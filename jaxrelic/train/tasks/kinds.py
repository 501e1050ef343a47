"""The kinds of models there are: the one table that training, saving and the commands read.

A new kind is a task, a predictor and a row here.
"""

import dataclasses
import functools
import operator
import typing
from typing import Any, Literal

from jaxrelic.errors import UserError
from jaxrelic.inference.msrn import MsrnPredictor
from jaxrelic.inference.one2345 import One2345Predictor
from jaxrelic.inference.relief_predictor import ReliefPredictor
from jaxrelic.photos.masks.finder import MaskPredictor
from jaxrelic.train.tasks.foreground import ForegroundTask
from jaxrelic.train.tasks.msrn import MsrnTask
from jaxrelic.train.tasks.one2345 import One2345Task
from jaxrelic.train.tasks.relief import ReliefTask

Role = Literal["one photograph into a mesh", "posed views into a mesh", "a photograph into a mask"]
"""What a network turns into what; a command asks for a role, never for a kind."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of model."""

    name: str
    """Name in an export's page."""
    task: type
    """Class of its settings (`task.Task`)."""
    predictor: type
    """Class of its trained network at work."""
    role: Role
    """What its networks turn into what."""

    @property
    def purpose(self) -> str:
        """What a network of this kind does, after "one that"."""
        return f"turns {self.role}"

    @property
    def exported(self) -> bool:
        """Whether `jaxrelic export` writes its networks."""
        return hasattr(self.predictor, "described")

    @property
    def model(self) -> type:
        """Class of the network's settings."""
        return typing.get_type_hints(self.task)["model"]


KINDS = (
    Kind(
        name="msrn",
        task=MsrnTask,
        predictor=MsrnPredictor,
        role="one photograph into a mesh",
    ),
    Kind(
        name="relief",
        task=ReliefTask,
        predictor=ReliefPredictor,
        role="one photograph into a mesh",
    ),
    Kind(
        name="foreground",
        task=ForegroundTask,
        predictor=MaskPredictor,
        role="a photograph into a mask",
    ),
    Kind(
        name="one2345",
        task=One2345Task,
        predictor=One2345Predictor,
        role="posed views into a mesh",
    ),
)

AnyTask = functools.reduce(operator.or_, (kind.task for kind in KINDS))
"""Settings of any kind, as a type."""


def of_task(task: Any) -> Kind:
    """The kind that a task belongs to."""
    return next(kind for kind in KINDS if isinstance(task, kind.task))


def of_predictor(predictor: Any) -> Kind:
    """The kind that a trained network belongs to."""
    return next(kind for kind in KINDS if isinstance(predictor, kind.predictor))


def named(name: Any) -> Kind:
    """The kind of a name in an export's page."""
    known = {kind.name: kind for kind in KINDS if kind.exported}
    if name not in known:
        raise UserError(
            f"a network of kind {name!r}, where this program knows {' and '.join(known)}"
        )
    return known[name]
