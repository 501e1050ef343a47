"""Compiling a native library for this machine, and finding it again.

A library lives in a cache of the user. Its name is a digest of all it depends on: sources, flags,
jaxlib and this processor, so that one built elsewhere or from older sources is never loaded.
"""

import ctypes
import dataclasses
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

# Not -ffast-math: it would change how the whole process rounds. The result is used where it was
# built, so it may use every instruction of this processor.
FLAGS = ("-std=c++17", "-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math")
FLAGS += ("-fPIC", "-shared", "-pthread", "-Wno-psabi")
_LOG = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class NativeLibrary:
    """One library of C++ sources and the XLA targets in it."""

    name: str
    """Of the file."""
    title: str
    """In messages."""
    command: str
    """What a user types to build it."""
    folder: pathlib.Path
    """Of the sources."""
    sources: tuple[str, ...]
    targets: tuple[str, ...]

    def path(self) -> pathlib.Path:
        """Where this machine's library is, or would be; $JAXRELIC_CACHE moves the folder."""
        home = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
        folder = os.environ.get("JAXRELIC_CACHE") or pathlib.Path(home, "jaxrelic")
        return pathlib.Path(folder, "native", f"{self.name}-{_digest(self)}.so")

    def build(self) -> pathlib.Path:
        """Compiles the library, unless a sound one is there already, and returns its path.

        Raises:
            UserError: if there is no compiler, or it cannot compile the sources.
        """
        path = self.path()
        if self.registered():
            return path
        compiler = os.environ.get("CXX") or "c++"
        if shutil.which(compiler) is None:
            raise UserError(f"no C++ compiler {compiler!r} here; install g++, or set CXX to one")
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            library = pathlib.Path(folder, path.name)
            includes = ("-isystem", jax.ffi.include_dir())
            units = [str(self.folder / name) for name in self.sources if name.endswith(".cc")]
            command = [compiler, *FLAGS, *includes, *units, "-o", str(library)]
            result = subprocess.run(command, capture_output=True, text=True, check=False)
            if result.returncode != 0:
                errors = [line for line in result.stderr.splitlines() if "error" in line]
                reason = errors[0] if errors else f"it exited with {result.returncode}"
                raise UserError(f"{compiler} cannot compile the {self.title}: {reason}")
            os.replace(library, path)
        return path

    def registered(self) -> str | None:
        """The prefix of this machine's XLA targets, None without a library; loads it at first use.

        It holds the digest, so that no compiled program kept on disk calls other code than its own.
        """
        path = self.path()
        return _register(self, path) if path.exists() else None

    def loaded(self) -> ctypes.CDLL | None:
        """The library for calls without XLA, None where it is not built or does not load."""
        path = self.path()
        return _load(self, path) if path.exists() else None


@functools.cache
def _load(library: NativeLibrary, path: pathlib.Path) -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        message = "the %s does not load (%s); build it again: %s"
        _LOG.warning(message, library.title, error, library.command)
        return None


@functools.cache
def _register(library: NativeLibrary, path: pathlib.Path) -> str | None:
    loaded = _load(library, path)
    if loaded is None:
        return None
    for target in library.targets:
        capsule = jax.ffi.pycapsule(getattr(loaded, target))
        jax.ffi.register_ffi_target(f"jaxrelic_{path.stem}_{target}", capsule, platform="cpu")
    return f"jaxrelic_{path.stem}"


@functools.cache
def _digest(library: NativeLibrary) -> str:
    parts = [(library.folder / name).read_text() for name in library.sources]
    parts += [*FLAGS, importlib.metadata.version("jaxlib"), processor()]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


@functools.cache
def processor() -> str:
    """What decides which instructions there are."""
    table = pathlib.Path("/proc/cpuinfo")
    if not table.exists():
        return f"{platform.machine()} {platform.processor()}"
    named = ("model name", "flags", "Features", "CPU part")
    lines = {line for line in table.read_text().splitlines() if line.startswith(named)}
    return "\n".join([platform.machine(), *sorted(lines)])
