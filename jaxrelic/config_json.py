"""Settings as JSON and back: what a run writes beside its checkpoints.

Only what our settings are made of is handled: dataclasses, tuples, dicts and plain values.
"""

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

_Config = TypeVar("_Config")


def to_json(config: Any) -> dict[str, Any]:
    """A dataclass as dicts, lists and plain values."""
    return _plain(dataclasses.asdict(config))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def from_json(kind: type[_Config], plain: Mapping[str, Any]) -> _Config:
    """The dataclass that `to_json` was given; unknown and missing names raise."""
    hints = typing.get_type_hints(kind)
    if unknown := plain.keys() - hints.keys():
        raise ValueError(f"{kind.__name__} has no setting {sorted(unknown)}; was it renamed?")
    return kind(**{name: _restore(hints[name], value) for name, value in plain.items()})


def _restore(hint: Any, value: Any) -> Any:
    """`value` as the type `hint` asks for."""
    if dataclasses.is_dataclass(hint):
        return from_json(hint, value)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        if value is None:
            return None
        (hint,) = [each for each in arguments if each is not types.NoneType]
        return _restore(hint, value)
    if origin is tuple:
        repeated = len(arguments) == 2 and arguments[1] is Ellipsis
        each = [arguments[0]] * len(value) if repeated else arguments
        return tuple(_restore(hint, item) for hint, item in zip(each, value, strict=True))
    if origin is dict:
        return {name: _restore(arguments[1], item) for name, item in value.items()}
    return value


def differences(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[str]:
    """Dotted names of settings that differ between two JSON configurations."""
    flat_ours, flat_theirs = dict(_flatten(ours)), dict(_flatten(theirs))
    names = flat_ours.keys() | flat_theirs.keys()
    absent = object()
    return sorted(n for n in names if flat_ours.get(n, absent) != flat_theirs.get(n, absent))


def _flatten(plain: Mapping[str, Any], prefix: str = "") -> typing.Iterator[tuple[str, Any]]:
    for name, value in plain.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
