"""scripts/photos.sh with a stand-in for the command, which notes what it was asked."""

import os
import subprocess

import pytest
from places import ROOT

SCRIPT = ROOT / "scripts" / "photos.sh"
STAND_IN = """#!/usr/bin/env bash
echo "$@" >> "$CALLS"
if [ "$1" = report ]; then exit 0; fi
if [[ "$2" == *bad* ]]; then echo "jaxrelic: no object found" >&2; exit 2; fi
while [ "$1" != --previews ]; do shift; done
mkdir -p "$2" && echo "{}" > "$2/reconstruction.json"
"""


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """Runs the script on a folder of photographs; returns its result and the calls it made."""
    command = tmp_path / "bin" / "jaxrelic"
    command.parent.mkdir()
    command.write_text(STAND_IN)
    command.chmod(0o755)
    calls, out = tmp_path / "calls", tmp_path / "out"
    monkeypatch.setenv("PATH", f"{command.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("CALLS", str(calls))

    def run(*names):
        folder = tmp_path / "photos"
        folder.mkdir(exist_ok=True)
        for name in names:
            (folder / name).touch()
        calls.write_text("")
        result = subprocess.run(
            [SCRIPT, "model", folder, out], capture_output=True, text=True, check=False
        )
        return result, calls.read_text().splitlines()

    return run


def test_every_photograph_is_reconstructed_once_and_shown(photos):
    result, calls = photos("cat.png", "a bad one.jpg", "Owl.JPG")
    assert result.returncode == 0
    assert "2 of 3 photographs" in result.stdout
    assert "no object found" in result.stderr
    assert [call.split()[0] for call in calls] == ["reconstruct"] * 3 + ["report"]
    assert calls[-1].count("--reconstruction") == 2
    _, again = photos()
    assert sum(call.startswith("reconstruct") for call in again) == 1
    assert again[-1].count("--reconstruction") == 2


def test_a_folder_without_photographs_is_refused(photos):
    result, calls = photos("notes.txt")
    assert result.returncode == 2
    assert "no photographs in" in result.stderr
    assert not calls


def test_unusable_photographs_alone_make_no_page(photos):
    result, calls = photos("bad.png")
    assert result.returncode == 2
    assert "none of 1 photographs could be used" in result.stderr
    assert [call.split()[0] for call in calls] == ["reconstruct"]
