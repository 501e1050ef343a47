import numpy as np
import pytest

from jaxrelic.geometry.surface_samples import sample_surface

# A right triangle with legs 2 and 1 in the xy plane, and one of a tenth of its area at z = 1.
VERTICES = np.array([[0, 0, 0], [2, 0, 0], [0, 1, 0], [0, 0, 1], [0.2, 0, 1], [0, 1, 1.0]])
FACES = np.array([[0, 1, 2], [3, 4, 5], [0, 0, 1]])


def test_samples_are_spread_by_area_and_uniform_inside_a_face():
    points, normals = sample_surface(VERTICES, FACES, count=20_000, key="a")
    low = points[points[:, 2] == 0]
    assert len(low) / len(points) == pytest.approx(10 / 11, abs=0.01)
    # The mean of a uniform triangle is its centroid.
    np.testing.assert_allclose(low.mean(axis=0), [2 / 3, 1 / 3, 0], atol=0.01)
    assert (low[:, 0] / 2 + low[:, 1] <= 1 + 1e-6).all()
    np.testing.assert_array_equal(normals, np.tile(np.float32([0, 0, 1]), (len(normals), 1)))


def test_samples_follow_from_the_key_alone():
    first, again, other = (
        sample_surface(VERTICES, FACES, count=100, key=key)[0] for key in ("a", "a", "b")
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_a_mesh_without_area_is_refused():
    with pytest.raises(ValueError, match="no surface"):
        sample_surface(VERTICES, np.array([[0, 0, 1]]), count=10, key="a")
