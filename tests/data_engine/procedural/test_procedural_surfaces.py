"""Solids whose volumes have closed forms, and unwrappings that leave them closed."""

import numpy as np
import pytest

from data_engine.procedural import fields
from data_engine.procedural.canvas import TEXTURE_SIZE, canvas_of
from data_engine.procedural.surfaces import (
    concavity,
    lathe,
    level_set,
    plate,
    signed_volume,
    smooth_curve,
    smooth_normals,
    tube,
    unwrap_around,
    unwrap_front_back,
    volume_of_revolution,
)


def open_edges(surface) -> int:
    """Edges that do not join exactly two faces once seams are welded."""
    corners = surface.twin[surface.faces]
    edges = np.sort(corners[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    _, counts = np.unique(edges, axis=0, return_counts=True)
    return int((counts != 2).sum())


def ball(radius: float = 0.4):
    return level_set(
        lambda x, y, z: fields.sphere((x, y, z), (0, 0, 0), radius),
        [-0.5] * 3,
        [0.5] * 3,
        cells=40_000,
    )


def test_cones_cylinders_and_rings_have_their_textbook_volumes():
    cone = np.array([(0, 0), (2.0, 0), (0, 3.0)])
    assert volume_of_revolution(cone) == pytest.approx(np.pi * 2**2 * 3 / 3)
    turn = np.linspace(0, 2 * np.pi, 2001)
    ring = np.stack([3 + 0.5 * np.cos(turn), 0.5 * np.sin(turn)], -1)
    assert volume_of_revolution(ring) == pytest.approx(2 * np.pi**2 * 3 * 0.5**2, rel=1e-5)


@pytest.mark.parametrize(("lobes", "depth"), [(0, 0.0), (7, 0.1)])
def test_a_lathe_is_closed_and_encloses_its_solid_of_revolution(lobes, depth):
    profile = smooth_curve([(0, 0), (0.5, 0), (0.8, 0.6), (0.3, 1.0), (0, 1.2)], 60)
    surface = lathe(profile, columns=96, lobes=lobes, lobe_depth=depth)
    assert open_edges(surface) == 0
    exact = volume_of_revolution(profile) * (1 + depth**2 / 2)
    polygon = np.sin(2 * np.pi / 96) / (2 * np.pi / 96)
    measured = signed_volume(surface.vertices, surface.faces)
    assert measured == pytest.approx(exact * polygon, rel=1e-3 if lobes else 1e-9)


def test_a_ring_of_rings_closes_on_itself():
    turn = 2 * np.pi * np.arange(40) / 40
    rows = np.append(turn, 0)[:, None]
    radius, z = 2 + 0.5 * np.cos(rows), 0.5 * np.sin(rows) + 0 * turn
    torus = tube(np.stack([-radius * np.sin(turn), radius * np.cos(turn), z], -1))
    assert open_edges(torus) == 0
    volume = signed_volume(torus.vertices, torus.faces)
    assert volume == pytest.approx(2 * np.pi**2 * 2 * 0.5**2, rel=0.02)


def test_two_height_fields_close_into_a_plate():
    a, b = np.meshgrid(np.linspace(-1, 1, 9), np.linspace(-1, 1, 11))
    swell = (1 - a**2) * (1 - b**2)
    surface = plate(np.stack([a, -swell, b], -1), np.stack([a, 2 * swell, b], -1))
    assert open_edges(surface) == 0
    assert signed_volume(surface.vertices, surface.faces) == pytest.approx(
        3 * (4 / 3) ** 2, rel=0.05
    )


@pytest.mark.parametrize("unwrap", [unwrap_around, unwrap_front_back])
def test_a_level_set_stays_closed_when_unwrapped_and_faces_outwards(unwrap):
    surface = unwrap(*ball())
    assert open_edges(surface) == 0
    volume = signed_volume(surface.vertices, surface.faces)
    assert volume == pytest.approx(4 / 3 * np.pi * 0.4**3, rel=0.01)
    away = surface.vertices / np.linalg.norm(surface.vertices, axis=1, keepdims=True)
    assert np.sum(smooth_normals(surface) * away, axis=1).min() > 0.99


def test_a_bubble_inside_a_solid_is_filled():
    def shell(x, y, z):
        solid = fields.sphere((x, y, z), (0, 0, 0), 0.4)
        return fields.carve(0.01, solid, fields.sphere((x, y, z), (0, 0, 0), 0.2))

    hollow = level_set(shell, [-0.5] * 3, [0.5] * 3, cells=40_000)
    np.testing.assert_array_equal(hollow[0], ball()[0])


def test_a_field_in_two_parts_is_refused():
    def pair(x, y, z):
        return fields.sphere((np.abs(x), y, z), (0.3, 0, 0), 0.15)

    with pytest.raises(AssertionError, match="parts"):
        level_set(pair, [-0.5] * 3, [0.5] * 3, cells=8_000)


def test_grooves_are_concave_and_ridges_are_not():
    z = np.linspace(0, 1, 81)
    radius = 0.5 - 0.05 * np.cos(4 * np.pi * z)
    profile = np.concatenate([[(0, 0)], np.stack([radius, z], -1), [(0, 1)]])
    surface = lathe(profile, columns=256)
    depth = concavity(surface, smooth_normals(surface)).reshape(surface.grid)[1:-1, 0]
    assert depth[40] > 0 > depth[20]


def test_texels_know_where_they_lie():
    surface = unwrap_front_back(*ball())
    canvas = canvas_of(surface, np.random.default_rng(0))
    assert canvas.points.shape == (TEXTURE_SIZE, TEXTURE_SIZE, 3)
    texel = (surface.uvs * TEXTURE_SIZE).astype(int).clip(0, TEXTURE_SIZE - 1)
    found = canvas.points[TEXTURE_SIZE - 1 - texel[:, 1], texel[:, 0]]
    true = surface.vertices / 0.8 + [0, 0, 0.5]
    assert np.median(np.linalg.norm(found - true, axis=1)) < 0.02
    assert (canvas.normals[60:200, 30:100, 1] < 0).all()


def test_noise_fills_its_range_and_ignores_the_seam():
    surface = unwrap_around(*ball())
    canvas = canvas_of(surface, np.random.default_rng(0))
    noise = canvas.noise(4.0)
    assert noise.min() < 0.15
    assert noise.max() > 0.85
    # Two texels apart across the seam, as the noise is computed at half size.
    across = np.abs(noise[64:192, 0] - noise[64:192, -1]).mean()
    beside = np.abs(noise[64:192, 2:] - noise[64:192, :-2]).mean(axis=0)
    assert across < 1.2 * beside.max()
    assert beside.max() < 0.2
