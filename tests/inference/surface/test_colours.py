"""A view colours what it sees, and nothing else."""

import numpy as np
import pytest

from jaxrelic.geometry import meshes
from jaxrelic.inference.surface import colours as surface_colours
from jaxrelic.inference.surface import extract

SETTINGS = surface_colours.ColourSettings()
BALL, FRONT = (np.zeros(3), 0.25), (np.array([0.33, 0.02, 0.03]), 0.07)
AZIMUTHS = [0, 90, 180, 270]


def ball(centre, radius, level=4):
    vertices, faces = meshes.icosphere(level)
    return np.float32(vertices * radius + centre), faces


def joined(*parts):
    starts = np.cumsum([0] + [len(vertices) for vertices, _ in parts[:-1]])
    return (
        np.concatenate([vertices for vertices, _ in parts]),
        np.concatenate([faces + start for (_, faces), start in zip(parts, starts, strict=True)]),
    )


@pytest.fixture(scope="module")
def two_balls():
    """A ball, and a small one in front of it on the way to the first camera."""
    vertices, faces = joined(ball(*BALL), ball(*FRONT))
    return meshes.Mesh(vertices=vertices, faces=faces)


def distance_to_ray(points, camera_centre, target):
    """How far the segments from a camera to the points [n, 3] pass from a target, before it."""
    along = points - camera_centre
    length = np.linalg.norm(along, axis=-1)
    share = np.clip((target - camera_centre) @ along.T / length**2, 0, 1)
    return np.linalg.norm(camera_centre + share[:, None] * along - target, axis=-1)


def test_hidden_is_what_a_ray_says_but_for_a_rim_of_a_pixel(two_balls, ring_of_views):
    views = ring_of_views(two_balls.vertices, two_balls.faces, azimuths_deg=[0], size=96)
    back = len(two_balls.vertices) // 2
    points = two_balls.vertices[:back]
    normals = points / BALL[1]
    (hidden,) = surface_colours.hidden_points(two_balls, points, normals, views, SETTINGS)
    camera_centre = np.array([1.2, 0, 0])
    cosine = np.sum(normals * (camera_centre - points), axis=-1) / np.linalg.norm(
        camera_centre - points, axis=-1
    )
    passes = distance_to_ray(points, camera_centre, FRONT[0])
    pixel = 1.2 / (1.1 * 96)
    clear = np.abs(passes - FRONT[1]) > 1.5 * pixel
    clear &= np.abs(cosine) > 0.35  # The rim, where a pixel is half background.
    truth = (cosine < 0) | (passes < FRONT[1])
    assert (truth & (cosine > 0)).sum() > 50
    assert clear.mean() > 0.5
    np.testing.assert_array_equal(hidden[clear], truth[clear])


def test_no_view_colours_a_ball_inside_a_ball(ring_of_views):
    vertices, faces = joined(ball(np.zeros(3), 0.3), ball(np.zeros(3), 0.28))
    mesh = meshes.Mesh(vertices=vertices, faces=faces)
    views = ring_of_views(vertices, faces, azimuths_deg=AZIMUTHS)
    outer = len(vertices) // 2
    hidden = surface_colours.hidden_points(
        mesh, vertices, vertices / np.linalg.norm(vertices, axis=-1)[:, None], views, SETTINGS
    )
    assert hidden[:, outer:].all()
    assert not hidden[:, :outer].all(axis=0)[np.abs(vertices[:outer, 2]) < 0.1].any()


def test_the_far_side_of_a_thin_wall_is_hidden(ring_of_views):
    """Thinner than a pixel, so that only the direction of the normal can tell."""
    square = np.float32([[0, -0.3, -0.3], [0, 0.3, -0.3], [0, 0.3, 0.3], [0, -0.3, 0.3]])
    wall = [[0, 1, 2], [0, 2, 3]]
    offset = np.float32([0.001, 0, 0])
    vertices = np.concatenate([square + offset, square - offset])
    faces = np.array(wall + [[c + 4, b + 4, a + 4] for a, b, c in wall])
    views = ring_of_views(vertices, faces, azimuths_deg=[0, 180])
    mesh = meshes.Mesh(vertices=np.float32(vertices), faces=faces)
    points = np.float32([[0.001, 0.05, 0.1], [-0.001, 0.05, 0.1]])
    normals = np.float32([[1, 0, 0], [-1, 0, 0]])
    hidden = surface_colours.hidden_points(mesh, points, normals, views, SETTINGS)
    np.testing.assert_array_equal(hidden, [[False, True], [True, False]])


