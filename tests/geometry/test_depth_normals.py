"""Normals of depth maps of planes and of a sphere, whose normals are known."""

import jax
import numpy as np
import pytest

from jaxrelic.geometry import cameras
from jaxrelic.geometry.depth_normals import depth_normals

SIDE, FOCAL = 64, 70.0
LENS = cameras.intrinsics(FOCAL, SIDE, SIDE).astype(np.float32)


def directions():
    """Of the middles of the pixels, with z = 1, [h, w, 3]."""
    row, column = np.mgrid[:SIDE, :SIDE] + 0.5
    uv = np.stack([column, row, np.ones_like(row)], axis=-1)
    return uv @ np.linalg.inv(LENS).T


@pytest.mark.parametrize("normal", [(0, 0, -1), (0.6, 0, -0.8), (-0.3, 0.5, -0.6)])
def test_a_plane_has_its_normal_everywhere(normal):
    normal = np.float64(normal) / np.linalg.norm(normal)
    depth = (normal @ [0, 0, 2.0]) / (directions() @ normal)
    found = np.asarray(depth_normals(np.float32(depth), LENS))
    np.testing.assert_allclose(found[1:-1, 1:-1], np.broadcast_to(normal, (62, 62, 3)), atol=1e-3)
    assert not found[0].any()
    assert not found[:, -1].any()


def sphere_depth(radius=0.5, away=2.0):
    rays, centre = directions(), np.array([0, 0, away])
    a, b, c = np.sum(rays**2, axis=-1), rays @ centre, centre @ centre - radius**2
    inside = b**2 - a * c
    hit = inside > 0
    depth = np.where(hit, (b - np.sqrt(np.maximum(inside, 0))) / a, 0)
    return np.float32(depth), (depth[..., None] * rays - centre) / radius


def test_a_sphere_has_the_normals_of_a_sphere():
    depth, normals = sphere_depth()
    found = np.asarray(jax.jit(depth_normals)(depth, LENS))
    known = np.linalg.norm(found, axis=-1) > 0.5
    assert 0.8 < known.sum() / (depth > 0).sum() < 1
    cosine = np.sum(found * normals, axis=-1)[known]
    assert cosine.min() > 0.95
    assert np.mean(cosine) > 0.998


def test_nothing_is_known_beside_an_edge_or_a_hole():
    depth = np.full((8, 8), 2.0, np.float32)
    depth[:, 4:] = 3.0
    depth[2, 1] = 0
    known = np.linalg.norm(np.asarray(depth_normals(depth, LENS)), axis=-1) > 0.5
    assert not known[:, [0, 3, 4, 7]].any()
    assert not known[[1, 3], 1].any()
    assert not known[2, 1:3].any()
    assert known[5, [1, 2, 5, 6]].all()
