"""The report counts what topology counts, and names the view that disagrees."""

import dataclasses
import json

import jax
import numpy as np
import pytest

from jaxrelic.geometry import meshes
from jaxrelic.inference import mesh_report

AZIMUTHS = [0, 70, 140, 210, 300]


def torus(rows=24, columns=12):
    u, v = np.meshgrid(
        np.arange(rows) * 2 * np.pi / rows, np.arange(columns) * 2 * np.pi / columns, indexing="ij"
    )
    ring = 0.3 + 0.1 * np.cos(v)
    vertices = np.stack([ring * np.cos(u), ring * np.sin(u), 0.1 * np.sin(v)], axis=-1)
    a = np.arange(rows * columns).reshape(rows, columns)
    b, d = np.roll(a, -1, axis=0), np.roll(a, -1, axis=1)
    c = np.roll(b, -1, axis=1)
    faces = np.concatenate([np.stack([a, b, c], -1), np.stack([a, c, d], -1)]).reshape(-1, 3)
    return np.float32(vertices.reshape(-1, 3)), faces


@pytest.fixture(scope="module")
def ball():
    vertices, faces = meshes.icosphere(3)
    return np.float32(vertices * [0.2, 0.3, 0.4] + [0.02, 0.03, 0]), faces


@pytest.fixture(scope="module")
def views(ball, ring_of_views):
    return ring_of_views(*ball, azimuths_deg=AZIMUTHS, elevation_deg=15.0)


def report(vertices, faces, views, **settings):
    return mesh_report.check(meshes.Mesh(vertices=vertices, faces=faces), views, **settings)


def test_a_perfect_mesh_has_nothing_to_be_warned_of(ball, views):
    found = report(*ball, views)
    assert found.watertight
    assert (found.pieces, found.euler, found.genus) == (1, 2, 0)
    assert found.volume == pytest.approx(4 / 3 * np.pi * 0.2 * 0.3 * 0.4, rel=0.02)
    np.testing.assert_allclose(found.extent, [0.4, 0.6, 0.8], rtol=0.01)
    assert [iou for _, iou in found.views] == [1.0] * len(AZIMUTHS)
    assert found.warnings == ()
    assert "closed, 1 piece" in found.summary()
    assert "warning" not in found.summary()


def test_a_torus_has_one_handle(views):
    found = report(*torus(), views)
    assert (found.watertight, found.euler, found.genus) == (True, 0, 1)
    assert found.volume == pytest.approx(2 * np.pi**2 * 0.3 * 0.1**2, rel=0.07)


def test_a_hole_opens_the_mesh(ball, views):
    vertices, faces = ball
    found = report(vertices, faces[1:], views)
    assert not found.watertight
    assert (found.euler, found.genus) == (1, None)
    assert found.summary().endswith("; warning: the surface is not closed")


def test_one_face_turned_over_opens_the_mesh(ball, views):
    vertices, faces = ball
    turned = faces.copy()
    turned[5] = turned[5, ::-1]
    assert not report(vertices, turned, views).watertight


def test_an_edge_with_four_faces_is_not_closed(views):
    """Two tetrahedra that share an edge."""
    faces = np.array([[0, 1, 2], [1, 0, 3], [2, 1, 3], [0, 2, 3]])
    second = np.array([0, 1, 4, 5])[faces]
    vertices = np.float32(
        [[0, 0, 0], [0, 0, 0.3], [0.3, 0, 0], [0, 0.3, 0], [-0.3, 0, 0], [0, -0.3, 0]]
    )
    assert report(vertices, faces, views).watertight
    assert not report(vertices, np.concatenate([faces, second]), views).watertight


def test_faces_that_look_inward_are_warned_of(ball, views):
    vertices, faces = ball
    found = report(vertices, faces[:, ::-1], views)
    assert found.watertight
    assert found.volume < 0
    assert found.warnings == ("the faces look inward",)


def test_pieces_are_counted_and_unused_vertices_are_not(ball, views):
    vertices, faces = ball
    both = np.concatenate([vertices, vertices * 0.1, np.ones((7, 3), np.float32)])
    found = report(both, np.concatenate([faces, faces + len(vertices)]), views)
    assert (found.pieces, found.euler, found.genus) == (2, 4, 0)
    assert found.vertices == 2 * len(vertices)
    assert "2 pieces" in found.summary()
    assert max(found.extent) < 0.9


def test_the_view_with_the_wrong_camera_is_named_first(ball, views):
    poses = np.array(views.camera.cam_from_world)
    poses[3, :3, 3] += [0.15, 0, 0]
    wrong = dataclasses.replace(views, camera=views.camera.replace(cam_from_world=poses))
    found = report(*ball, wrong)
    assert found.views[0][0] == "view_3.png"
    assert found.views[0][1] < 0.75
    assert found.views[1][1] == 1.0
    assert "view_3.png" in found.warnings[0]
    assert "camera, mask and training" in found.summary()
    assert report(*ball, wrong, least_iou=0.2).warnings == ()


def test_two_disagreeing_views_are_both_counted(ball, views):
    wrong = dataclasses.replace(views, mask=views.mask * (np.arange(5) > 1)[:, None, None])
    found = report(*ball, wrong)
    assert {name for name, _ in found.views[:2]} == {"view_0.png", "view_1.png"}
    assert "and 1 more" in found.warnings[0]


def test_the_report_is_plain_json(ball, views):
    one = dataclasses.replace(
        views,
        mask=views.mask[:1],
        rgb=views.rgb[:1],
        names=views.names[:1],
        camera=jax.tree.map(lambda x: x[:1], views.camera),
    )
    read = json.loads(json.dumps(report(*ball, one).as_json()))
    assert read["views"] == [{"name": "view_0.png", "iou": 1.0}]
    assert read["watertight"] is True
    assert read["warnings"] == []
    assert len(read["extent"]) == 3
