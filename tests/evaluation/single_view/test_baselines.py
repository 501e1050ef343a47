"""Visual hulls and mean shapes of relics whose shape is known."""

import numpy as np
import pytest
import trimesh

from jaxrelic.data import posed_view, synthetic
from jaxrelic.evaluation.single_view import baselines

RELICS = synthetic.SyntheticRelics(num_relics=2, num_views=12, image_size=96)


def views(record):
    return [posed_view.decode_view(record, index) for index in range(len(record["rgba"]))]


@pytest.fixture(scope="module")
def carved():
    vertices, faces = baselines.mean_shape([views(RELICS[0])])
    return trimesh.Trimesh(vertices, faces)


def test_the_hull_of_an_ellipsoid_has_its_size_and_faces_outward(carved):
    points = RELICS[0]["points"]
    cell = 2 * baselines.HALF_SIDE / baselines.GRID_SIZE
    np.testing.assert_allclose(carved.bounds, [points.min(0), points.max(0)], atol=1.5 * cell)
    truth = 4 / 3 * np.pi * np.prod(points.max(axis=0))
    assert carved.is_watertight
    assert truth < 1.1 * carved.volume < 1.4 * truth


def test_a_hull_never_loses_a_point_of_the_relic():
    record = RELICS[1]
    seen = views(record)
    inside = baselines.visual_hull(
        np.stack([view.rgba[..., 3] > 0.02 for view in seen]),
        np.stack([view.cam_from_world for view in seen]),
        np.stack([view.pixel_from_cam for view in seen]),
        # A pixel covers about a hundredth of a world unit; stay that far inside.
        0.9 * record["points"].astype(np.float64),
    )
    assert inside.all()


def test_the_mean_of_equal_relics_is_the_relic(carved):
    vertices, _ = baselines.mean_shape([views(RELICS[0])] * 3)
    np.testing.assert_allclose(vertices, carved.vertices, atol=1e-6)


def test_the_majority_decides():
    occupancy = np.zeros((10, 10, 10))
    occupancy[3:7, 3:7, 3:7] = 1.0
    occupancy[3:7, 3:7, 7:9] = 0.4
    vertices, _ = baselines.surface_of(occupancy)
    cell = 2 * baselines.HALF_SIDE / 10
    assert vertices[:, 2].max() < 7 * cell - baselines.HALF_SIDE + 0.5 * cell


def test_nothing_to_average_is_an_error():
    with pytest.raises(ValueError, match="mean shape"):
        baselines.mean_shape([])
