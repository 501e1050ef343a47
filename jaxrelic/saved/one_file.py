"""A trained network as one file: a safetensors file whose metadata holds the page of an export.

Arrays are kept in float16 (half the size; the relief network's depths change by 1e-4 crop widths)
and computed with in float32. The page is that of `export.save`, with the scores and the recipe that
belong on a model card beside it.
"""

import json
import pathlib
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from jaxrelic import config_json, shipped
from jaxrelic.errors import UserError
from jaxrelic.saved.page import FORMAT, FORMAT_VERSION
from jaxrelic.train.tasks import kinds
from jaxrelic.weights import safetensors_file

SUFFIX = ".safetensors"
PAGE_KEY = "jaxrelic-export"


def save(path: pathlib.Path, model: Any, card: Mapping[str, Any]) -> None:
    """Writes a network and its card.

    Args:
        path: File to write.
        model: The network; see `export.Exportable`.
        card: How it was trained, on what, and how well it does, as JSON.
    """
    page = {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "model": kinds.of_predictor(model).name,
        "config": config_json.to_json(model.config),
        **model.description(),
        **card,
    }
    arrays = {
        jax.tree_util.keystr(name, simple=True, separator="/"): np.float16(array)
        for name, array in jax.tree_util.tree_leaves_with_path(model.variables)
    }
    safetensors_file.write(path, arrays, {PAGE_KEY: json.dumps(page, ensure_ascii=False)})


def load(path: pathlib.Path) -> Any:
    """The network of a file, as the predictor of its kind.

    Raises:
        UserError: The file was not written by `save`, or does not hold what its page says.
    """
    page = read_page(path)
    kind = kinds.named(page.get("model"))
    try:
        arguments, abstract = kind.predictor.described(page)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} cannot be used ({error}); get it again") from error
    arrays = safetensors_file.read(path)

    def filled(name: Any, like: jax.ShapeDtypeStruct) -> np.ndarray:
        key = jax.tree_util.keystr(name, simple=True, separator="/")
        array = arrays.get(key)
        if array is None or array.shape != like.shape:
            raise UserError(f"{path} does not hold {key} {list(like.shape)}; get it again")
        return array.astype(like.dtype)

    return kind.predictor(**arguments, variables=jax.tree_util.tree_map_with_path(filled, abstract))


def installed() -> list[pathlib.Path]:
    """The networks of this form that travel with the install."""
    return sorted(shipped.FOLDER.glob(f"*{SUFFIX}"))


def is_one(path: pathlib.Path) -> bool:
    """Whether a path is a file of this form by its name."""
    return path.suffix.lower() == SUFFIX and path.is_file()


def read_page(path: pathlib.Path) -> dict[str, Any]:
    """What a file says of its network."""
    text = safetensors_file.metadata(path).get(PAGE_KEY)
    if text is None:
        raise UserError(f"{path} holds weights, but not those of a jaxrelic network")
    try:
        page = json.loads(text)
    except ValueError as error:
        raise UserError(f"the page of {path} cannot be read ({error}); get it again") from error
    if not isinstance(page, dict) or page.get("version") != FORMAT_VERSION:
        raise UserError(f"{path} is of another version; this program reads {FORMAT_VERSION}")
    return page
