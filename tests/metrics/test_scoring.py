"""Protocols forgive exactly what their name says and report it."""

import numpy as np
import pytest
import trimesh

from jaxrelic.geometry.registration import alignment
from jaxrelic.metrics import geometry, protocols, scoring

RNG = np.random.default_rng(0)
BOX = trimesh.creation.box((0.8, 0.5, 0.2))


def blob(count):
    """Points and normals on an asymmetric box in the world frame."""
    points, face = trimesh.sample.sample_surface(BOX, count, seed=int(RNG.integers(1 << 30)))
    return np.asarray(points), np.asarray(BOX.face_normals)[face]


def shapes(points, normals=None, matrix=None, pose=None):
    """One surface, moved by an affine map."""
    matrix = np.eye(4) if matrix is None else matrix
    normals = np.tile([0.0, 0, 1], (len(points), 1)) if normals is None else normals
    normals = normals @ np.linalg.inv(matrix[:3, :3])
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    return scoring.Shapes(
        points=alignment.apply(matrix, points)[None],
        normals=normals[None],
        cam_from_world=(np.eye(4) if pose is None else pose)[None],
        vertices=alignment.apply(matrix, np.asarray(BOX.vertices))[None],
        faces=np.asarray(BOX.faces)[None],
    )


def run(name, prediction, truth):
    rng = np.random.default_rng(1)
    return scoring.score(protocols.PROTOCOLS[name], prediction, truth, rng=rng)[0]


def turn(degrees, axis=(0, 0, 1), shift=(0, 0, 0)):
    matrix = trimesh.transformations.rotation_matrix(np.deg2rad(degrees), axis)
    matrix[:3, 3] = shift
    return matrix


SMALL_TURN = turn(12, shift=(0.04, 0.0, -0.02))


def test_without_alignment_a_shift_is_an_error():
    flat = blob(3000)[0] * [1, 1, 0]
    row = run("none", shapes(flat, None, turn(0, shift=(0, 0, 0.3))), shapes(flat))
    assert row.chamfer == row.chamfer_before == pytest.approx(30.0)
    assert run("none", shapes(flat), shapes(flat)).chamfer == 0.0


@pytest.mark.parametrize("name", ["rigid_icp", "sdf-srn", "p3d_icp"])
def test_rigid_protocols_forgive_motion(name):
    points = blob(3000)
    row = run(name, shapes(*points, SMALL_TURN), shapes(*points))
    assert row.chamfer < 0.05 * row.chamfer_before
    assert row.normal_consistency > 0.99 > row.normal_consistency_before


@pytest.mark.parametrize("name", ["rigid_icp", "sdf-srn", "none", "eq46_mean"])
def test_size_is_an_error_where_it_is_not_normalised(name):
    points = blob(3000)
    same = run(name, shapes(*blob(3000)), shapes(*points)).chamfer
    smaller = shapes(*points, np.diag([0.7, 0.7, 0.7, 1]))
    assert run(name, smaller, shapes(*points)).chamfer > 2 * same


@pytest.mark.parametrize("name", ["p3d_icp", "zeroshape", "view_centric"])
def test_one_size_for_all_axes_is_forgiven_where_it_is_normalised(name):
    points = blob(2500)
    smaller = shapes(*points, np.diag([0.7, 0.7, 0.7, 1]))
    assert run(name, smaller, shapes(*points)).chamfer < 1e-3


def test_unicorn_forgives_aspect_and_its_isotropic_form_does_not():
    truth = shapes(*blob(4000))
    floor = run("unicorn", shapes(*blob(4000)), truth).chamfer
    squeezed = shapes(*blob(4000), np.diag([0.6, 0.5, 0.8, 1]))
    forgiven, not_forgiven = (
        run(name, squeezed, truth) for name in ("unicorn", "unicorn_isotropic")
    )
    assert forgiven.chamfer < 1.2 * floor < forgiven.chamfer_before
    assert not_forgiven.chamfer > 1.5 * floor
    assert forgiven.chamfer_before == not_forgiven.chamfer_before


