"""A function of a trained network as an export offers it: named arrays in, named arrays out."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
from jax import export

Arrays = Mapping[str, Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Program:
    """A function of named arrays, and what they mean."""

    name: str
    """Name of the file."""
    purpose: str
    """One line."""
    function: Callable[[Arrays], Arrays]
    """Named inputs to named outputs; weights are constants of it."""
    inputs: Mapping[str, jax.ShapeDtypeStruct]
    """Their shapes; an axis may be `symbolic`."""
    meanings: Mapping[str, str]
    """Meaning of each input and output: content, range, unit, frame."""


def symbolic(shape: str, scope: export.SymbolicScope | None = None) -> tuple[Any, ...]:
    """A shape such as "b, 64, 64, 3", in which a name stands for any size.

    Args:
        shape: Sizes and names.
        scope: Shared by the inputs of one program, in which a name means one size.
    """
    return export.symbolic_shape(shape, scope=scope)
