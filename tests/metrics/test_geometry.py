"""Surface distances against shapes with known distance (specification msrn H-E1 to H-E4)."""

import numpy as np
import pytest

from jaxrelic.metrics import geometry

RNG = np.random.default_rng(0)


def square(count, height=0.0):
    return np.concatenate([RNG.uniform(size=(count, 2)), np.full((count, 1), height)], axis=-1)


def sphere(count, radius):
    directions = RNG.normal(size=(count, 3))
    return radius * directions / np.linalg.norm(directions, axis=-1, keepdims=True)


@pytest.mark.parametrize("offset", [0.004, 0.03, 0.3])
def test_e1_parallel_squares_are_as_far_apart_as_their_offset(offset):
    distances = geometry.surface_distances(square(100_000), square(100_000, offset))
    # Lateral sampling noise matters near zero offset only (E1).
    assert geometry.chamfer(distances) == pytest.approx(100 * offset, abs=0.1)
    assert geometry.f_score(distances, 0.9 * offset) == 0.0
    assert geometry.f_score(distances, 2 * offset) == pytest.approx(1.0, abs=1e-3)


def test_e2_concentric_spheres_differ_by_their_radii():
    distances = geometry.surface_distances(sphere(100_000, 0.50), sphere(100_000, 0.52))
    assert geometry.chamfer(distances) == pytest.approx(2.0, abs=0.1)
    assert geometry.f_score(distances, 0.01) == 0.0
    assert geometry.f_score(distances, 0.05) == 1.0


def test_e3_hinged_planes_give_a_quarter_of_the_points_within_a_quarter_of_the_gap():
    flat = square(100_000) - [0.5, 0.5, 0]
    angle = np.arcsin(0.08)
    hinged = square(100_000) - [0.5, 0.5, 0]
    hinged = hinged[:, [0, 1, 1]] * [1, np.cos(angle), np.sin(angle)]
    distances = geometry.surface_distances(hinged, flat)
    assert geometry.chamfer(distances) == pytest.approx(2.0, abs=0.1)
    assert geometry.f_score(distances, 0.01) == pytest.approx(0.25, abs=0.01)


def test_e4_two_samples_of_one_surface_reach_the_known_floor():
    distances = geometry.surface_distances(square(100_000), square(100_000))
    assert geometry.chamfer(distances) == pytest.approx(100 * 0.5 / np.sqrt(100_000), rel=0.02)


def test_e4_the_floor_of_a_run_is_that_of_its_points():
    squares = np.stack([square(20_000), square(20_000)])
    floor = geometry.sampling_floor(squares, RNG)
    assert floor == pytest.approx(100 * 0.5 / np.sqrt(20_000), rel=0.03)


def test_eq_46_adds_squares_of_both_directions():
    # From 0 and 3 to the nearest of 0 and 1: 0 and 2. Back: 0 and 1.
    prediction, truth = np.zeros((2, 3)), np.zeros((2, 3))
    prediction[1, 0], truth[1, 0] = 3, 1
    distances = geometry.surface_distances(prediction, truth)
    assert geometry.squared_chamfer(distances, "sum") == 4 + 1
    assert geometry.squared_chamfer(distances, "mean") == 4 / 2 + 1 / 2


def test_chamfer_is_symmetric_and_scales_with_the_shapes():
    a, b = RNG.normal(size=(200, 3)), RNG.normal(size=(300, 3))
    forward = geometry.chamfer(geometry.surface_distances(a, b))
    assert forward == pytest.approx(geometry.chamfer(geometry.surface_distances(b, a)))
    assert 3 * forward == pytest.approx(geometry.chamfer(geometry.surface_distances(3 * a, 3 * b)))


def test_a_point_exactly_at_the_threshold_does_not_count():
    distances = geometry.surface_distances(np.zeros((1, 3)), np.array([[0.0, 0.0, 0.25]]))
    assert geometry.f_score(distances, 0.25) == 0.0
    assert geometry.f_score(distances, 0.2500001) == 1.0


def test_recall_and_precision_are_balanced_by_the_harmonic_mean():
    prediction = np.zeros((1, 3))
    truth = np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [3, 0, 0]])
    distances = geometry.surface_distances(prediction, truth)
    assert geometry.f_score(distances, 0.1) == pytest.approx(2 * 1 * 0.25 / 1.25)


def test_normals_agree_whatever_their_sign_and_disagree_by_the_cosine():
    points = square(500)
    up = np.tile([0.0, 0.0, 1.0], (500, 1))
    tilted = np.tile([0.0, np.sin(0.5), np.cos(0.5)], (500, 1))
    distances = geometry.surface_distances(points, points)
    assert geometry.normal_consistency(distances, up, -up) == pytest.approx(1.0)
    assert geometry.normal_consistency(distances, up, tilted) == pytest.approx(np.cos(0.5))
