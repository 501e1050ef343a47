"""Drawings of the documentation show what the code says today."""

import runpy

import pytest
from places import ROOT

DRAWINGS = ROOT / "docs" / "drawings"


@pytest.fixture(scope="module")
def architecture():
    return runpy.run_path(str(DRAWINGS / "architecture.py"))


def test_the_picture_of_the_layers_is_that_of_the_contracts(architecture):
    drawn = architecture["TARGET"].read_text("utf-8")
    assert drawn == architecture["picture"](), "run python docs/drawings/architecture.py"


def test_every_room_of_the_layers_is_described(architecture):
    rows = architecture["layers"]("jaxrelic") + architecture["layers"]("data_engine")
    assert {room for row in rows for room in row} <= architecture["SAYS"].keys()
