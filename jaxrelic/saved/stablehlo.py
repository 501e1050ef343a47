"""Functions of a trained network as StableHLO, for programs that do not have our code.

Each is one file of `jax.export`, its weights inside. In Python with JAX alone:

    program = jax.export.deserialize(bytearray(path.read_bytes()))
    outputs = program.call({"image": image})

and `program.mlir_module_serialized` is portable StableHLO for other runtimes.
"""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import jax
from jax import export

from jaxrelic import typing
from jaxrelic.inference.program import Arrays, Program

SUFFIX = ".jax_export"
PLATFORMS = ("cpu", "cuda", "tpu")
"""What each file runs on."""


def write(directory: pathlib.Path, programs: Sequence[Program]) -> list[dict[str, Any]]:
    """Writes one file each; returns the contract of all, as JSON."""
    directory.mkdir(parents=True)
    return [_write(directory, program) for program in programs]


def _write(directory: pathlib.Path, program: Program) -> dict[str, Any]:
    with typing.unchecked():  # Our shape checks know numbers, not names of sizes.
        lower = export.export(jax.jit(program.function), platforms=PLATFORMS)
        exported = lower(dict(program.inputs))
    path = directory / f"{program.name}{SUFFIX}"
    path.write_bytes(exported.serialize())
    outputs = jax.tree.unflatten(exported.out_tree, exported.out_avals)
    return {
        "file": f"{directory.name}/{path.name}",
        "purpose": program.purpose,
        "platforms": list(PLATFORMS),
        "inputs": _described(program.inputs, program.meanings),
        "outputs": _described(outputs, program.meanings),
    }


def _described(arrays: Arrays, meanings: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Shape, type and meaning of each array; a symbolic axis is its name."""
    return {
        name: {
            "shape": [axis if isinstance(axis, int) else str(axis) for axis in array.shape],
            "dtype": str(array.dtype),
            "meaning": meanings[name],
        }
        for name, array in arrays.items()
    }
