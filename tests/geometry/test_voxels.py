"""Solids on a grid (specification msrn H-E7)."""

import numpy as np
import pytest
import trimesh

from jaxrelic.geometry import meshes, voxels


def box(extents, centre=(0, 0, 0)):
    mesh = trimesh.creation.box(extents)
    return np.asarray(mesh.vertices) + centre, np.asarray(mesh.faces)


def test_e7_identical_boxes_overlap_fully():
    solid = voxels.solid_from_mesh(*box((0.5, 0.3, 0.7)))
    assert voxels.overlap(solid, solid) == 1.0


def test_e7_aligned_boxes_one_cell_apart_overlap_by_the_known_share():
    cell = 1 / 32
    # Half a cell off the grid planes, so that no rounding decides which cells are touched.
    one = voxels.solid_from_mesh(*box((0.5, 0.5, 0.5), (cell / 2,) * 3))
    two = voxels.solid_from_mesh(*box((0.5, 0.5, 0.5), (1.5 * cell, cell / 2, cell / 2)))
    across = np.flatnonzero(one.any(axis=(1, 2))).size
    assert one.sum() == across**3
    assert voxels.overlap(one, two) == pytest.approx((across - 1) / (across + 1))


def test_a_ball_is_solid_and_has_its_volume():
    vertices, faces = meshes.icosphere(3)
    solid = voxels.solid_from_mesh(0.4 * vertices, faces)
    assert solid[16, 16, 16]
    # Touched cells reach beyond the surface, by less than a cell.
    volume = [4 / 3 * np.pi * (0.4 * 32 + extra) ** 3 for extra in (0, 1)]
    assert volume[0] < solid.sum() < volume[1]


def test_no_leak_leads_through_a_slanted_wall():
    # Coarse triangles in general position: only splitting makes them tight.
    vertices, faces = meshes.icosphere(0)
    turn = trimesh.transformations.euler_matrix(0.4, 0.9, 1.3)[:3, :3]
    turned = 0.4 * vertices @ turn
    solid = voxels.solid_from_mesh(turned, faces)
    assert solid[16, 16, 16]
    assert solid.sum() > trimesh.Trimesh(turned, faces).volume * 32**3


def test_an_open_surface_is_its_own_shell():
    vertices, faces = box((0.5, 0.5, 0.5))
    lidless = voxels.solid_from_mesh(vertices, faces[(vertices[faces][..., 2] < 0.2).any(axis=1)])
    assert not lidless[16, 16, 16]


def test_samples_make_the_solid_that_the_mesh_makes():
    mesh = trimesh.Trimesh(*box((0.6, 0.4, 0.25), (0.01, 0.02, 0.005)), process=False)
    points, face = trimesh.sample.sample_surface(mesh, 10_000, seed=0)
    normals = np.asarray(mesh.face_normals)[face]
    solid = voxels.solid_from_samples(np.asarray(points), normals)
    assert solid[16, 16, 16]
    assert voxels.overlap(solid, voxels.solid_from_mesh(mesh.vertices, mesh.faces)) > 0.9


def test_a_stray_vertex_costs_no_more_than_the_grid():
    vertices, faces = box((0.5, 0.5, 0.5))
    far = vertices.copy()
    far[0] *= 1e5
    solid = voxels.solid_from_mesh(far, faces)
    assert solid.any()
    assert voxels.overlap(solid, voxels.solid_from_mesh(vertices, faces)) < 1


def test_what_leaves_the_grid_is_cut_off():
    solid = voxels.solid_from_mesh(*box((0.2, 0.2, 0.2), (3.0, 0, 0)))
    assert not solid.any()
    assert voxels.overlap(solid, solid) == 1.0
