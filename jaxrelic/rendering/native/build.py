"""Compiling the native rasterizer for this machine, and finding it again.

The library lives in a cache of the user. Its name is a digest of all it depends on: sources, flags,
jaxlib and this processor, so that one built elsewhere or from older sources is never loaded.
"""

import ctypes
import functools
import hashlib
import importlib.metadata
import logging
import os
import pathlib
import platform
import shutil
import subprocess
import tempfile

import jax

from jaxrelic.errors import UserError

COMMAND = "python -m jaxrelic.rendering.native"
"""What a user types to build the library."""
SOURCES = ("targets.cc", "two_layers.cc", "kernel.h", "lanes.h")
# Not -ffast-math: it would change how the whole process rounds. The result is used where it was
# built, so it may use every instruction of this processor.
FLAGS = ("-std=c++17", "-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math")
FLAGS += ("-fPIC", "-shared", "-pthread", "-Wno-psabi")
TARGETS = ("draw_float32", "draw_float64", "pull_back_float32", "pull_back_float64")
_LOG = logging.getLogger(__name__)
_HERE = pathlib.Path(__file__).parent


def library_path() -> pathlib.Path:
    """Where this machine's library is, or would be; $JAXRELIC_CACHE moves the folder."""
    home = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    folder = os.environ.get("JAXRELIC_CACHE") or pathlib.Path(home, "jaxrelic")
    return pathlib.Path(folder, "native", f"rasterizer-{_digest()}.so")


def build() -> pathlib.Path:
    """Compiles the library, unless a sound one is there already, and returns its path."""
    path = library_path()
    if registered():
        return path
    compiler = os.environ.get("CXX") or "c++"
    if shutil.which(compiler) is None:
        raise UserError(f"no C++ compiler {compiler!r} here; install g++, or set CXX to one")
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        library = pathlib.Path(folder, path.name)
        includes = ("-isystem", jax.ffi.include_dir())
        units = [str(_HERE / name) for name in SOURCES if name.endswith(".cc")]
        command = [compiler, *FLAGS, *includes, *units, "-o", str(library)]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            errors = [line for line in result.stderr.splitlines() if "error" in line]
            reason = errors[0] if errors else f"it exited with {result.returncode}"
            raise UserError(f"{compiler} cannot compile the native rasterizer: {reason}")
        os.replace(library, path)
    return path


def registered() -> str | None:
    """The prefix of this machine's XLA targets, None without a library; loads it at first use.

    It holds the digest, so that no compiled program kept on disk calls other code than its own.
    """
    path = library_path()
    return _register(path) if path.exists() else None


def library() -> ctypes.CDLL | None:
    """This machine's library for calls without XLA, None where it is not built or does not load."""
    path = library_path()
    return _load(path) if path.exists() else None


@functools.cache
def _load(path: pathlib.Path) -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        _LOG.warning("the native rasterizer does not load (%s); build it again: %s", error, COMMAND)
        return None


@functools.cache
def _register(path: pathlib.Path) -> str | None:
    library = _load(path)
    if library is None:
        return None
    for target in TARGETS:
        capsule = jax.ffi.pycapsule(getattr(library, target))
        jax.ffi.register_ffi_target(f"jaxrelic_{path.stem}_{target}", capsule, platform="cpu")
    return f"jaxrelic_{path.stem}"


@functools.cache
def _digest() -> str:
    parts = [(_HERE / name).read_text() for name in SOURCES]
    parts += [*FLAGS, importlib.metadata.version("jaxlib"), _processor()]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _processor() -> str:
    """What decides which instructions there are."""
    table = pathlib.Path("/proc/cpuinfo")
    if not table.exists():
        return f"{platform.machine()} {platform.processor()}"
    named = ("model name", "flags", "Features", "CPU part")
    lines = {line for line in table.read_text().splitlines() if line.startswith(named)}
    return "\n".join([platform.machine(), *sorted(lines)])
