"""The setup script on a machine without the libraries: fake commands stand in front of PATH."""

import os
import shutil
import subprocess

from places import ROOT

SCRIPT = ROOT / "scripts" / "system_packages.sh"


def fake(folder, name, body):
    path = folder / name
    path.write_text(f"#!/bin/bash\n{body}\n")
    path.chmod(0o755)


def run(folder, *arguments):
    for tool in ("bash", "env", "grep"):
        if not (folder / tool).exists():
            (folder / tool).symlink_to(shutil.which(tool))
    return subprocess.run(
        [shutil.which("bash"), str(SCRIPT), *arguments],
        env={"PATH": str(folder), "PYTHON": str(folder / "python3"), "HOME": os.environ["HOME"]},
        capture_output=True,
        text=True,
        check=False,
    )


ALL_LIBRARIES = (
    "echo libX11.so.6 libXrender.so.1 libXxf86vm.so.1 libXfixes.so.3 libXi.so.6 "
    "libxkbcommon.so.0 libgomp.so.1 libSM.so.6 libGL.so.1"
)


def test_without_root_it_names_the_one_command_to_run(tmp_path):
    fake(tmp_path, "ldconfig", ALL_LIBRARIES.replace("libXi.so.6 ", ""))
    fake(tmp_path, "python3", "exit 0")
    fake(tmp_path, "id", "echo 1000")
    fake(tmp_path, "sudo", "exit 1")
    fake(tmp_path, "apt-get", "echo apt-get must not run >&2; exit 9")
    result = run(tmp_path)
    assert result.returncode == 2
    assert result.stderr == "setup: please run: sudo apt-get install libxi6\n"


def test_as_root_it_installs_exactly_what_is_missing(tmp_path):
    fake(tmp_path, "ldconfig", ALL_LIBRARIES)
    fake(tmp_path, "python3", "exit 1")  # No ensurepip.
    fake(tmp_path, "id", "echo 0")
    fake(tmp_path, "apt-get", f'echo "$@" >>{tmp_path}/calls')
    result = run(tmp_path, "--browser")
    assert result.returncode == 0, result.stderr
    assert (
        (tmp_path / "calls")
        .read_text()
        .splitlines()[1]
        .endswith("python3-venv chromium chromium-driver g++ strace")
    )


def test_a_complete_machine_is_left_alone(tmp_path):
    fake(tmp_path, "ldconfig", ALL_LIBRARIES)
    fake(tmp_path, "python3", "exit 0")
    fake(tmp_path, "apt-get", "exit 9")
    result = run(tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
