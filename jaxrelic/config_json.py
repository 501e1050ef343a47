"""Settings as JSON and back: what a run writes beside its checkpoints.

Only what our settings are made of is handled: dataclasses, tuples, dicts and plain values. Where a
setting may be one of several dataclasses, `kind` names the one it is; without a name, as in files
from before there was a choice, it is the first.
"""

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

_Config = TypeVar("_Config")

KIND = "kind"

FORMERLY = "formerly"
"""Key of a field's metadata: the name that files of earlier versions have for it."""

RETIRED = "RETIRED"
"""Class attribute of a dataclass: settings of earlier versions, by name, with the only value that
there is now. Files that name one open if they have that value."""


def to_json(config: Any) -> dict[str, Any]:
    """A dataclass as dicts, lists and plain values."""
    hints = typing.get_type_hints(type(config))
    plain = {}
    for name in (field.name for field in dataclasses.fields(config)):
        value = getattr(config, name)
        plain[name] = _plain(value)
        if dataclasses.is_dataclass(value) and len(_dataclasses_of(hints[name])) > 1:
            plain[name] = {KIND: type(value).__name__, **plain[name]}
    return plain


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return to_json(value)
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def from_json(kind: type[_Config], plain: Mapping[str, Any]) -> _Config:
    """The dataclass that `to_json` was given; unknown and missing names raise."""
    hints = typing.get_type_hints(kind)
    former = {field.metadata.get(FORMERLY): field.name for field in dataclasses.fields(kind)}
    plain = {former.get(name, name): value for name, value in plain.items()}
    plain = _without_retired(kind, plain)
    if unknown := plain.keys() - {field.name for field in dataclasses.fields(kind)}:
        raise ValueError(f"{kind.__name__} has no setting {sorted(unknown)}; was it renamed?")
    return kind(**{name: _restore(hints[name], value) for name, value in plain.items()})


def _without_retired(kind: type, plain: Mapping[str, Any]) -> dict[str, Any]:
    """What is left to be set; raises where a retired setting had another value than there is."""
    retired = getattr(kind, RETIRED, {})
    for name in plain.keys() & retired.keys():
        if plain[name] != _plain(retired[name]):
            raise ValueError(
                f"{kind.__name__}.{name} is {plain[name]} in this file; it is no setting any more "
                f"and is always {retired[name]}, so use the version that wrote the file"
            )
    return {name: value for name, value in plain.items() if name not in retired}


def _restore(hint: Any, value: Any) -> Any:
    """`value` as the type `hint` asks for."""
    if dataclasses.is_dataclass(hint):
        return from_json(hint, value)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        if value is None:
            return None
        if kinds := _dataclasses_of(hint):
            return _restore_one_of(kinds, value)
        (hint,) = [each for each in arguments if each is not types.NoneType]
        return _restore(hint, value)
    if origin is tuple:
        repeated = len(arguments) == 2 and arguments[1] is Ellipsis
        each = [arguments[0]] * len(value) if repeated else arguments
        return tuple(_restore(hint, item) for hint, item in zip(each, value, strict=True))
    if origin is dict:
        return {name: _restore(arguments[1], item) for name, item in value.items()}
    return value


def _dataclasses_of(hint: Any) -> list[type]:
    """The dataclasses that a union may be, in its order."""
    return [each for each in typing.get_args(hint) if dataclasses.is_dataclass(each)]


def _restore_one_of(kinds: list[type], value: Mapping[str, Any]) -> Any:
    by_name = {kind.__name__: kind for kind in kinds}
    name = value.get(KIND, kinds[0].__name__)
    if name not in by_name:
        raise ValueError(f"no kind {name!r}, only {', '.join(by_name)}; was it renamed?")
    return from_json(by_name[name], {key: item for key, item in value.items() if key != KIND})


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
