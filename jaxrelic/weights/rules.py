"""From their names and layouts to ours through a table of patterns, checked both ways."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import flax.traverse_util
import numpy as np

from jaxrelic.errors import UserError

Transform = Callable[[np.ndarray], np.ndarray]
"""Function from their layout to ours."""

Rule = tuple[str, str | None, Transform]
"""Pattern of their whole name; path of ours, with groups as \\1, or None; transform.

A tensor that several patterns match is used by each: a fused matrix is cut in pieces by rows of one
pattern. A row without a path says that the tensor is known and has no place in our network.
"""

NAMES_SHOWN = 20
"""Misfits of one kind that an error lists by name."""


def same(x: np.ndarray) -> np.ndarray:
    """Biases, norms and embeddings have one layout everywhere."""
    return x


def oi_to_io(x: np.ndarray) -> np.ndarray:
    """The matrix of a torch linear layer as Flax has it."""
    return np.moveaxis(x, 0, 1)


def oihw_to_hwio(x: np.ndarray) -> np.ndarray:
    """The kernel of a torch convolution as Flax has it."""
    return np.transpose(x, (2, 3, 1, 0))


def norm_rows(theirs: str, ours: str) -> list[Rule]:
    """The rows of a torch layer norm without running statistics."""
    return [
        (rf"{theirs}\.weight", f"{ours}/scale", same),
        (rf"{theirs}\.bias", f"{ours}/bias", same),
    ]


def linear_rows(theirs: str, ours: str) -> list[Rule]:
    """The rows of a torch linear layer with bias."""
    return [
        (rf"{theirs}\.weight", f"{ours}/kernel", oi_to_io),
        (rf"{theirs}\.bias", f"{ours}/bias", same),
    ]


def left_out(pattern: str) -> Rule:
    """The row of tensors that our network has no use for."""
    return (pattern, None, same)


def strip_prefix(theirs: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """The tensors below a prefix, without it: one network of a checkpoint that holds several."""
    return {name.removeprefix(prefix): x for name, x in theirs.items() if name.startswith(prefix)}


def apply_rules(
    theirs: Mapping[str, np.ndarray],
    rules: Sequence[Rule],
    ours: Mapping[str, Any],
    *,
    source: str = "the weights",
) -> dict[str, Any]:
    """Our variables filled with their tensors, in our types.

    Every one of theirs must match a row and every one of ours must be filled once, with its shape;
    all that does not fit is reported in one error.

    Args:
        theirs: What `read_weights` gave.
        rules: The table.
        ours: Variables or a part of them, nested dictionaries of arrays or ShapeDtypeStruct.
        source: Where theirs are from, for the error.
    """
    wanted = flax.traverse_util.flatten_dict(dict(ours), sep="/")
    compiled = [(re.compile(pattern), path, transform) for pattern, path, transform in rules]
    filled: dict[str, np.ndarray] = {}
    misfits: dict[str, list[str]] = {kind: [] for kind in _MISFITS}
    for name, tensor in theirs.items():
        matches = [
            (found, path, transform)
            for pattern, path, transform in compiled
            if (found := pattern.fullmatch(name))
        ]
        if not matches:
            misfits["unused"].append(name)
        for found, template, transform in matches:
            if template is None:
                continue
            path = found.expand(template)
            if path not in wanted:
                misfits["unknown"].append(f"{name} -> {path}")
            elif path in filled:
                misfits["twice"].append(f"{name} -> {path}")
            else:
                filled[path], reason = _fit(tensor, transform, wanted[path])
                if reason:
                    misfits["shape"].append(f"{name} -> {path}: {reason}")
    misfits["unfilled"] = [path for path in wanted if path not in filled]
    if any(misfits.values()):
        raise UserError(f"{source} do not fit this network: {_report(misfits)}")
    return flax.traverse_util.unflatten_dict(filled, sep="/")


_MISFITS = {
    "unused": "theirs that no row names",
    "unknown": "theirs for which we have no place",
    "twice": "theirs for a place that is taken",
    "shape": "of another shape or kind",
    "unfilled": "ours left empty",
}


def _fit(tensor: np.ndarray, transform: Transform, want: Any) -> tuple[np.ndarray, str]:
    """The tensor as we want it, or why it cannot be that."""
    try:
        value = transform(tensor)
    except (ValueError, IndexError) as error:
        return tensor, f"shape {list(tensor.shape)} cannot be turned ({error})"
    if value.shape != tuple(want.shape):
        return value, f"shape {list(value.shape)} instead of {list(want.shape)}"
    if not np.can_cast(value.dtype, want.dtype, "same_kind"):
        return value, f"type {value.dtype} instead of {np.dtype(want.dtype)}"
    return np.ascontiguousarray(value, want.dtype).reshape(want.shape), ""


def _report(misfits: Mapping[str, Sequence[str]]) -> str:
    parts = []
    for kind, names in misfits.items():
        if names:
            more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
            shown = ", ".join(names[:NAMES_SHOWN])
            parts.append(f"{len(names)} {_MISFITS[kind]} ({shown}{more})")
    return "; ".join(parts)
