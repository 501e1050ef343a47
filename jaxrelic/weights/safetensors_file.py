"""The safetensors format: eight bytes of header length, a JSON header, then the arrays."""

import json
import math
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import ml_dtypes
import numpy as np

from jaxrelic.errors import UserError

MAX_HEADER_BYTES = 100_000_000
"""The format's own limit."""

MAX_AXES = 64
"""Largest number of axes of an array; NumPy's limit."""

DTYPES = {
    "BOOL": np.bool_,
    "U8": np.uint8,
    "I8": np.int8,
    "U16": np.uint16,
    "I16": np.int16,
    "U32": np.uint32,
    "I32": np.int32,
    "U64": np.uint64,
    "I64": np.int64,
    "F8_E4M3": ml_dtypes.float8_e4m3fn,
    "F8_E5M2": ml_dtypes.float8_e5m2,
    "BF16": ml_dtypes.bfloat16,
    "F16": np.float16,
    "F32": np.float32,
    "F64": np.float64,
}


def read(path: pathlib.Path) -> dict[str, np.ndarray]:
    """The arrays of a file, mapped: what is not used is not read."""
    try:
        header, start = _read_header(path)
        data = np.memmap(path, np.uint8, "r")[start:]
        return {
            name: _array(data, **entry)
            for name, entry in sorted(header.items())
            if name != "__metadata__"
        }
    except (ValueError, TypeError, RecursionError) as error:
        raise UserError(f"{path} is a damaged safetensors file ({error}); get it again") from error


def metadata(path: pathlib.Path) -> dict[str, str]:
    """What a file says of itself beside its arrays."""
    try:
        said = _read_header(path)[0].get("__metadata__", {})
    except (ValueError, TypeError, RecursionError) as error:
        raise UserError(f"{path} is a damaged safetensors file ({error}); get it again") from error
    return said if isinstance(said, dict) else {}


def write(path: pathlib.Path, arrays: Mapping[str, np.ndarray], said: Mapping[str, str]) -> None:
    """Writes a file, whole or not at all.

    Args:
        path: File to write; an earlier one is replaced.
        arrays: By name.
        said: Metadata.
    """
    names = {np.dtype(kind): name for name, kind in DTYPES.items()}
    header: dict[str, Any] = {"__metadata__": dict(said)}
    end = 0
    for name, array in sorted(arrays.items()):
        begin, end = end, end + array.nbytes
        header[name] = {
            "dtype": names[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [begin, end],
        }
    text = json.dumps(header, ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # Arrays begin at a multiple of eight bytes.
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    with partial.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for _, array in sorted(arrays.items()):
            file.write(np.ascontiguousarray(array).tobytes())
    os.replace(partial, path)


def _read_header(path: pathlib.Path) -> tuple[dict[str, dict[str, Any]], int]:
    """The header, and where in the file the arrays start."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > min(MAX_HEADER_BYTES, path.stat().st_size - 8):
            raise ValueError(f"its header should have {length} bytes")
        header = json.loads(file.read(length))
    if not isinstance(header, dict):
        raise ValueError("its header is no JSON object")
    return header, 8 + length


def _array(data: np.ndarray, *, dtype: str, shape: list[int], data_offsets: list[int]):
    """One array of the data section, as a view of it."""
    if dtype not in DTYPES:
        raise ValueError(f"unknown type {dtype!r}")
    kind = np.dtype(DTYPES[dtype])
    begin, end = data_offsets
    if len(shape) > MAX_AXES:
        raise ValueError(f"an array of {len(shape)} axes")
    if not all(isinstance(n, int) and n >= 0 for n in (*shape, begin, end)) or end > len(data):
        raise ValueError(f"shape {shape} at {data_offsets} leaves the file")
    if end - begin != math.prod(shape) * kind.itemsize:
        raise ValueError(f"{end - begin} bytes for shape {shape} of {dtype}")
    # Offsets need not be aligned to the type, which only a byte view can be cast from.
    return data[begin:end].view(kind).reshape(shape)