@pytest.fixture(scope="module")
def painted_ball(closed_field, ring_of_views):
    """Paints a ball with one colour per view."""
    vertices, faces = ball(np.zeros(3), 0.3)
    views = ring_of_views(vertices, faces, azimuths_deg=AZIMUTHS)
    field = closed_field(
        lambda points: np.linalg.norm(points, axis=-1) - 0.3 / 0.44,
        views=views,
        view_colours=np.float32([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0]]),
    )

    def paint(settings):
        mesh = surface_colours.paint(field, meshes.Mesh(vertices=vertices, faces=faces), settings)
        return np.asarray(mesh.vertex_colours)

    return vertices, paint, field


def test_what_faces_a_camera_has_its_colour_alone(painted_ball):
    vertices, paint, field = painted_ball
    colours = paint(SETTINGS)
    for axis, colour in zip(
        [[1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0]], field.view_colours, strict=True
    ):
        facing = vertices @ np.array(axis) > 0.29
        assert facing.any()
        np.testing.assert_allclose(colours[facing], np.tile(colour, (facing.sum(), 1)), atol=1e-6)


def test_the_original_mixes_all_views_everywhere(painted_ball):
    _, paint, field = painted_ball
    colours = paint(surface_colours.ColourSettings.literal())
    np.testing.assert_allclose(colours - field.view_colours.mean(axis=0), 0, atol=1e-6)


def test_poles_that_no_view_sees_continue_their_surroundings(painted_ball):
    vertices, paint, _ = painted_ball
    bare = paint(surface_colours.ColourSettings(fill=False))
    unseen = (bare == 0).all(axis=-1)
    centres = 1.2 * np.array([[1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0]])
    to_camera = centres[:, None] - vertices
    cosine = np.sum(to_camera * vertices, axis=-1) / np.linalg.norm(to_camera, axis=-1) / 0.3
    best = cosine.max(axis=0)
    assert unseen[best < surface_colours.LEAST_COSINE].all()
    # Between the two is the rim of half covered pixels.
    assert not unseen[best > 0.3].any()
    assert 0.05 < unseen.mean() < 0.15
    filled = paint(SETTINGS)
    np.testing.assert_array_equal(filled[~unseen], bare[~unseen])
    assert (filled[unseen].sum(axis=-1) > 0.99).all()


def test_a_view_whose_mask_shows_nothing_colours_nothing(painted_ball, ring_of_views):
    vertices, _, field = painted_ball
    mask = field.views.mask.copy()
    mask[0] = 0
    views = type(field.views)(
        rgb=field.views.rgb, mask=mask, camera=field.views.camera, names=field.views.names
    )
    mesh = meshes.Mesh(vertices=vertices, faces=ball(np.zeros(3), 0.3)[1])
    shown = ~surface_colours.hidden_points(mesh, vertices, vertices / 0.3, views, SETTINGS)
    assert not shown[0].any()
    assert shown[1:].any(axis=1).all()


def test_colours_spread_edge_by_edge_and_pieces_without_any_take_the_mean():
    strip = np.array([[k, k + 1, k + 2] for k in range(8)])
    island = np.array([[10, 11, 12]])
    rgb, seen = np.zeros((13, 3), np.float32), np.zeros(13, bool)
    rgb[0], rgb[9] = [1, 0, 0], [0, 0, 1]
    seen[[0, 9]] = True
    filled = surface_colours.spread(rgb, seen, np.concatenate([strip, island]))
    np.testing.assert_array_equal(filled[:5], np.tile(np.float32([1, 0, 0]), (5, 1)))
    np.testing.assert_array_equal(filled[5:10], np.tile(np.float32([0, 0, 1]), (5, 1)))
    np.testing.assert_array_equal(filled[10:], np.tile(np.float32([0.5, 0, 0.5]), (3, 1)))


def test_where_nothing_is_seen_nothing_changes():
    rgb = np.float32([[0.1, 0.2, 0.3]] * 3)
    np.testing.assert_array_equal(
        surface_colours.spread(rgb, np.zeros(3, bool), np.array([[0, 1, 2]])), rgb
    )


def test_extraction_paints_in_the_frame_of_the_field(painted_ball):
    """Marching cubes, normals of the field and colours by position, from cube to world and back."""
    _, _, field = painted_ball
    by_place = type(field)(field.distances, views=field.views)
    mesh = extract.extract(by_place, extract.SurfaceSettings(resolution=33, coarsest=17))
    seen = np.abs(mesh.vertices[:, 2]) < 0.2
    expected = (mesh.vertices / 0.44 + 1) / 2
    np.testing.assert_allclose(mesh.vertex_colours[seen], expected[seen], atol=1e-5)
