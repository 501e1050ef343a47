"""Statuary: closed bodies in many poses, made only where they are asked for."""

import numpy as np
import pytest
import trimesh

from data_engine.procedural import families, make_relic
from data_engine.procedural.on_request.statuary import STATUARY
from jaxrelic.data.schema import CATEGORIES


@pytest.mark.parametrize("family", STATUARY)
def test_bodies_are_closed_in_one_piece_and_upright(family):
    for seed in range(3):
        relic = make_relic(family, seed)
        mesh = trimesh.Trimesh(relic.vertices, relic.faces, process=False)
        mesh.merge_vertices(merge_tex=True, merge_norm=True)
        assert mesh.is_watertight
        assert mesh.volume == pytest.approx(relic.volume_m3, rel=1e-3)
        assert len(mesh.split(only_watertight=False)) == 1
        assert relic.category in CATEGORIES
        assert relic.vertices[:, 2].min() == pytest.approx(0, abs=1e-6)


def test_a_jug_is_hollow():
    for seed in range(3):
        relic = make_relic("jug", seed)
        mesh = trimesh.Trimesh(relic.vertices, relic.faces, process=False)
        assert relic.volume_m3 < 0.6 * mesh.convex_hull.volume


def test_poses_differ_from_seed_to_seed():
    sizes = np.array([np.ptp(make_relic("statue", s).vertices, axis=0) for s in range(5)])
    shares = sizes / sizes.max(axis=1, keepdims=True)
    assert shares.std(axis=0).max() > 0.05


def test_the_default_families_leave_statuary_out():
    assert not set(STATUARY) & set(families())
