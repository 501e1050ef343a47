"""The kinds of models there are: the one table that training, saving and the commands read.

A new kind is a task, a predictor and a row here. Rows name their classes, which are imported when
they are asked for: opening a network of one kind does not cost the imports of all.
"""

import dataclasses
import functools
import importlib
import typing
from typing import Any, Literal

from jaxrelic.errors import UserError

Role = Literal["one photograph into a mesh", "posed views into a mesh", "a photograph into a mask"]
"""What a network turns into what; a command asks for a role, never for a kind."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of model."""

    name: str
    """Name in an export's page."""
    task_path: str
    """Module and class of its settings."""
    predictor_path: str
    """Module and class of its trained network at work."""
    role: Role
    """What its networks turn into what."""

    @functools.cached_property
    def task(self) -> type:
        """Class of its settings (`task.Task`)."""
        return _imported(self.task_path)

    @functools.cached_property
    def predictor(self) -> type:
        """Class of its trained network at work."""
        return _imported(self.predictor_path)

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
        task_path="jaxrelic.train.tasks.msrn:MsrnTask",
        predictor_path="jaxrelic.inference.msrn:MsrnPredictor",
        role="one photograph into a mesh",
    ),
    Kind(
        name="relief",
        task_path="jaxrelic.train.tasks.relief:ReliefTask",
        predictor_path="jaxrelic.inference.relief_predictor:ReliefPredictor",
        role="one photograph into a mesh",
    ),
    Kind(
        name="foreground",
        task_path="jaxrelic.train.tasks.foreground:ForegroundTask",
        predictor_path="jaxrelic.photos.masks.finder:MaskPredictor",
        role="a photograph into a mask",
    ),
    Kind(
        name="one2345",
        task_path="jaxrelic.train.tasks.one2345:One2345Task",
        predictor_path="jaxrelic.inference.one2345:One2345Predictor",
        role="posed views into a mesh",
    ),
)


def _imported(path: str) -> type:
    module, name = path.split(":")
    return getattr(importlib.import_module(module), name)


def _is_of(thing: Any, path: str) -> bool:
    """Whether something is of a class, which then has been imported already."""
    return any(f"{kind.__module__}:{kind.__qualname__}" == path for kind in type(thing).__mro__)


def of_task(task: Any) -> Kind:
    """The kind that a task belongs to."""
    return next(kind for kind in KINDS if _is_of(task, kind.task_path))


def of_predictor(predictor: Any) -> Kind:
    """The kind that a trained network belongs to."""
    return next(kind for kind in KINDS if _is_of(predictor, kind.predictor_path))


def named(name: Any) -> Kind:
    """The kind of a name in an export's page."""
    for kind in KINDS:
        if kind.name == name and kind.exported:
            return kind
    known = " and ".join(kind.name for kind in KINDS if kind.exported)
    raise UserError(f"a network of kind {name!r}, where this program knows {known}")
