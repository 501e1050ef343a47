"""Polygons are cut into triangles that lie inside them: told by area."""

import numpy as np
import pytest

from data_engine.errors import Refusal
from data_engine.ingest.meshes.ears import MAX_CORNERS, area_vectors, cut_ears
from data_engine.ingest.meshes.polygons import triangles_of


def area(points: np.ndarray, triangles: np.ndarray) -> float:
    a, b, c = np.moveaxis(points[triangles], 1, 0)
    return float(np.linalg.norm(np.cross(b - a, c - a), axis=-1).sum() / 2)


def star(corners: int, rng: np.random.Generator) -> np.ndarray:
    """A polygon around a point, turned somehow in space."""
    angles = (np.arange(corners) + rng.uniform(0, 0.9, corners)) * 2 * np.pi / corners
    radii = rng.uniform(0.2, 1, corners)
    flat = np.stack([radii * np.cos(angles), radii * np.sin(angles), 0 * radii], axis=-1)
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    return flat @ turn.T + rng.normal(size=3)


@pytest.mark.parametrize("corners", [5, 6, 9, 30, 200])
def test_the_triangles_of_a_star_add_up_to_its_area(corners):
    rng = np.random.default_rng(corners)
    for _ in range(5):
        points = star(corners, rng)
        triangles = cut_ears(points)
        whole = np.linalg.norm(area_vectors(points)) / 2
        assert triangles.shape == (corners - 2, 3)
        assert area(points, triangles) == pytest.approx(whole, rel=1e-9)


def test_a_bridge_to_a_hole_is_no_obstacle():
    ring = [(0, 0), (4, 0), (4, 4), (0, 4), (0, 0), (1, 1), (1, 3), (3, 3), (3, 1), (1, 1)]
    points = np.array([(x, y, 0) for x, y in ring], float)
    assert area(points, cut_ears(points)) == pytest.approx(12.0)


def test_corners_on_a_line_and_repeated_ones_are_cut_without_an_end():
    line = np.array([(x, 0, 0) for x in range(7)], float)
    assert cut_ears(line).shape == (5, 3)
    assert cut_ears(np.zeros((8, 3))).shape == (6, 3)
    bow = np.array([(0, 0, 0), (1, 1, 0), (1, 0, 0), (0, 1, 0), (0, 0.5, 0)], float)
    assert cut_ears(bow).shape == (3, 3)


def test_a_polygon_of_too_many_corners_is_refused():
    with pytest.raises(Refusal, match="4097 corners"):
        cut_ears(np.zeros((MAX_CORNERS + 1, 3)))


def test_triangles_come_in_the_order_of_their_faces():
    rng = np.random.default_rng(0)
    counts = np.array([3, 5, 2, 4, 3, 1, 6])
    corners = np.arange(counts.sum())
    triangles, owner = triangles_of(counts, corners, rng.normal(size=(len(corners), 3)))
    assert owner.tolist() == [0, 1, 1, 1, 3, 3, 4, 6, 6, 6, 6]
    starts = np.cumsum(counts) - counts
    assert (triangles >= starts[owner][:, None]).all()
    assert (triangles < (starts + counts)[owner][:, None]).all()
