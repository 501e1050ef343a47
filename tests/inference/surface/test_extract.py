"""The mesh is the zero set of the field, closed, outward, and found without asking everywhere."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxrelic.errors import UserError
from jaxrelic.geometry import meshes
from jaxrelic.inference import mesh_report
from jaxrelic.inference.surface import extract, grid
from jaxrelic.models.one2345 import frame

CENTRE = np.array([0.05, -0.03, 0.02])


def sphere(points, centre=CENTRE, radius=0.6):
    return np.linalg.norm(points - centre, axis=-1) - radius


def torus(points):
    return np.hypot(np.hypot(points[:, 0], points[:, 1]) - 0.6, points[:, 2] - 0.01) - 0.15


def box(half_sides):
    def distances(points):
        beyond = np.abs(points - CENTRE) - half_sides
        inside = np.minimum(beyond.max(axis=-1), 0)
        return np.linalg.norm(np.maximum(beyond, 0), axis=-1) + inside

    return distances


def bumpy(points):
    return sphere(points) + 0.05 * np.sin(23 * points).prod(axis=-1)


def settings(**changes):
    return extract.SurfaceSettings(**{"resolution": 65, "coarsest": 17, "colour": "none"} | changes)


def edge_state(surface):
    return mesh_report.edges(surface.faces)


def volume(surface):
    return signed_volume(surface.vertices, surface.faces)


def signed_volume(vertices, faces):
    """In numpy, which compiles nothing for each new number of faces."""
    a, b, c = np.moveaxis(np.asarray(vertices, np.float64)[faces], 1, 0)
    return np.sum(a * np.cross(b, c)) / 6


def test_vertices_of_a_sphere_are_within_a_hundredth_of_a_cell(closed_field):
    surface = extract.find_surface(closed_field(sphere), settings())
    error = np.abs(sphere(surface.vertices.astype(np.float64)))
    assert error.max() < 0.01 * 2 / 64
    assert volume(surface) == pytest.approx(4 / 3 * np.pi * 0.6**3, rel=0.01)


@pytest.mark.parametrize(
    "shape", [sphere, torus, bumpy, box([0.7, 0.5, 0.012]), box([0.2, 0.95, 0.95])]
)
@pytest.mark.parametrize("resolution", [97, 70])
def test_the_search_finds_exactly_what_all_points_show(shape, resolution, closed_field):
    field = closed_field(shape)
    found = extract.find_surface(field, settings(resolution=resolution, coarsest=33))
    full = extract.find_surface(field, settings(resolution=resolution, coarsest=None))
    np.testing.assert_array_equal(found.vertices, full.vertices)
    np.testing.assert_array_equal(found.faces, full.faces)
    assert full.evaluated == resolution**3
    assert found.evaluated < 0.45 * full.evaluated


def test_the_work_grows_with_the_surface_and_not_with_the_cube():
    count = [grid.sample(sphere, n, coarsest=17, safety=2.0).evaluated for n in (33, 65, 129)]
    assert count[2] < 5 * count[1]
    assert count[2] < 0.15 * 129**3


def test_a_piece_once_found_is_followed_where_distances_warn_of_nothing(closed_field):
    """A thin arm between the points of the coarse grid, on a field that is blind beyond 0.02."""

    def arm(points):
        along = np.clip(points[:, 0], -0.8, 0.5)
        axis = np.stack([along, np.full_like(along, 0.06), np.full_like(along, 0.06)], axis=-1)
        exact = np.minimum(
            np.linalg.norm(points - axis, axis=-1) - 0.03, sphere(points, [0.6, 0, 0], 0.25)
        )
        return np.where(exact > 0.02, 1.0, exact)

    field = closed_field(arm)
    surface = extract.find_surface(field, settings(resolution=129, coarsest=17))
    full = extract.find_surface(field, settings(resolution=129, coarsest=None))
    assert surface.vertices[:, 0].min() == pytest.approx(-0.83, abs=0.01)
    np.testing.assert_array_equal(surface.vertices, full.vertices)
    assert surface.evaluated < 0.1 * full.evaluated


def test_every_point_is_asked_once():
    asked = []

    def distances(points):
        asked.append(points)
        return sphere(points)

    sampled = grid.sample(distances, 50, coarsest=9, safety=2.0)
    points = np.concatenate(asked)
    assert len(points) == sampled.evaluated == len(np.unique(points, axis=0))


def test_a_torus_has_one_handle(closed_field):
    surface = extract.find_surface(closed_field(torus), settings())
    closed, edges = edge_state(surface)
    assert closed
    assert len(surface.vertices) - edges + len(surface.faces) == 0


def test_lids_close_what_leaves_the_cube(closed_field):
    def below(points):
        return points[:, 2] - 0.3

    surface = extract.find_surface(closed_field(below), settings())
    assert edge_state(surface)[0]
    assert volume(surface) == pytest.approx(2 * 2 * 1.3, rel=0.01)
    open_surface = extract.find_surface(closed_field(below), settings(closed=False, min_share=0.0))
    assert not edge_state(open_surface)[0]
    np.testing.assert_allclose(open_surface.vertices[:, 2], 0.3, atol=1e-5)


def test_noise_that_fills_the_cube_still_gives_closed_outward_meshes_without_slivers():
    values = np.random.default_rng(0).normal(size=(20, 20, 20)).astype(np.float32)
    vertices, faces = extract.level_set(values, closed=True)
    assert mesh_report.edges(faces)[0]
    assert signed_volume(vertices, faces) > 0
    assert len(np.unique(vertices, axis=0)) == len(vertices)
    a, b, c = np.moveaxis(vertices[faces].astype(np.float64), 1, 0)
    assert (np.cross(b - a, c - a) != 0).any(axis=-1).all()


def shells(points):
    """A ball with a hollow, and a floater with 1/216 of its volume."""
    ball = sphere(points, [0.2, 0, 0], 0.6)
    hollow = -sphere(points, [0.2, 0, 0], 0.3)
    return np.minimum(np.maximum(ball, hollow), sphere(points, [-0.8, 0.1, 0], 0.1))


@pytest.mark.parametrize(("min_share", "pieces"), [(0.0, 3), (0.001, 2), (0.01, 1), (1.0, 1)])
def test_floaters_and_hollows_stay_only_if_asked_for(min_share, pieces, closed_field):
    surface = extract.find_surface(closed_field(shells), settings(min_share=min_share))
    assert meshes.pieces(surface.faces, len(surface.vertices)).max() + 1 == pieces
    assert len(np.unique(surface.faces)) == len(surface.vertices)
    if pieces == 1:
        assert volume(surface) == pytest.approx(4 / 3 * np.pi * 0.6**3, rel=0.01)


def test_what_too_few_views_see_is_outside_unless_asked_for(closed_field):
    field = closed_field(sphere, known=lambda points: points[:, 0] < 0)
    half = extract.find_surface(field, settings())
    assert half.vertices[:, 0].max() < 2 / 64
    assert edge_state(half)[0]
    whole = extract.find_surface(field, settings(only_known=False))
    assert whole.vertices[:, 0].max() == pytest.approx(0.65, abs=0.001)


def test_the_mesh_lies_where_the_cube_does(closed_field):
    turn = np.array([[0, -1, 0], [0, 0, -1], [1, 0, 0]], np.float32)
    world_from_cube = np.eye(4, dtype=np.float32)
    world_from_cube[:3, :3], world_from_cube[:3, 3] = 0.5 * turn, [1, 2, 3]
    cube = frame.Cube(jnp.asarray(world_from_cube), jnp.asarray(0.5))
    mesh = extract.extract(closed_field(sphere, cube=cube), settings())
    centre = 0.5 * turn @ CENTRE + [1, 2, 3]
    distance = np.linalg.norm(mesh.vertices - centre, axis=-1)
    np.testing.assert_allclose(distance, 0.3, atol=1e-3)
    assert signed_volume(mesh.vertices, mesh.faces) > 0


@pytest.mark.parametrize(
    ("value", "words"), [(1.0, "outside"), (-1.0, "inside"), (np.nan, "not finite")]
)
def test_a_field_without_surface_is_reported_in_one_line(value, words, closed_field):
    field = closed_field(lambda points: np.full(len(points), value, np.float32))
    with pytest.raises(UserError, match=words):
        extract.find_surface(field, settings())


@pytest.mark.parametrize("changes", [{"resolution": 4}, {"min_share": 2.0}, {"closed": False}])
def test_settings_that_cannot_work_are_refused(changes):
    with pytest.raises(ValueError, match="set"):
        settings(**changes)
