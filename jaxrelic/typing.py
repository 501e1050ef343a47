"""Array types and the decorator that checks them while JAX traces.

Shapes stand in signatures (docs/style.md): `Float[Array, "*b h w 3"]`. A lone axis is written with
a leading space, `" v"`, because ruff reads `"v"` as a name.
"""

import contextlib
from collections.abc import Iterator
from typing import TypeVar

import jax
import jaxtyping
import numpy as np
from beartype import beartype
from jaxtyping import Bool, Float, Int, Key, Shaped, UInt8

__all__ = ["Array", "Bool", "Float", "Int", "Key", "Shaped", "UInt8", "typechecked", "unchecked"]

Array = jax.Array | np.ndarray
"""NumPy arrays enter wherever JAX accepts them; what leaves a function is a JAX array."""

_Function = TypeVar("_Function")


def typechecked(function: _Function) -> _Function:
    """Checks argument and result shapes at trace time; free once the function is compiled."""
    return jaxtyping.jaxtyped(typechecker=beartype)(function)


@contextlib.contextmanager
def unchecked() -> Iterator[None]:
    """Leaves shapes unchecked, for tracing with symbolic sizes, which are no numbers."""
    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        yield
    finally:
        jaxtyping.config.update("jaxtyping_disable", before)
