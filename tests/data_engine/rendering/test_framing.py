import numpy as np
import pytest

from data_engine.errors import Refusal
from data_engine.rendering import framing, poses
from jaxrelic.geometry import cameras

CORNERS = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
VIEWS = poses.one2345()


def project(points_world, pose_set=VIEWS):
    camera = cameras.Camera(
        cam_from_world=pose_set.cam_from_world().astype(np.float32),
        pixel_from_cam=np.tile(pose_set.pixel_from_cam.astype(np.float32), (len(pose_set), 1, 1)),
    )
    points = np.tile(points_world.astype(np.float32), (len(pose_set), 1, 1))
    return np.asarray(cameras.project(camera, points)[0])


def turned_to_world(extents_world):
    """Corners of a box in glTF axes whose extents in the world are the given ones."""
    x, y, z = extents_world
    return CORNERS * [x, z, y]


@pytest.mark.parametrize(
    ("extents", "side"),
    [((1, 1, 1), 0.578), ((0.6, 0.6, 1), 0.774), ((1, 1, 0.02), 0.706), ((0.1, 0.1, 1), 0.8)],
)
def test_fit_gives_the_sides_the_specification_measured_when_no_margin_is_kept(
    monkeypatch, extents, side
):
    monkeypatch.setattr(framing, "MARGIN", 0.0)
    found = framing.frame_relic(turned_to_world(extents), up_axis="Y", poses=VIEWS, mode="fit")
    assert found.scale == pytest.approx(side, abs=0.002)


def test_fit_touches_the_margin_in_some_view_and_crosses_it_in_none():
    rng = np.random.default_rng(0)
    vertices = rng.uniform(-1, 1, size=(200, 3)) * [1, 0.9, 0.8] + [5, -7, 3]
    found = framing.frame_relic(vertices, up_axis="Y", poses=VIEWS, mode="fit")
    uv = project(found.to_world(vertices))
    assert min(uv.min(), 256 - uv.max()) == pytest.approx(4, abs=0.01)


def test_fit_does_not_depend_on_the_image_size():
    vertices = turned_to_world((1, 1, 1))
    scales = [
        framing.frame_relic(vertices, up_axis="Y", poses=VIEWS.scaled(size), mode="fit").scale
        for size in (64, 256)
    ]
    assert scales[0] == pytest.approx(scales[1], rel=1e-12)


def test_box_makes_the_longest_side_exactly_eight_tenths():
    vertices = turned_to_world((3, 1, 2)) + np.array([1, 2, 3])
    found = framing.frame_relic(vertices, up_axis="Y", poses=VIEWS, mode="box")
    world = found.to_world(vertices)
    np.testing.assert_allclose(np.ptp(world, axis=0), np.array([3, 1, 2]) * 0.8 / 3)
    np.testing.assert_allclose(world.max(axis=0), -world.min(axis=0), atol=1e-12)


def test_sphere_keeps_every_point_within_the_radius_all_views_see():
    vertices = turned_to_world((3, 1, 2))
    found = framing.frame_relic(vertices, up_axis="Y", poses=VIEWS, mode="sphere")
    world = found.to_world(vertices)
    assert np.linalg.norm(world, axis=-1).max() == pytest.approx(0.495)
    uv = project(world)
    assert uv.min() > 0
    assert uv.max() < 256


def test_a_z_up_file_lands_where_its_y_up_twin_does():
    rng = np.random.default_rng(1)
    y_up = rng.normal(size=(50, 3))
    z_up = np.stack([y_up[:, 0], -y_up[:, 2], y_up[:, 1]], axis=-1)
    worlds = [
        framing.frame_relic(points, up_axis=axis, poses=VIEWS, mode="fit").to_world(points)
        for points, axis in ((y_up, "Y"), (z_up, "Z"))
    ]
    np.testing.assert_allclose(*worlds, atol=1e-12)


@pytest.mark.parametrize("up_axis", ["Y", "Z"])
def test_both_ways_to_the_world_agree(up_axis):
    points = np.random.default_rng(2).normal(size=(20, 3))
    found = framing.Framing(scale=0.3, centre=(1.0, -2.0, 0.5), up_axis=up_axis)
    matrix = found.world_from_gltf()
    moved = points @ matrix[:3, :3].T + matrix[:3, 3]
    np.testing.assert_allclose(moved, found.to_world(points), atol=1e-12)


def test_a_mesh_without_extent_is_refused():
    with pytest.raises(Refusal, match="degenerate"):
        framing.frame_relic(np.ones((3, 3)), up_axis="Y", poses=VIEWS, mode="box")
