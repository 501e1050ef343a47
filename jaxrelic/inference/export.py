"""A trained network as a folder that needs nothing else: Orbax arrays and one JSON page.

DIR/export.json      what it is: sizes, preprocessing, training summary, licences of the data
DIR/variables/       parameters and untrained collections (Orbax StandardCheckpointer)
"""

import contextlib
import json
import os
import pathlib
import shutil
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from jaxrelic import config_json
from jaxrelic.errors import UserError
from jaxrelic.inference import photo, reconstruct
from jaxrelic.models.msrn import model as msrn

FORMAT, FORMAT_VERSION = "jaxrelic-export", 1
PAGE, ARRAYS = "export.json", "variables"


def save(
    directory: pathlib.Path,
    reconstructor: reconstruct.Reconstructor,
    *,
    training: Mapping[str, Any],
    data: Mapping[str, Any],
) -> None:
    """Writes an export, whole or not at all; an earlier export at the same place is replaced.

    Args:
        directory: Folder to make.
        reconstructor: The network.
        training: How it was trained, as JSON: steps, supervision, seed.
        data: What it was trained on, as JSON: relics by licence.
    """
    directory = directory.absolute()
    _check_replaceable(directory)
    partial = directory.with_name(f".{directory.name}.{os.getpid()}.partial")
    page = {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "model": "msrn",
        "config": config_json.to_json(reconstructor.config),
        "open_entries": {
            "shape_size": reconstructor.shape_size,
            "texture_size": reconstructor.texture_size,
        },
        "preprocessing": config_json.to_json(reconstructor.preprocessing),
        "training": dict(training),
        "data": dict(data),
    }
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        with ocp.StandardCheckpointer() as checkpointer:
            checkpointer.save(partial / ARRAYS, jax.tree.map(np.asarray, reconstructor.variables))
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


def load(path: str | pathlib.Path) -> reconstruct.Reconstructor:
    """Loads an export.

    Args:
        path: Folder that `jaxrelic export` wrote.
    """
    directory = pathlib.Path(path).absolute()
    page = read_page(directory)
    try:
        config = config_json.from_json(msrn.MsrnConfig, page["config"])
        preprocessing = config_json.from_json(photo.Preprocessing, page["preprocessing"])
        sizes = {name: int(page["open_entries"][name]) for name in ("shape_size", "texture_size")}
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{directory / PAGE} cannot be used ({error}); export again") from error
    return reconstruct.Reconstructor(
        config=config,
        preprocessing=preprocessing,
        variables=_restore(directory, config, preprocessing.image_size),
        **sizes,
    )


def _restore(directory: pathlib.Path, config: msrn.MsrnConfig, side: int) -> Any:
    """The arrays, checked against the shapes that the network of `config` has."""
    device = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    target = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=device),
        dict(abstract_variables(config, side)),
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
    """Names, shapes and types of a network's arrays for inputs of `side` pixels."""
    model = msrn.Msrn(config)
    image = jax.ShapeDtypeStruct((1, side, side, 3), np.float32)
    return jax.eval_shape(
        lambda rng, image: model.init(rng, image, train=False), jax.random.key(0), image
    )


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
