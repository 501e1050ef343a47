"""Normals from the smoothing groups of OBJ, where a file has none of its own."""

import numpy as np
import pytest
from mesh_looks import written

from data_engine.gltf.reader import read_accessor
from data_engine.ingest.meshes.smoothing import SHARP_DEG, smooth_normals
from jaxrelic.geometry.meshes import icosphere

SIDES = 12


def at_corners(positions, faces, groups=None):
    """Unit normals of the corners [f, 3, 3]; nan where a face is flat."""
    groups = np.ones(len(faces), int) if groups is None else np.asarray(groups)
    normals, chosen = smooth_normals(np.asarray(positions, float), np.asarray(faces), groups)
    unit = normals / np.linalg.norm(normals, axis=-1, keepdims=True)
    return np.where(chosen[..., None] >= 0, unit[chosen], np.nan)


def own(positions, faces):
    """Unit normals of the faces, [f, 3]."""
    a, b, c = np.asarray(positions, float)[np.asarray(faces)].transpose(1, 0, 2)
    across = np.cross(b - a, c - a)
    return across / np.linalg.norm(across, axis=-1, keepdims=True)


def can():
    """A closed cylinder about z: positions and faces, its lids fans of their first corners."""
    angles = 2 * np.pi * np.arange(SIDES) / SIDES
    ring = np.stack([np.cos(angles), np.sin(angles), np.zeros(SIDES)], axis=-1)
    i, j = np.arange(SIDES), (np.arange(SIDES) + 1) % SIDES
    wall = [*np.stack([i, j, j + SIDES], -1), *np.stack([i, j + SIDES, i + SIDES], -1)]
    fan = [np.array([0, k, k + 1]) for k in range(1, SIDES - 1)]
    lids = [*(SIDES + corner for corner in fan), *(corner[::-1] for corner in fan)]
    return np.concatenate([ring, ring + np.array([0, 0, 1])]), np.array(wall), np.array(lids)


def two_faces(turn_deg):
    """Two triangles along the x axis, the second turned out of the plane of the first."""
    c, s = np.cos(np.radians(turn_deg)), np.sin(np.radians(turn_deg))
    return [[0, 0, 0], [1, 0, 0], [0, -1, 0], [1, c, s]], [[1, 0, 2], [0, 1, 3]]


def test_a_ball_has_the_normals_of_a_ball_also_when_it_is_turned():
    positions, faces = icosphere(2)
    turn, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))
    turn *= np.linalg.det(turn)
    for moved in (positions, positions @ turn.T + [3, 4, 5]):
        centre = moved.mean(axis=0)
        np.testing.assert_allclose(at_corners(moved, faces), (moved - centre)[faces], atol=0.02)


def test_a_can_is_round_at_its_wall_and_keeps_its_rims():
    positions, wall, lids = can()
    faces = np.concatenate([wall, lids])
    normals = at_corners(positions, faces)
    np.testing.assert_allclose(normals[: len(wall)], positions[wall] * [1, 1, 0], atol=1e-12)
    flat = own(positions, lids)[:, None]
    np.testing.assert_allclose(normals[len(wall) :], np.broadcast_to(flat, (len(lids), 3, 3)))


def test_faces_meet_smoothly_up_to_the_limit_only():
    for turn, smooth in ((0, True), (SHARP_DEG - 1, True), (SHARP_DEG + 1, False), (180, False)):
        positions, faces = two_faces(turn)
        normals = at_corners(positions, faces)
        shared = np.allclose(normals[0, 0], normals[1, 1])
        assert shared == smooth
        if not smooth:
            np.testing.assert_allclose(normals, own(positions, faces)[:, None].repeat(3, 1))


def test_faces_of_two_groups_or_of_none_share_nothing():
    positions, faces = two_faces(30)
    flat = own(positions, faces)[:, None].repeat(3, 1)
    np.testing.assert_allclose(at_corners(positions, faces, [1, 2]), flat)
    half = at_corners(positions, faces, [0, 5])
    assert np.isnan(half[0]).all()
    np.testing.assert_allclose(half[1], flat[1])


def test_the_angle_of_a_face_counts_and_not_its_size():
    positions, faces = two_faces(40)
    before = at_corners(positions, faces)[0, 1]
    positions[3] = [10 * x for x in positions[3]]
    np.testing.assert_allclose(at_corners(positions, faces)[0, 1], before)
    weights = np.radians([90, 45])  # Of the two faces at the origin.
    right = weights @ own(positions, faces)
    np.testing.assert_allclose(before, right / np.linalg.norm(right))


def test_a_face_turned_over_or_without_area_spoils_no_neighbour():
    positions, faces = two_faces(0)
    over = at_corners(positions, [faces[0], faces[1][::-1]])
    np.testing.assert_allclose(over, [[[0, 0, 1]] * 3, [[0, 0, -1]] * 3], atol=1e-12)
    normals, chosen = smooth_normals(
        np.array(positions, float), np.array([*faces, [0, 0, 1]]), np.ones(3, int)
    )
    assert np.isfinite(normals).all()
    np.testing.assert_allclose(normals[chosen[:2]][..., :2], 0, atol=1e-12)


ROOF = "v 0 0 0\nv 1 0 0\nv 0 -1 0\nv 1 1 0.5\n{0}f 2 1 3\n{1}f 1 2 4\n"


@pytest.mark.parametrize(
    ("first", "second", "smooth", "flat"),
    [
        ("s 1\n", "", 2, 0),
        ("  S\ton\n", "", 2, 0),
        ("s 1\n", "s off\n", 1, 1),
        ("s 0\n", "s 3 \n", 1, 1),
        ("s off\n", "", 0, 2),
        ("", "", 0, 2),
    ],
)
def test_the_statement_holds_until_the_next(first, second, smooth, flat, tmp_path):
    look = written(tmp_path, "a.obj", ROOF.format(first, second))
    parts = look.gltf.document["meshes"][0]["primitives"]
    counts = {
        "NORMAL" in p["attributes"]: read_accessor(look.gltf, p["indices"]).size for p in parts
    }
    assert (counts.get(True, 0), counts.get(False, 0)) == (3 * smooth, 3 * flat)
    assert look.notes == ()


def test_normals_of_the_file_stand_above_its_groups(tmp_path):
    text = ROOF.format("vn 0 0 1\ns 1\n", "").replace("f 2 1 3", "f 2//1 1//1 3//1")
    look = written(tmp_path, "a.obj", text)
    kinds = sorted(
        "NORMAL" in p["attributes"] for p in look.gltf.document["meshes"][0]["primitives"]
    )
    assert kinds == [False, True]
