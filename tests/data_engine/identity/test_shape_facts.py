"""Watertightness and the geometry hash see shape and nothing else."""

import numpy as np
import pytest
import trimesh

from data_engine.gltf.reader import Geometry
from data_engine.identity import shape_facts as facts


def from_trimesh(mesh: trimesh.Trimesh) -> Geometry:
    return Geometry(vertices=np.asarray(mesh.vertices, np.float64), faces=np.asarray(mesh.faces))


def test_a_box_is_watertight_until_a_face_is_taken_even_with_split_vertices():
    box = from_trimesh(trimesh.creation.box((1, 2, 3)))
    split = Geometry(vertices=box.vertices[box.faces.ravel()], faces=np.arange(36).reshape(-1, 3))
    assert facts.is_watertight(box)
    assert facts.is_watertight(split)
    assert not facts.is_watertight(Geometry(vertices=box.vertices, faces=box.faces[1:]))


def test_the_geometry_hash_ignores_what_is_not_shape():
    rng = np.random.default_rng(3)
    blob = trimesh.creation.icosphere(2)
    vertices = np.round(np.asarray(blob.vertices) * [1.0, 0.7, 0.4], 3)
    faces = np.asarray(blob.faces)
    base = facts.geometry_sha256(Geometry(vertices=vertices, faces=faces))

    def sha(vertices, faces):
        return facts.geometry_sha256(Geometry(vertices=vertices, faces=faces))

    order, places = rng.permutation(len(faces)), rng.permutation(len(vertices))
    shuffled = np.empty_like(vertices)
    shuffled[places] = vertices
    assert sha(shuffled, np.roll(places[faces][order], 1, axis=1)) == base
    assert sha(vertices[faces.ravel()], np.arange(faces.size).reshape(-1, 3)) == base
    assert sha(vertices * 4 + [16, -8, 32], faces) == base
    assert sha(vertices, faces[:, ::-1]) == base
    assert sha(vertices, faces[1:]) != base
    assert sha(vertices * [1, 1, 1.01], faces) != base
    assert sha(vertices[:, [1, 2, 0]], faces) != base


@pytest.mark.parametrize("scale", [1e-9, 1e9])
def test_facts_hold_at_any_scale(scale):
    box = trimesh.creation.box((scale, 2 * scale, 3 * scale))
    one = facts.shape_facts(from_trimesh(trimesh.creation.box((1, 2, 3))))
    other = facts.shape_facts(from_trimesh(box))
    assert other.watertight
    assert other.geometry_sha256 == one.geometry_sha256
    np.testing.assert_allclose(other.bbox_max, np.multiply(one.bbox_max, scale))
