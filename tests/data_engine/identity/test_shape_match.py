"""Which surfaces are one object: the descriptor proposes, the alignment decides."""

import numpy as np
import pytest
import scipy.spatial.transform
import trimesh

from data_engine.gltf.reader import Geometry
from data_engine.identity import shape_match
from data_engine.identity.clusters import NEAR
from data_engine.identity.duplicates import PROPOSED
from data_engine.identity.shape_samples import DESCRIPTOR_POINTS, descriptor, sample


def geometry(mesh: trimesh.Trimesh) -> Geometry:
    return Geometry(
        vertices=np.asarray(mesh.vertices, np.float64), faces=np.asarray(mesh.faces, np.int64)
    )


def bumpy(level: int = 4, amount: float = 0.2) -> Geometry:
    """A shape without symmetry."""
    ball = trimesh.creation.icosphere(level)
    x, y, z = ball.vertices.T
    radius = 1 + amount * np.sin(3 * x + 1) * np.cos(2 * y + 0.6) + amount * np.sin(4 * z + x)
    ball.vertices = ball.vertices * radius[:, None] * [1.0, 0.8, 0.65]
    return geometry(ball)


def jug(handle: float = 1.0) -> Geometry:
    """A body of revolution with a handle: two principal extents are nearly equal."""
    profile = [(0, 0), (0.5, 0), (0.7, 0.5), (0.5, 1.1), (0.3, 1.3), (0.35, 1.5)]
    body = trimesh.creation.revolve(profile, sections=48)
    ring = trimesh.creation.torus(0.22 * handle, 0.05)
    ring.apply_transform(trimesh.transformations.rotation_matrix(np.pi / 2, [1, 0, 0]))
    ring.apply_translation([0.65, 0, 0.8])
    return geometry(trimesh.util.concatenate([body, ring]))


def moved(mesh: Geometry, turn: int) -> Geometry:
    """Turned, scaled, shifted; its triangles and vertices shuffled."""
    rng = np.random.default_rng(turn)
    matrix = scipy.spatial.transform.Rotation.random(random_state=turn).as_matrix()
    vertices = rng.uniform(0.01, 50) * mesh.vertices @ matrix.T + rng.normal(size=3)
    order = rng.permutation(len(vertices))
    faces = np.argsort(order)[mesh.faces]
    return Geometry(vertices=vertices[order], faces=faces[rng.permutation(len(faces))])


def described(mesh: Geometry) -> np.ndarray:
    return descriptor(sample(mesh, DESCRIPTOR_POINTS)).astype(float)


def align(one: Geometry, other: Geometry) -> shape_match.Match:
    points = shape_match.FINE_POINTS
    return shape_match.align(sample(one, points), sample(other, points))


@pytest.mark.parametrize("make", [bumpy, jug])
@pytest.mark.parametrize("turn", [1, 2, 3])
def test_an_object_moved_turned_scaled_and_shuffled_is_found_and_is_the_same(make, turn):
    one, other = make(), moved(make(), turn)
    assert described(one) @ described(other) > PROPOSED
    match = align(one, other)
    assert match.distance < NEAR / 3
    assert shape_match.is_moved(one, other, match.pose[1])


@pytest.mark.parametrize("level", [3, 5])
def test_another_meshing_is_near_but_not_the_same_triangles(level):
    one, other = bumpy(4), moved(bumpy(level), 5)
    assert described(one) @ described(other) > PROPOSED
    match = align(one, other)
    assert match.distance < NEAR
    assert not shape_match.is_moved(one, other, match.pose[1])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (bumpy(), bumpy(amount=0.22)),
        (jug(), jug(handle=0.85)),
        (geometry(trimesh.creation.box((1, 2, 3))), geometry(trimesh.creation.box((1, 2, 3.1)))),
    ],
    ids=["deeper dents", "a smaller handle", "a longer box"],
)
def test_objects_that_differ_a_little_are_two(one, other):
    assert align(one, moved(other, 2)).distance > 1.5 * NEAR


def test_a_mirror_image_is_another_object():
    one = bumpy()
    mirrored = Geometry(vertices=one.vertices * [-1, 1, 1], faces=one.faces[:, ::-1])
    assert described(one) @ described(mirrored) > PROPOSED
    match = align(one, mirrored)
    assert match.distance > 1.5 * NEAR
    assert not shape_match.is_moved(one, mirrored, match.pose[1])


def test_the_same_triangles_with_one_corner_moved_are_not_the_same():
    one = bumpy(2)
    vertices = one.vertices.copy()
    vertices[17] *= 1.01
    assert not shape_match.is_moved(one, Geometry(vertices=vertices, faces=one.faces), np.eye(3))
    assert shape_match.is_moved(one, one, np.eye(3))


def test_a_single_triangle_has_a_finite_descriptor_of_unit_length():
    flat = Geometry(vertices=np.eye(3) * 1e-9, faces=np.array([[0, 1, 2]]))
    assert np.linalg.norm(described(flat)) == pytest.approx(1.0, abs=1e-6)
    assert align(flat, moved(flat, 1)).distance < NEAR
