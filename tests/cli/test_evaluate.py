"""What `jaxrelic evaluate` decides before it measures."""

import pytest

from jaxrelic.cli import evaluate
from jaxrelic.cli import main as cli
from jaxrelic.evaluation.single_view.evaluate import EvaluationSettings


@pytest.mark.parametrize(
    ("placement", "supervision", "expected"),
    [
        ("auto", "latent", "cameras"),
        ("auto", "posed", "world"),
        ("auto", "multiview", "world"),
        ("world", "latent", "world"),
        ("cameras_one_lens", "multiview", "cameras_one_lens"),
    ],
)
def test_cameras_place_what_was_never_told_the_worlds_axes(placement, supervision, expected):
    settings = EvaluationSettings(placement=placement)
    assert evaluate._placement(settings, supervision) == expected


def test_an_unknown_protocol_is_told_before_anything_is_opened(capsys):
    assert cli.main(["evaluate", "absent", "--protocols", "none,unicron"]) == 2
    assert "no protocol 'unicron'; choose one of unicorn" in capsys.readouterr().err
