"""A trained network as a folder that needs nothing else: Orbax arrays, StableHLO, one JSON page.

DIR/export.json      what it is: sizes, preprocessing, training summary, licences of the data,
                     and inputs and outputs of each program
DIR/variables/       parameters and untrained collections (Orbax StandardCheckpointer)
DIR/programs/        functions that run without our code (stablehlo.py)
"""

import contextlib
import json
import os
import pathlib
import shutil
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import jax
import numpy as np
import orbax.checkpoint as ocp

from jaxrelic import config_json
from jaxrelic.errors import UserError
from jaxrelic.inference.program import Program
from jaxrelic.saved import stablehlo
from jaxrelic.saved.page import FORMAT, FORMAT_VERSION, PAGE
from jaxrelic.train.tasks import kinds
from jaxrelic.train.tasks.kinds import Kind

ARRAYS, PROGRAMS = "variables", "programs"


class Exportable(Protocol):
    """A predictor that can be written; its class reads the page back with `described`."""

    config: Any
    """Sizes of the network."""
    variables: Any
    """Its arrays."""

    def description(self) -> dict[str, Any]:
        """What the page says beside `config`."""

    def programs(self) -> Sequence[Program]:
        """What of it is written as StableHLO."""


def save(
    directory: pathlib.Path,
    model: Exportable,
    *,
    training: Mapping[str, Any],
    data: Mapping[str, Any],
    stable_hlo: bool = True,
) -> None:
    """Writes an export, whole or not at all; an earlier export at the same place is replaced.

    Args:
        directory: Folder to make.
        model: The network.
        training: How it was trained, as JSON: steps, supervision, seed.
        data: What it was trained on, as JSON: relics by licence.
        stable_hlo: Write its programs too.
    """
    directory = directory.absolute()
    _check_replaceable(directory)
    partial = directory.with_name(f".{directory.name}.{os.getpid()}.partial")
    kind = kinds.of_predictor(model)
    page = {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "model": kind.name,
        "config": config_json.to_json(model.config),
        **model.description(),
        "training": dict(training),
        "data": dict(data),
    }
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        with ocp.StandardCheckpointer() as checkpointer:
            checkpointer.save(partial / ARRAYS, jax.tree.map(np.asarray, model.variables))
        if stable_hlo:
            page["programs"] = stablehlo.write(partial / PROGRAMS, model.programs())
        (partial / PAGE).write_text(json.dumps(page, indent=2, ensure_ascii=False) + "\n")
        shutil.rmtree(directory, ignore_errors=True)
        os.replace(partial, directory)
    except OSError as error:
        with contextlib.suppress(OSError):
            shutil.rmtree(partial)
        raise UserError(f"cannot write {directory}: {error.strerror}; choose -o") from error


def _check_replaceable(directory: pathlib.Path) -> None:
    """Only an export or nothing may be replaced, never somebody's other files."""
    if directory.exists() and not (directory / PAGE).is_file() and any(directory.iterdir()):
        raise UserError(f"{directory} exists and is no export; choose another folder with -o")


def load(path: str | pathlib.Path) -> Any:
    """The network of an export, as the predictor of its kind.

    Args:
        path: Folder that `jaxrelic export` wrote.
    """
    directory = pathlib.Path(path).absolute()
    kind, page = kind_of(directory), read_page(directory)
    try:
        arguments, abstract = kind.predictor.described(page)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{directory / PAGE} cannot be used ({error}); export again") from error
    return kind.predictor(**arguments, variables=_restore(directory, abstract))


def kind_of(directory: pathlib.Path) -> Kind:
    """The kind of network that an export holds."""
    try:
        return kinds.named(read_page(directory).get("model"))
    except UserError as error:
        raise UserError(f"{directory / PAGE} cannot be used: {error}") from error


def _restore(directory: pathlib.Path, abstract: Any) -> Any:
    """The arrays, checked against the shapes that the network has."""
    device = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    target = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=device), dict(abstract)
    )
    try:
        with ocp.StandardCheckpointer() as checkpointer:
            return checkpointer.restore(directory / ARRAYS, target)
    except (OSError, KeyError, ValueError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise UserError(
            f"the arrays of {directory} do not fit its {PAGE} ({reason}); export again"
        ) from error


def read_page(directory: pathlib.Path) -> dict[str, Any]:
    """The JSON page of an export."""
    try:
        page = json.loads((directory / PAGE).read_text())
    except FileNotFoundError as error:
        raise UserError(f"no export in {directory}: no {PAGE}; run `jaxrelic export`") from error
    except (OSError, ValueError) as error:
        raise UserError(f"{directory / PAGE} cannot be read ({error}); export again") from error
    if not isinstance(page, dict) or page.get("format") != FORMAT:
        raise UserError(f"{directory / PAGE} is not a {FORMAT} page; run `jaxrelic export`")
    if page.get("version") != FORMAT_VERSION:
        raise UserError(
            f"{directory} has export version {page.get('version')}, this program reads "
            f"{FORMAT_VERSION}; export again"
        )
    return page
