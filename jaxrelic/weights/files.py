"""A weights file as a flat dictionary of arrays; its type is read from its content."""

import hashlib
import pathlib

import numpy as np

from jaxrelic.errors import UserError
from jaxrelic.weights import safetensors_file, torch_file

_ZIP = b"PK\x03\x04"
_LEGACY_TORCH = bytes.fromhex("80028a0a6cfc9c46f9206aa85019")
"""A pickle of protocol 2 that starts with torch's old magic number."""


def read_weights(path: str | pathlib.Path) -> dict[str, np.ndarray]:
    """Reads a safetensors file or a torch checkpoint; nothing in it is ever executed.

    Nested dictionaries become dotted names. What is no tensor (step counts, settings) is left out.
    Arrays are read-only and of the type in the file: float16 and bfloat16 are not widened here.

    Args:
        path: .safetensors, or .pt, .pth, .bin, .ckpt as written by torch 1.6 or later, or a
            TorchScript archive.
    """
    path = pathlib.Path(path)
    try:
        with path.open("rb") as file:
            start = file.read(len(_LEGACY_TORCH))
    except OSError as error:
        raise UserError(f"cannot read the weights {path}: {error.strerror}") from error
    if start.startswith(_ZIP):
        return torch_file.read(path)
    if start == _LEGACY_TORCH:
        raise UserError(
            f"{path} has torch's format of before 1.6; load it there and save it again with "
            "torch.save, or get its .safetensors"
        )
    if start[8:9] == b"{":
        return safetensors_file.read(path)
    raise UserError(
        f"{path} is neither a safetensors file nor a torch checkpoint; it starts with "
        f"{start[:8].hex() or 'nothing'}"
    )


def digest(path: str | pathlib.Path) -> str:
    """SHA-256 of a weights file in hexadecimal: which weights a result was made with."""
    with pathlib.Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
