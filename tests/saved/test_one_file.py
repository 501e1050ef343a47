"""A network as one file: what goes in comes out, and nothing else is taken for one."""

import json

import jax
import numpy as np
import pytest
from tiny_networks import predictor  # noqa: F401

from jaxrelic import shipped
from jaxrelic.cli import main
from jaxrelic.errors import UserError
from jaxrelic.inference.relief_predictor import ReliefPredictor
from jaxrelic.saved import load, one_file
from jaxrelic.weights import safetensors_file

CARD = {"training": {"steps": 7}, "data": {}, "license": "CC0-1.0"}


@pytest.fixture
def file(predictor, tmp_path):  # noqa: F811
    one_file.save(tmp_path / "net.safetensors", predictor, CARD)
    return tmp_path / "net.safetensors"


def test_a_network_comes_back_rounded_to_float16(file, predictor):  # noqa: F811
    found = load.load(file, role="one photograph into a mesh")
    assert (type(found), found.config) == (type(predictor), predictor.config)
    assert found.preprocessing == predictor.preprocessing
    for ours, theirs in zip(
        jax.tree.leaves(found.variables), jax.tree.leaves(predictor.variables), strict=True
    ):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, np.float16(theirs).astype(theirs.dtype))


def test_its_page_carries_the_card_and_is_listed(file, capsys):
    assert one_file.read_page(file)["license"] == "CC0-1.0"
    assert main.main(["models", str(file)]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("net: one photograph into a mesh, ")
    assert "training: steps 7" in shown
    assert main.main(["models", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["relief"]["license"] == "CC0-1.0"


def test_weights_of_others_and_damaged_files_are_refused(file, tmp_path):
    other = tmp_path / "other.safetensors"
    safetensors_file.write(other, {"a": np.zeros(3, np.float32)}, {"format": "pt"})
    with pytest.raises(UserError, match="not those of a jaxrelic network"):
        load.load(other)
    arrays, page = dict(safetensors_file.read(file)), safetensors_file.metadata(file)
    arrays.popitem()
    safetensors_file.write(other, arrays, page)
    with pytest.raises(UserError, match="does not hold params/"):
        load.load(other)
    other.write_bytes(file.read_bytes()[:40])
    with pytest.raises(UserError, match="damaged"):
        load.load(other)


def test_a_network_of_another_role_is_refused(file):
    with pytest.raises(UserError, match="give one that turns posed views into a mesh"):
        load.load(file, role="posed views into a mesh")


def test_the_relief_network_travels_with_the_install_and_its_card_says_how_it_came():
    page = one_file.read_page(shipped.RELIEF)
    assert isinstance(load.load(shipped.RELIEF), ReliefPredictor)
    assert {"training", "data", "scores", "failures", "license"} <= page.keys()
