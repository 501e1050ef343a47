import numpy as np
import pytest

from jaxrelic.data import posed_view, schema, synthetic
from jaxrelic.geometry import cameras

RELICS = synthetic.SyntheticRelics(num_relics=4, num_views=3, image_size=64)


def test_a_sphere_covers_the_disc_of_its_closed_form():
    """A sphere of radius r at distance z is a disc of radius f r / sqrt(z^2 - r^2)."""
    size, radius = 256, 0.3
    pixel_from_cam = cameras.intrinsics(280, size, size)
    pose = synthetic.view_poses(5)[3]
    _, depth = synthetic._cast(np.full(3, radius), False, pose, pixel_from_cam, size)
    area = np.pi * 280**2 * radius**2 / (synthetic.RADIUS**2 - radius**2)
    assert np.sum(depth > 0) == pytest.approx(area, rel=3e-3)
    assert depth[depth > 0].min() == pytest.approx(synthetic.RADIUS - radius, abs=1e-4)


@pytest.mark.parametrize("index", [0, 1])
def test_depth_leads_back_to_the_surface(index):
    record = RELICS[index]
    view = posed_view.decode_view(record, 2)
    rows, columns = np.nonzero(view.depth)
    camera = cameras.Camera(view.cam_from_world, view.pixel_from_cam)
    uv = np.stack([columns, rows], axis=-1).astype(np.float32) + 0.5
    points = np.asarray(cameras.unproject(camera, uv, view.depth[rows, columns]))
    nearest = np.linalg.norm(points[:, None] - record["points"][None], axis=-1).min(axis=1)
    assert nearest.max() < 0.03  # 10,000 samples lie about 0.01 apart.
    assert np.median(nearest) < 0.01


@pytest.mark.parametrize("index", range(4))
def test_every_view_shows_the_whole_relic(index):
    for i in range(3):
        alpha = posed_view.decode_view(RELICS[index], i).rgba[..., 3]
        assert alpha.max() == 1
        assert not alpha[[0, -1]].any()
        assert not alpha[:, [0, -1]].any()


@pytest.mark.parametrize("index", [0, 1])
def test_surface_samples_are_uniform_by_area(index):
    """The divergence theorem: area times the mean of n is zero, and of x.n three volumes."""
    record = RELICS[index]
    points, normals = record["points"], record["normals"]
    assert points.shape == (schema.NUM_SHAPE_POINTS, 3)
    np.testing.assert_allclose(normals.mean(axis=0), 0, atol=0.03)
    flux = normals * points
    # For any closed surface the mean of x n_x, y n_y and z n_z over its area are all V / A.
    assert np.ptp(flux.mean(axis=0)) < 0.03 * flux.mean(axis=0).max()


def test_a_relic_depends_on_its_index_only():
    again = synthetic.SyntheticRelics(num_relics=2, num_views=3, image_size=64)
    assert again[1]["rgba"] == RELICS[1]["rgba"]
    assert again[0]["rgba"] != again[1]["rgba"]