def test_normals_follow_a_stretch_by_its_inverse_transpose():
    directions = RNG.normal(size=(3000, 3))
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    ball, ellipsoid = (
        shapes(directions, directions, np.diag([*axes, 1]))
        for axes in ((0.5, 0.5, 0.5), (0.25, 0.35, 0.5))
    )
    row = run("unicorn", ball, ellipsoid)
    assert row.normal_consistency == pytest.approx(1, abs=2e-3)
    assert row.normal_consistency_before < 0.97


def test_view_centric_compares_what_each_camera_sees():
    points, pose = blob(2000), turn(70, (1, 2, 3), (0.1, 0.2, 1.2))
    unknown_frame = turn(50, (3, 1, 1), (0.3, 0.1, 0))
    seen_alike = pose @ np.linalg.inv(unknown_frame)
    prediction = shapes(*points, unknown_frame, pose=seen_alike)
    row = run("view_centric", prediction, shapes(*points, pose=pose))
    assert row.chamfer < 1e-5
    assert row.normal_consistency > 0.999
    assert run("view_centric", shapes(*points), shapes(*points, pose=pose)).chamfer > 5


def test_zeroshape_forgives_the_rotations_that_it_tries():
    points, pose = blob(2000), turn(70, (1, 2, 3))
    quarter = pose @ turn(90, (0, 0, 1))
    row = run("zeroshape", shapes(*points, pose=quarter), shapes(*points, pose=pose))
    assert row.chamfer < row.chamfer_before
    assert row.f_scores[0.1] > 0.9


def test_eq_46_is_a_sum_of_squares_after_rigid_icp():
    points = blob(500)
    truth, prediction = shapes(*points), shapes(*blob(500))
    total, mean = run("eq46", prediction, truth), run("eq46_mean", prediction, truth)
    assert total.chamfer == pytest.approx(500 * mean.chamfer)
    np.testing.assert_array_equal(total.world_from_prediction, mean.world_from_prediction)
    assert total.f_scores == run("sdf-srn", prediction, truth).f_scores


def test_e7_averaging_over_one_instance_aligns_it_perfectly():
    points = blob(6000)
    moved = turn(0, shift=(0.05, -0.02, 0.1)) @ np.diag([0.6, 0.6, 0.6, 1])
    row = run("ucmr", shapes(*points, moved), shapes(*points))
    assert row.iou_3d == pytest.approx(1.0)
    assert row.chamfer < 1e-9 < row.chamfer_before


def test_averaging_over_two_instances_aligns_neither():
    (points, normals), vertices = blob(4000), 0.7 * np.asarray(BOX.vertices)
    points = 0.7 * points
    both = scoring.Shapes(
        points=np.stack([points, 0.5 * points]),
        normals=np.stack([normals, normals]),
        cam_from_world=np.stack([np.eye(4)] * 2),
        vertices=np.stack([vertices, 0.5 * vertices]),
        faces=[np.asarray(BOX.faces)] * 2,
    )
    same = scoring.Shapes(
        points=np.stack([points] * 2),
        normals=both.normals,
        cam_from_world=both.cam_from_world,
    )
    ious = [
        score.iou_3d
        for score in scoring.score(
            protocols.PROTOCOLS["ucmr"], both, same, rng=np.random.default_rng(0)
        )
    ]
    # The mean of factors 1 and 2: one ends too large by a half, the other too small by a quarter.
    assert ious == pytest.approx([1.5**-3, 0.75**3], abs=0.08)


def test_the_reported_map_moves_the_prediction_onto_the_truth_in_the_world():
    truth, (points, normals) = shapes(*blob(4000)), blob(4000)
    shrunk = SMALL_TURN @ np.diag([0.7, 0.7, 0.7, 1])
    row = run("unicorn", shapes(points, normals, shrunk), truth)
    moved = shapes(points, normals, row.world_from_prediction @ shrunk)
    worse = run("none", shapes(points, normals, shrunk), truth)
    assert run("none", moved, truth).chamfer < 0.3 * worse.chamfer


def test_a_row_names_its_protocol_and_its_points():
    row = run("none", shapes(*blob(300)), shapes(*blob(200)))
    assert (row.protocol, row.num_points, row.iou_3d) == ("none", 200, None)
    assert tuple(row.f_scores) == geometry.F_SCORE_THRESHOLDS


def test_a_surface_without_extent_is_refused():
    with pytest.raises(ValueError, match="extent"):
        scoring.unit_cube_from(np.zeros((5, 3)))
