"""First and last surface: closed forms, the native library against NumPy, light and openings."""

import os
import shutil

import numpy as np
import pytest

from jaxrelic.geometry.meshes import icosphere
from jaxrelic.rendering.native.build import LIBRARY
from jaxrelic.rendering.two_layers import hits as hits_module
from jaxrelic.rendering.two_layers.hits import look_through
from jaxrelic.rendering.two_layers.lighting import linear_from_srgb, srgb_from_linear
from jaxrelic.rendering.two_layers.painted import join, painted, see
from jaxrelic.rendering.two_layers.scans import foot_cap, open_loops
from jaxrelic.rendering.two_layers.shots import Habits, look_at, random_shot
from jaxrelic.rendering.two_layers.views import layers, random_view


def sphere(level=4, radius=0.4, centre=(0, 0, 0)):
    vertices, faces = icosphere(level)
    at = radius * vertices.astype(np.float64) + centre
    return painted(at, faces, vertices, colours=0.5 + 0.5 * vertices)


def intrinsics(size, focal=2.0):
    return np.array([[focal * size, 0, size / 2], [0, focal * size, size / 2], [0, 0, 1]])


def in_front(mesh, distance=2.0):
    """Corners seen from -y at a distance: x right, z up."""
    camera = look_at(np.zeros(3), distance, -np.pi / 2, 0, 0)
    return mesh.corners @ camera[:3, :3].T + camera[:3, 3]


def test_the_layers_of_a_ball_are_where_rays_enter_and_leave_it():
    size = 48
    hits = look_through(in_front(sphere(5)), intrinsics(size), size, native=False)
    rays = np.stack([*np.meshgrid(*[(np.arange(size) + 0.5 - size / 2) / (2 * size)] * 2)], -1)
    rays = np.concatenate([rays, np.ones((size, size, 1))], axis=-1)
    a, b = np.sum(rays**2, axis=-1), -4.0 * rays[..., 2]
    root = np.sqrt(np.maximum(b * b - 4 * a * (4 - 0.16), 0))
    expected = np.stack([(-b - root) / (2 * a), (-b + root) / (2 * a)])
    sure = root > 0.3
    assert hits.covered[sure].all()
    np.testing.assert_allclose(hits.depth[:, sure], expected[:, sure], atol=3e-3)


def test_of_two_balls_in_line_the_first_layer_is_the_near_ones_and_the_last_the_far_ones():
    both = join(sphere(3, 0.2, (0, 0.5, 0)), sphere(3, 0.2, (0, -0.5, 0)))
    hits = look_through(in_front(both), intrinsics(33), 33, native=False)
    np.testing.assert_allclose(hits.depth[:, 16, 16], [1.3, 2.7], atol=0.01)


def test_a_mesh_behind_the_camera_is_refused():
    with pytest.raises(ValueError, match="behind the camera"):
        look_through(in_front(sphere(1), distance=0.3), intrinsics(8), 8, native=False)


@pytest.fixture(scope="module")
def native(tmp_path_factory):
    if shutil.which(os.environ.get("CXX") or "c++") is None:
        pytest.skip("no C++ compiler: the native layers are NOT tested")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAXRELIC_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield LIBRARY.build()


def test_the_native_library_finds_what_numpy_finds(native):
    rng = np.random.default_rng(3)
    soup = rng.uniform(-0.5, 0.5, (400, 1, 3)) + rng.normal(0, 0.1, (400, 3, 3))
    corners = in_front(
        join(
            sphere(2),
            painted(soup.reshape(-1, 3), np.arange(1200).reshape(-1, 3), np.ones((1200, 3))),
        )
    )
    ours = look_through(corners, intrinsics(70), 70, native=True)
    slow = look_through(corners, intrinsics(70), 70, native=False)
    np.testing.assert_allclose(ours.depth, slow.depth, atol=1e-9)
    assert np.mean(ours.triangle != slow.triangle) < 1e-3


def test_numpy_in_small_blocks_finds_the_same(monkeypatch):
    corners = in_front(sphere(3))
    whole = look_through(corners, intrinsics(40), 40, native=False)
    monkeypatch.setattr(hits_module, "MAX_CANDIDATES", 97)
    pieces = look_through(corners, intrinsics(40), 40, native=False)
    np.testing.assert_array_equal(whole.triangle, pieces.triangle)
    np.testing.assert_array_equal(whole.depth, pieces.depth)


def test_surfaces_know_their_points_normals_and_colours():
    camera = look_at(np.zeros(3), 2.0, 0.7, 0.4, 0.1)
    sight = see(sphere(5), camera, intrinsics(40), 40)
    for layer, sign in ((0, 1), (1, -1)):
        seen = sight.surface(layer)
        world = (seen.points_cam - camera[:3, 3]) @ camera[:3, :3]
        np.testing.assert_allclose(np.linalg.norm(world, axis=-1), 0.4, atol=2e-3)
        outward = sign * seen.normals_cam @ camera[:3, :3]
        np.testing.assert_allclose(outward, world / 0.4, atol=0.03)
        np.testing.assert_allclose(seen.rgb, 0.5 + 0.5 * world / 0.4, atol=0.02)


