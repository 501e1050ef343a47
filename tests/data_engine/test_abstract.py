"""Abstract forms: closed, varied, repeatable, and made only where they are asked for."""

import hashlib

import numpy as np
import pytest
import trimesh

from data_engine.procedural import families, make_relic, write_relics
from data_engine.procedural.on_request.abstract import RECIPES
from data_engine.procedural.on_request.arrangement import net, placed, repeated, unwrap_box, warped
from data_engine.procedural.on_request.solids import SOLIDS
from data_engine.procedural.surfaces import signed_volume

SEEDS = range(12)


@pytest.fixture(scope="module")
def relics():
    return [make_relic("abstract", seed) for seed in SEEDS]


def test_every_form_is_one_closed_surface_of_the_volume_it_claims(relics):
    for relic in relics:
        mesh = trimesh.Trimesh(relic.vertices, relic.faces, process=False)
        mesh.merge_vertices(merge_tex=True, merge_norm=True)
        assert mesh.is_watertight
        assert mesh.is_winding_consistent
        assert len(mesh.split(only_watertight=False)) == 1
        assert mesh.volume == pytest.approx(relic.volume_m3, rel=1e-3)


def test_recipes_and_materials_vary_from_seed_to_seed(relics):
    assert len({relic.parameters["recipe"] for relic in relics}) >= 4
    assert len({relic.material for relic in relics}) >= 4
    means = np.array([relic.texture.mean(axis=(0, 1)) for relic in relics])
    assert means.std(axis=0).min() > 15


def test_textures_cover_six_sides_and_coordinates_stay_inside(relics):
    for relic in relics:
        assert relic.uvs.min() >= 0
        assert relic.uvs.max() <= 1
        cells = {(int(3 * u), int(2 * v)) for u, v in relic.uvs[relic.faces].mean(axis=1)}
        assert len(cells) == 6


def test_the_same_seed_gives_the_same_bytes():
    one, other = (hashlib.sha256(make_relic("abstract", 5).glb()).digest() for _ in range(2))
    assert one == other


def test_the_default_families_leave_it_out_and_a_name_brings_it_in(tmp_path):
    assert "abstract" not in families()
    manifest = write_relics(tmp_path, 2, 0, ["abstract", "bowl"])
    assert sorted(path.stem for path in tmp_path.glob("*.glb")) == ["abstract-0000", "bowl-0000"]
    assert "abstract form" in manifest.read_text().lower()


@pytest.mark.parametrize("name", SOLIDS)
def test_every_solid_encloses_something_of_about_unit_size(name):
    found = [net(SOLIDS[name](np.random.default_rng(seed)), cells=8_000) for seed in range(4)]
    sizes = [np.ptp(vertices, axis=0).max() for vertices, _ in found]
    volumes = [signed_volume(vertices, faces) for vertices, faces in found]
    assert min(sizes) > 0.5
    assert max(sizes) < 3.2
    assert min(volumes) > 0


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_comes_to_a_body_with_most_seeds(name):
    bodies = [net(RECIPES[name][1](np.random.default_rng(seed)), cells=8_000) for seed in range(4)]
    assert sum(body is not None for body in bodies) >= 3


def ball(p):
    return np.sqrt(p[0] ** 2 + p[1] ** 2 + p[2] ** 2) - 1


def test_a_moved_ball_keeps_its_volume_and_is_where_it_was_put():
    vertices, faces = net(placed(ball, at=(0.5, -0.3, 0.2), size=0.6), cells=60_000)
    assert signed_volume(vertices, faces) == pytest.approx(4 / 3 * np.pi * 0.6**3, rel=0.02)
    np.testing.assert_allclose(vertices.mean(axis=0), (0.5, -0.3, 0.2), atol=0.02)


def test_a_repeated_part_appears_as_often_as_it_is_told_and_the_largest_piece_stays():
    part = placed(ball, at=(0.8, 0, 0), size=0.5)
    # Three balls at 120 degrees stay apart, six grow into one ring.
    one, _ = net(warped(part, repeated(3)), cells=40_000)
    ring, _ = net(warped(part, repeated(6)), cells=40_000)
    assert np.ptp(one, axis=0).max() < 1.1
    assert np.ptp(ring, axis=0).max() > 2.2


def test_unwrapping_gives_each_face_to_the_side_it_looks_at():
    vertices, faces = net(ball, cells=4_000)
    surface = unwrap_box(vertices, faces)
    a, b, c = surface.vertices[surface.faces].transpose(1, 0, 2)
    normal = np.cross(b - a, c - a)
    column = (3 * surface.uvs[surface.faces].mean(axis=1)[:, 0]).astype(int)
    np.testing.assert_array_equal(column, np.abs(normal).argmax(axis=1))
    np.testing.assert_array_equal(surface.vertices[surface.twin], surface.vertices)
