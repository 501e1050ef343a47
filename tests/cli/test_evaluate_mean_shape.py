"""The mean shape that a network must beat is that of the relics it learned from, or of none."""

import logging

import pytest

from jaxrelic.cli import evaluate as command
from jaxrelic.data.synthetic import SyntheticRelics
from jaxrelic.evaluation import held_out
from jaxrelic.evaluation.single_view.evaluate import EvaluationSettings

SETTINGS = EvaluationSettings(silhouette_size=24, max_training_relics=2)


@pytest.fixture
def opened(monkeypatch):
    """What was opened; two relics lie at `own`, none elsewhere."""
    asked = []

    def open_single_views(path, split):
        asked.append((path, split))
        relics = SyntheticRelics(num_relics=2, num_views=4, image_size=24)
        return ("", relics) if path == "own" else (f"{path} is not there", None)

    monkeypatch.setattr(held_out, "open_single_views", open_single_views)
    return asked


def test_the_relics_of_the_run_are_taken_and_not_those_that_are_measured(opened):
    mean, where = command._mean_shape({"path": "own", "split": "train"}, SETTINGS)
    assert opened == [("own", "train")]
    assert where == "own, split train"
    vertices, faces = mean
    assert vertices.shape[1] == faces.shape[1] == 3


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"path": "gone", "split": "train"}, "gone is not there"),
        ({"path": None}, "does not say on what it was trained"),
        ({}, "does not say on what it was trained"),
    ],
)
def test_without_them_there_is_none_and_it_is_said_why(opened, caplog, data, words):
    with caplog.at_level(logging.WARNING):
        assert command._mean_shape(data, SETTINGS) == (None, "")
    assert f"no mean shape to compare with: the model {words}" in caplog.text.replace(
        "with: gone", "with: the model gone"
    )
