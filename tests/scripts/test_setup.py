"""The last, optional step of setup.sh, the native rasterizer, in a checkout otherwise ready."""

import hashlib
import os
import shutil
import subprocess

from places import ROOT

STAMPED = ("requirements.lock", "pyproject.toml", "scripts/setup.sh")
LIBRARY = "jaxrelic/native_library.py"
NATIVE = ("jaxrelic/rendering/native", "jaxrelic/nn/native")
NO_COMPILER = "setup: no C++ compiler, using the pure JAX rasterizer\n"


def script(path, body):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/bash\n{body}\n")
    path.chmod(0o755)


def ready_checkout(folder):
    """A checkout whose .venv is installed, but for the native rasterizer."""
    for name in STAMPED:
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    for name in NATIVE:
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / LIBRARY, folder / LIBRARY)
    script(folder / "scripts" / "system_packages.sh", "exit 0")
    script(folder / "bin" / "python3", "echo 3.11")
    script(folder / ".venv" / "bin" / "python", 'echo "$@" >>calls; exit 2')
    content = b"".join((folder / name).read_bytes() for name in STAMPED)
    stamp = hashlib.sha256(content).hexdigest()[:16]
    (folder / ".venv" / f".ready-{stamp}-3.11").touch()
    return folder


def run_setup(folder, compiler):
    return subprocess.run(
        ["bash", "scripts/setup.sh"],
        cwd=folder,
        env=os.environ | {"PYTHON": str(folder / "bin" / "python3"), "CXX": compiler},
        capture_output=True,
        text=True,
        check=False,
    )


def test_with_a_compiler_it_builds_the_native_rasterizer_once_and_survives_its_failure(tmp_path):
    folder = ready_checkout(tmp_path)
    for _ in range(2):
        result = run_setup(folder, "true")
        assert (result.returncode, result.stderr) == (0, "")
    built = (folder / "calls").read_text().splitlines()
    assert built == ["-m jaxrelic.rendering.native", "-m jaxrelic.nn.native"]


def test_without_a_compiler_it_says_so_in_one_line_and_succeeds(tmp_path):
    folder = ready_checkout(tmp_path)
    result = run_setup(folder, "no-such-compiler")
    assert (result.returncode, result.stderr) == (0, NO_COMPILER)
    assert not (folder / "calls").exists()
