"""Protocols forgive exactly what their name says and report it."""

import numpy as np
import pytest

from jaxrelic.geometry import alignment
from jaxrelic.metrics import protocols

RNG = np.random.default_rng(0)


def blob(count):
    """Points on an asymmetric box-like surface in the world frame."""
    points = RNG.uniform(-1, 1, size=(count, 3))
    axis = RNG.integers(3, size=count)
    points[np.arange(count), axis] = np.sign(points[np.arange(count), axis])
    return points * [0.4, 0.25, 0.1]


def run(name, prediction, truth):
    rng = np.random.default_rng(1)
    return protocols.score(protocols.PROTOCOLS[name], prediction[None], truth[None], rng=rng)[0]


SMALL_TURN = alignment.homogeneous(
    np.array([[np.cos(0.2), -np.sin(0.2), 0], [np.sin(0.2), np.cos(0.2), 0], [0, 0, 1]]),
    np.array([0.04, 0.0, -0.02]),
)


def test_without_alignment_a_shift_is_an_error():
    flat = blob(3000) * [1, 1, 0]
    lifted = flat + np.array([0, 0, 0.3])
    assert run("none", flat, flat).chamfer == 0.0
    assert run("none", lifted, flat).chamfer == pytest.approx(30.0)


def test_rigid_icp_forgives_motion_but_not_size():
    points = blob(3000)
    moved = alignment.apply(SMALL_TURN, points)
    assert run("rigid_icp", moved, points).chamfer < 0.05 * run("none", moved, points).chamfer
    assert run("rigid_icp", 0.7 * points, points).chamfer > 1.0


def test_unicorn_forgives_size_and_aspect():
    truth, guess = blob(4000), blob(4000) * [0.6, 0.5, 0.6]
    assert run("unicorn", guess, truth).chamfer < 1.2 * run("unicorn", blob(4000), truth).chamfer


def test_the_reported_map_moves_the_prediction_onto_the_truth_in_the_world():
    truth = blob(4000)
    guess = 0.7 * alignment.apply(SMALL_TURN, blob(4000))
    row = run("unicorn", guess, truth)
    moved = alignment.apply(row.world_from_prediction, guess)
    assert run("none", moved, truth).chamfer < 0.3 * run("none", guess, truth).chamfer


def test_a_row_names_its_protocol_and_its_points():
    row = run("none", blob(300), blob(200))
    assert (row.protocol, row.num_points) == ("none", 200)
    assert set(row.f_scores) == set(protocols.F_SCORE_THRESHOLDS)


def test_a_surface_without_extent_is_refused():
    with pytest.raises(ValueError, match="extent"):
        protocols.unit_cube_from(np.zeros((5, 3)))