def test_a_closed_mesh_shows_the_inside_of_its_back_and_an_open_one_that_of_its_front():
    camera = look_at(np.zeros(3), 2.0, 0.0, 0.0, 0.0)
    whole = sphere(4)
    front_half = whole.corners.mean(axis=1)[:, 0] > 0
    shell = painted(
        whole.corners[front_half].reshape(-1, 3),
        np.arange(3 * front_half.sum()).reshape(-1, 3),
        whole.normals[front_half].reshape(-1, 3),
    )
    assert see(whole, camera, intrinsics(40), 40).inside_out() < 0.01
    assert see(shell, camera, intrinsics(40), 40).inside_out() > 0.95


def test_a_texture_is_read_with_its_first_row_on_top():
    texture = np.zeros((2, 2, 3), np.uint8)
    texture[0, 0], texture[1, 1] = (255, 0, 0), (0, 0, 255)
    quad = np.array([[-0.4, 0, -0.4], [0.4, 0, -0.4], [0.4, 0, 0.4], [-0.4, 0, 0.4]])
    mesh = painted(
        quad,
        np.array([[0, 1, 2], [0, 2, 3]]),
        np.tile([0, -1, 0], (4, 1)),
        uvs=np.array([[0, 0], [1, 0], [1, 1], [0, 1]]),
        texture=texture,
    )
    seen = see(mesh, look_at(np.zeros(3), 2.0, -np.pi / 2, 0, 0), intrinsics(20), 20).surface(0)
    picture = seen.picture(seen.rgb)
    covered = np.argwhere(picture.sum(axis=-1) > 0.5)
    upper, lower = picture[tuple(covered[0])], picture[tuple(covered[-1])]
    np.testing.assert_allclose(upper, [1, 0, 0], atol=1e-6)
    np.testing.assert_allclose(lower, [0, 0, 1], atol=1e-6)


def test_layers_are_measured_in_crop_widths_from_the_centre_of_the_box():
    mesh = sphere(5)
    shot = random_shot(
        mesh.corners.reshape(-1, 3),
        np.random.default_rng(1),
        Habits(roll_deg=0, fill=(0.1, 0.1), nearest=20),
    )
    hits = see(mesh, shot.cam_from_world, shot.pixel_from_cam(192), 192).hits
    front, back, covered = layers(hits, shot)
    assert covered.any()
    # From afar the ball is as deep as it is wide.
    radius = 0.4 / shot.width
    assert front[covered].min() == pytest.approx(-radius, rel=0.03)
    assert back[covered].max() == pytest.approx(radius, rel=0.03)


def test_a_crop_holds_the_object_with_the_margin_that_was_asked_for():
    points = np.random.default_rng(0).normal(size=(500, 3)) * [0.1, 0.3, 0.2]
    habits = Habits(margin=(1.25, 1.25))
    for seed in range(8):
        shot = random_shot(points, np.random.default_rng(seed), habits)
        seen = points @ shot.cam_from_world[:3, :3].T + shot.cam_from_world[:3, 3]
        uv = shot.focal * seen[:, :2] / seen[:, 2:] + shot.centre
        assert np.ptp(uv, axis=0).max() == pytest.approx(1 / 1.25, rel=1e-6)
        np.testing.assert_allclose((uv.min(axis=0) + uv.max(axis=0)) / 2, 0.5, atol=1e-6)


def test_a_view_repeats_with_its_seed_and_varies_without_it():
    mesh = sphere(3)
    shot = random_shot(mesh.corners.reshape(-1, 3), np.random.default_rng(0), Habits())
    one, same, other = (random_view(mesh, shot, np.random.default_rng(s)) for s in (4, 4, 5))
    np.testing.assert_array_equal(one.photo, same.photo)
    assert np.abs(one.photo.astype(int) - other.photo).mean() > 2
    np.testing.assert_array_equal(one.front, other.front)
    assert one.mask.max() == 255


def test_srgb_and_linear_light_are_inverse():
    values = np.linspace(0, 1, 101)
    np.testing.assert_allclose(srgb_from_linear(linear_from_srgb(values)), values, atol=1e-5)


def cup(lift=0.0):
    """A tube of four walls, open above and below."""
    ring = 0.3 * np.array([[1, 0], [0, 1], [-1, 0], [0, -1]])
    low = np.concatenate([ring, np.full((4, 1), -0.4 + lift)], axis=1)
    high = np.concatenate([ring, np.full((4, 1), 0.4)], axis=1)
    vertices = np.concatenate([low, high])
    faces = [[i, (i + 1) % 4, 4 + (i + 1) % 4] for i in range(4)]
    faces += [[i, 4 + (i + 1) % 4, 4 + i] for i in range(4)]
    return vertices[np.array(faces)]


def test_an_opening_at_the_foot_is_capped_facing_down_and_the_mouth_is_left():
    corners = cup()
    cap = foot_cap(corners, np.full_like(corners, 0.5))
    assert cap.corners[..., 2].max() == pytest.approx(-0.4)
    a, b, c = cap.corners.transpose(1, 0, 2)
    assert (np.cross(b - a, c - a)[:, 2] < 0).all()
    assert 0.5 * np.abs(np.cross(b - a, c - a)[:, 2]).sum() == pytest.approx(0.18)


def test_a_closed_surface_has_no_open_loops():
    _, faces = icosphere(2)
    assert open_loops(faces) == []
    assert sorted(len(loop) for loop in open_loops(faces[1:])) == [3]
