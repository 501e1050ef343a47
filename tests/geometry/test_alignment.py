"""Alignment undoes known motions (specification H-E5, H-E6)."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.spatial
import trimesh

from jaxrelic.geometry import alignment

RNG = np.random.default_rng(0)
CLOUD = RNG.normal(size=(50, 3)) * [1.0, 0.6, 0.3]


def rotation(degrees, axis):
    return trimesh.transformations.rotation_matrix(np.deg2rad(degrees), axis)[:3, :3]


def chair():
    """An asymmetric solid inside the unit cube: seat, back and one armrest."""
    parts = [
        trimesh.creation.box((0.8, 0.7, 0.1)),
        trimesh.creation.box((0.1, 0.7, 0.6)),
        trimesh.creation.box((0.5, 0.1, 0.3)),
    ]
    for part, offset in zip(parts, [(0, 0, 0), (-0.35, 0, 0.3), (0.1, 0.3, 0.2)], strict=True):
        part.apply_translation(offset)
    return trimesh.util.concatenate(parts)


def surface(mesh, count, seed):
    return np.asarray(trimesh.sample.sample_surface(mesh, count, seed=seed)[0], np.float64)


def chamfer(a, b):
    one, two = scipy.spatial.cKDTree(b).query(a)[0], scipy.spatial.cKDTree(a).query(b)[0]
    return 50 * (one.mean() + two.mean())


@pytest.mark.parametrize("with_scale", [True, False])
def test_umeyama_recovers_the_motion_of_matched_points(with_scale):
    scale = 1.7 if with_scale else 1.0
    truth = alignment.homogeneous(scale * rotation(130, [1, 2, 3]), np.array([0.3, -2.0, 5.0]))
    found = alignment.umeyama(CLOUD, alignment.apply(truth, CLOUD), with_scale=with_scale)
    np.testing.assert_allclose(found, truth, atol=1e-12)


def test_umeyama_never_mirrors_even_when_a_mirror_fits_exactly():
    found = alignment.umeyama(CLOUD, CLOUD * [1, 1, -1])
    assert np.linalg.det(found[:3, :3]) > 0


def test_rigid_icp_undoes_rotation_and_shift():
    source = surface(chair(), 4000, seed=1)
    truth = alignment.homogeneous(rotation(10, [0, 1, 0]), np.array([0.05, 0.0, -0.03]))
    found = alignment.rigid_icp(source, alignment.apply(truth, source))
    np.testing.assert_allclose(found, truth, atol=1e-6)


def test_rigid_icp_leaves_the_size_alone():
    source = surface(chair(), 500, seed=1)
    found = alignment.rigid_icp(source, 1.3 * source)
    np.testing.assert_allclose(found[:3, :3].T @ found[:3, :3], np.eye(3), atol=1e-9)


@pytest.fixture(scope="module")
def moved_chairs():
    """Two problems of one batch: E5's affine motion, and a pure shift; then their solutions."""
    motion = np.stack(
        [
            alignment.homogeneous(rotation(10, [0, 1, 0]) @ np.diag([1.1, 0.9, 1.0]), [0.05] * 3),
            alignment.homogeneous(np.eye(3), [0.0, 0.08, 0.0]),
        ]
    )
    source = np.stack([surface(chair(), 1024, seed=2)] * 2)
    target = np.stack([alignment.apply(m, surface(chair(), 1024, seed=3)) for m in motion])
    return motion, alignment.gradient_icp(source, target)


def test_gradient_icp_undoes_rotation_scale_and_shift(moved_chairs):
    motion, found = moved_chairs
    for truth, solution in zip(motion, found, strict=True):
        dense = surface(chair(), 40_000, seed=4), surface(chair(), 40_000, seed=5)
        before = chamfer(dense[0], alignment.apply(truth, dense[1]))
        after = chamfer(alignment.apply(solution, dense[0]), alignment.apply(truth, dense[1]))
        # Two clouds of 40,000 points on one surface are about 0.4 apart in these units;
        # 0.3 more is the bound of H-E5.
        floor = chamfer(*dense)
        assert after < floor + 0.3 < before


def test_gradient_icp_never_mirrors(moved_chairs):
    assert (np.linalg.det(moved_chairs[1][:, :3, :3]) > 0).all()


def test_six_numbers_always_make_a_rotation():
    matrices = alignment.rotation_from_6d(jax.random.normal(jax.random.key(0), (20, 6)))
    gram = jnp.einsum("bij,bik->bjk", matrices, matrices)
    np.testing.assert_allclose(gram, np.broadcast_to(np.eye(3), (20, 3, 3)), atol=1e-5)
    np.testing.assert_allclose(jnp.linalg.det(matrices), 1.0, rtol=1e-5)
    identity = alignment.rotation_from_6d(jnp.asarray([[1.0, 0, 0, 0, 1, 0]]))
    np.testing.assert_array_equal(identity[0], np.eye(3))
