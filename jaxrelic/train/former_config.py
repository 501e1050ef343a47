"""config.json of runs from before tasks, read as what they were.

Until then an experiment held the settings of every kind of model side by side, and those of other
kinds meant nothing. They are left out.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from jaxrelic.config_json import KIND
from jaxrelic.train.experiment import Experiment
from jaxrelic.train.tasks.kinds import KINDS

_FIRST = KINDS[0]
"""Before there were kinds, all runs were of this one."""


def upgraded(plain: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration as JSON, with the settings of its kind below `task`.

    Raises:
        ValueError: The model is of no known kind, or a setting is of none.
    """
    if "task" in plain:
        return dict(plain)
    name = plain["model"].get(KIND, _FIRST.model.__name__)
    kinds = {kind.model.__name__: kind for kind in KINDS}
    if name not in kinds:
        raise ValueError(f"no kind {name!r}, only {', '.join(kinds)}; was it renamed?")
    of_tasks = {kind.name: _names(kind.task) for kind in KINDS}
    own = _names(Experiment)
    if unknown := plain.keys() - own.union(*of_tasks.values()):
        raise ValueError(f"{Experiment.__name__} has no setting {sorted(unknown)}; was it renamed?")
    kept = {key: value for key, value in plain.items() if key in own}
    task = {key: _without_kind(plain[key]) for key in of_tasks[kinds[name].name] & plain.keys()}
    return {**kept, "task": {KIND: kinds[name].task.__name__, **task}}


def _names(settings: type) -> set[str]:
    return {field.name for field in dataclasses.fields(settings)}


def _without_kind(value: Any) -> Any:
    """Settings without the name of their class, which the kind of task implies."""
    if isinstance(value, Mapping):
        return {key: item for key, item in value.items() if key != KIND}
    return value
