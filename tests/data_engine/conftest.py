"""A folder of scans and an empty workspace; helper modules beside the tests can be imported."""

import pathlib
import sys

import pytest

from data_engine.workspace import Workspace

sys.path.append(str(pathlib.Path(__file__).parent))  # pytest's importlib mode leaves it out.


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "scans"
    folder.mkdir()
    return folder


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path / "ws")
