"""The native rasterizer's library."""

import pathlib

from jaxrelic.native_library import NativeLibrary

COMMAND = "python -m jaxrelic.rendering.native"
"""What a user types to build the library."""
LIBRARY = NativeLibrary(
    name="rasterizer",
    title="native rasterizer",
    command=COMMAND,
    folder=pathlib.Path(__file__).parent,
    sources=("targets.cc", "two_layers.cc", "kernel.h", "lanes.h"),
    targets=("draw_float32", "draw_float64", "pull_back_float32", "pull_back_float64"),
)
