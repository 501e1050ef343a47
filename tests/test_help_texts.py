"""Every option of both programs says in a sentence what it sets."""

import dataclasses
import importlib
import re
import types
import typing
from collections.abc import Iterator

import docstring_parser
import pytest
from places import ROOT

from data_engine import cli as data_engine
from jaxrelic.cli import data
from jaxrelic.cli import main as jaxrelic
from jaxrelic.cli.train import load_experiment

NO_HEAD = re.compile(r"(Of|As|By|Which|What|Where|How much|In|For|From|So many|At most so many)\b")
"""Beginnings that leave the reader to guess what is set: "Of the surface samples"."""


def classes_below(kind: type, value: object = None) -> Iterator[type]:
    """A dataclass and those of its fields, by their types and by the value of a config."""
    yield kind
    for name, hint in typing.get_type_hints(kind).items():
        member = getattr(value, name, None)
        for each in {*dataclasses_in(hint), *([type(member)] if is_settings(member) else [])}:
            yield from classes_below(each, member if isinstance(member, each) else None)


def dataclasses_in(hint: object) -> Iterator[type]:
    if isinstance(hint, type) and not isinstance(hint, types.GenericAlias):
        if dataclasses.is_dataclass(hint):
            yield hint
    else:
        for part in typing.get_args(hint):
            yield from dataclasses_in(part)


def is_settings(value: object) -> bool:
    return dataclasses.is_dataclass(value) and not isinstance(value, type)


def argument_classes() -> Iterator[type]:
    for name in jaxrelic.COMMANDS:
        if name != "data":
            run = importlib.import_module(f"jaxrelic.cli.{name}").run
            yield next(v for k, v in typing.get_type_hints(run).items() if k != "return")
    yield from data.COMMANDS.values()
    yield from map(data_engine.settings_class, data_engine.COMMANDS)


def all_settings() -> list[type]:
    found = {each for kind in argument_classes() for each in classes_below(kind)}
    for path in sorted((ROOT / "configs").glob("*.py")):
        try:
            experiment = load_experiment(path)
        except jaxrelic.UserError:  # A file of rows alone, whose rows share their classes.
            continue
        found |= set(classes_below(type(experiment), experiment))
    return sorted(found, key=lambda kind: (kind.__module__, kind.__qualname__))


def helps_of(kind: type) -> dict[str, str]:
    """The docstrings under the fields, those of a class that the fields are inherited from too."""
    helps = dict.fromkeys((field.name for field in dataclasses.fields(kind)), "")
    for parent in reversed(kind.__mro__[:-1]):
        for field in docstring_parser.parse_from_object(parent).params:
            helps[field.arg_name] = " ".join((field.description or "").split())
    return helps


SETTINGS = all_settings()


@pytest.mark.parametrize("kind", SETTINGS, ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_help_of_every_option_is_a_sentence_that_begins_with_what_it_sets(kind):
    helps = helps_of(kind)
    assert not [name for name, text in helps.items() if not text.endswith(".")]
    assert not [name for name, text in helps.items() if NO_HEAD.match(text)]
    assert not NO_HEAD.match(kind.__doc__)


def test_settings_of_every_command_and_every_kind_of_model_are_read():
    names = {kind.__name__ for kind in SETTINGS}
    assert {"ReconstructArguments", "Prepare", "RenderSettings", "SplitShares"} <= names
    assert {"MsrnConfig", "One2345Config", "ForegroundConfig", "SingleViewData"} <= names
