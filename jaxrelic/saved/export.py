"""A trained network as a folder that needs nothing else: Orbax arrays, StableHLO, one JSON page.

DIR/export.json      what it is: sizes, preprocessing, training summary, licences of the data,
                     and inputs and outputs of each program
DIR/variables/       parameters and untrained collections (Orbax StandardCheckpointer)
DIR/programs/        functions that run without our code (stablehlo.py)
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from jaxrelic import config_json
from jaxrelic.errors import UserError
from jaxrelic.inference.msrn import MsrnPredictor
from jaxrelic.inference.one2345 import One2345Predictor
from jaxrelic.models.msrn import model as msrn
from jaxrelic.models.one2345 import convert
from jaxrelic.models.one2345.config import One2345Config
from jaxrelic.photos import photo
from jaxrelic.saved import programs, stablehlo

FORMAT, FORMAT_VERSION = "jaxrelic-export", 1
PAGE, ARRAYS, PROGRAMS = "export.json", "variables", "programs"

Model = MsrnPredictor | One2345Predictor


def save(
    directory: pathlib.Path,
    model: Model,
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
    name, kind = next((name, kind) for name, kind in _KINDS.items() if isinstance(model, kind.type))
    page = {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "model": name,
        "config": config_json.to_json(model.config),
        **kind.describe(model),
        "training": dict(training),
        "data": dict(data),
    }
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        with ocp.StandardCheckpointer() as checkpointer:
            checkpointer.save(partial / ARRAYS, jax.tree.map(np.asarray, model.variables))
        if stable_hlo:
            page["programs"] = stablehlo.write(partial / PROGRAMS, kind.programs(model))
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


def load(path: str | pathlib.Path) -> Model:
    """Loads an export: of M-SRN a `MsrnPredictor`, of One-2-3-45 a `One2345Predictor`.

    Args:
        path: Folder that `jaxrelic export` wrote.
    """
    directory = pathlib.Path(path).absolute()
    page = read_page(directory)
    if page.get("model") not in _KINDS:
        raise UserError(
            f"{directory / PAGE} cannot be used: a network of kind {page.get('model')!r}, where "
            f"this program knows {' and '.join(_KINDS)}"
        )
    kind = _KINDS[page["model"]]
    try:
        arguments, abstract = kind.restore(page)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{directory / PAGE} cannot be used ({error}); export again") from error
    return kind.type(**arguments, variables=_restore(directory, abstract))


def holds_scenes(path: pathlib.Path) -> bool:
    """Whether an export is of a network that sees several posed views."""
    kind = _KINDS.get(read_page(path).get("model"))
    return kind is not None and kind.type is One2345Predictor


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


def abstract_variables(config: msrn.MsrnConfig, side: int) -> Any:
    """Names, shapes and types of M-SRN's arrays for inputs of `side` pixels."""
    model = msrn.Msrn(config)
    image = jax.ShapeDtypeStruct((1, side, side, 3), np.float32)
    return jax.eval_shape(
        lambda rng, image: model.init(rng, image, train=False), jax.random.key(0), image
    )


def _describe_msrn(model: MsrnPredictor) -> dict[str, Any]:
    return {
        "open_entries": {"shape_size": model.shape_size, "texture_size": model.texture_size},
        "preprocessing": config_json.to_json(model.preprocessing),
    }


def _restore_msrn(page: Mapping[str, Any]) -> tuple[dict[str, Any], Any]:
    config = config_json.from_json(msrn.MsrnConfig, page["config"])
    preprocessing = config_json.from_json(photo.Preprocessing, page["preprocessing"])
    sizes = {name: int(page["open_entries"][name]) for name in ("shape_size", "texture_size")}
    arguments = {"config": config, "preprocessing": preprocessing, **sizes}
    return arguments, abstract_variables(config, preprocessing.image_size)


def _describe_one2345(model: One2345Predictor) -> dict[str, Any]:
    return {"views": {"image_size": model.image_size, "num_sources": model.num_sources}}


def _restore_one2345(page: Mapping[str, Any]) -> tuple[dict[str, Any], Any]:
    config = config_json.from_json(One2345Config, page["config"])
    sizes = {name: int(page["views"][name]) for name in ("image_size", "num_sources")}
    return {"config": config, **sizes}, convert.abstract_variables(config)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Kind:
    """What an export has to know of a kind of network."""

    type: type
    """Class of the model."""
    describe: Callable[[Any], dict[str, Any]]
    """What the page says of it beside its config."""
    restore: Callable[[Mapping[str, Any]], tuple[dict[str, Any], Any]]
    """Its arguments and abstract variables from the page."""
    programs: Callable[[Any], Sequence[stablehlo.Program]]
    """What of it is written as StableHLO."""


_KINDS = {
    "msrn": _Kind(
        type=MsrnPredictor,
        describe=_describe_msrn,
        restore=_restore_msrn,
        programs=programs.of_msrn,
    ),
    "one2345": _Kind(
        type=One2345Predictor,
        describe=_describe_one2345,
        restore=_restore_one2345,
        programs=programs.of_one2345,
    ),
}


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
