"""The library of native convolutions."""

import pathlib

from jaxrelic.native_library import NativeLibrary, processor

COMMAND = "python -m jaxrelic.nn.native"
"""What a user types to build the library."""
LIBRARY = NativeLibrary(
    name="convolution",
    title="native convolution",
    command=COMMAND,
    folder=pathlib.Path(__file__).parent,
    sources=("convolution.cc",),
    targets=("convolve", "kernel_gradient"),
)


def has_tiles() -> bool:
    """Whether this processor multiplies tiles of bfloat16 (Intel AMX)."""
    return "amx_bf16" in processor().split()
