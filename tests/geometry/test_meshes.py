"""The icosphere's closed forms and texture coordinates (specification msrn H-C9, H-D)."""

import numpy as np
import pytest

from jaxrelic.geometry import meshes

# level: vertices, faces, edges, normal consistency, mean edge, area, volume.
TABLE = {
    0: (12, 20, 30, 0.2546440, 1.0514890, 9.575029, 2.536345),
    1: (42, 80, 120, 0.0624735, 0.5822835, 11.665931, 3.658712),
    2: (162, 320, 480, 0.0155947, 0.2993321, 12.329849, 4.047045),
    3: (642, 1280, 1920, 0.0039060, 0.1507297, 12.506493, 4.152741),
    4: (2562, 5120, 7680, 0.0009781, 0.0754991, 12.551354, 4.179739),
}


@pytest.mark.parametrize("level", TABLE)
def test_icosphere_has_the_published_counts_area_and_volume(level):
    """Specification msrn H-C9."""
    vertices, faces = meshes.icosphere(level)
    num_vertices, num_faces, _, _, _, area, volume = TABLE[level]
    assert (len(vertices), len(faces)) == (num_vertices, num_faces)
    np.testing.assert_allclose(meshes.surface_area(vertices, faces), area, rtol=1e-5)
    np.testing.assert_allclose(meshes.signed_volume(vertices, faces), volume, rtol=1e-5)


@pytest.mark.parametrize("level", TABLE)
def test_edges_have_the_published_length_and_dihedral_angles(level):
    """Specification msrn H-C9."""
    vertices, faces = meshes.icosphere(level)
    edges, opposite = meshes.edge_topology(faces)
    _, _, num_edges, consistency, mean_edge, _, _ = TABLE[level]
    assert len(edges) == num_edges
    a, b = vertices[edges[:, 0]].astype(np.float64), vertices[edges[:, 1]].astype(np.float64)
    left, right = vertices[opposite[:, 0]], vertices[opposite[:, 1]]
    assert np.linalg.norm(b - a, axis=-1).mean() == pytest.approx(mean_edge, rel=1e-5)
    n0, n1 = np.cross(b - a, left - a), -np.cross(b - a, right - a)
    cosine = np.sum(n0 * n1, -1) / (np.linalg.norm(n0, axis=-1) * np.linalg.norm(n1, axis=-1))
    assert np.mean(1 - cosine) == pytest.approx(consistency, rel=1e-4)


def test_the_laplacian_of_level_three_is_the_published_one():
    """Specification msrn H-C9."""
    vertices, faces = meshes.icosphere(3)
    edges, _ = meshes.edge_topology(faces)
    sums, valence = np.zeros((len(vertices), 3)), np.zeros((len(vertices), 1))
    for one, other in (edges.T, edges.T[::-1]):
        np.add.at(sums, one, vertices[other])
        np.add.at(valence, one, 1)
    offsets = np.linalg.norm(sums / valence - vertices, axis=-1)
    assert offsets.mean() == pytest.approx(0.0139336, rel=1e-5)
    assert sorted(np.unique(valence, return_counts=True)[1]) == [12, 630]


def test_the_ellipsoids_have_the_published_edges_area_and_volume():
    """Specification msrn H-C9."""
    vertices, faces = meshes.icosphere(3)
    edges, _ = meshes.edge_topology(faces)
    golden = ((0.4, 0.0486749, 1.270306, 0.1302300), (0.6, 0.0730124, 2.858188, 0.4395261))
    for size, mean_edge, area, volume in golden:
        ellipsoid = vertices * np.float32([size, 0.7 * size, 0.7 * size])
        start, end = np.moveaxis(ellipsoid[edges], 1, 0)
        assert np.linalg.norm(end - start, axis=-1).mean() == pytest.approx(mean_edge, rel=1e-5)
        np.testing.assert_allclose(meshes.surface_area(ellipsoid, faces), area, rtol=1e-5)
        np.testing.assert_allclose(meshes.signed_volume(ellipsoid, faces), volume, rtol=1e-5)


def test_the_icosahedron_is_the_published_one_corner_by_corner():
    """Specification msrn H-D. The order of vertices matters for parity with foreign meshes."""
    a, b = 0.5257, 0.8507
    xy = [(-a, b, 0), (a, b, 0), (-a, -b, 0), (a, -b, 0)]
    yz = [(0, -a, b), (0, a, b), (0, -a, -b), (0, a, -b)]
    xz = [(b, 0, -a), (b, 0, a), (-b, 0, -a), (-b, 0, a)]
    faces = (
        "0-11-5 0-5-1 0-1-7 0-7-10 0-10-11 1-5-9 5-11-4 11-10-2 10-7-6 7-1-8 "
        "3-9-4 3-4-2 3-2-6 3-6-8 3-8-9 4-9-5 2-4-11 6-2-10 8-6-7 9-8-1"
    )
    ours = meshes.icosphere(0)
    np.testing.assert_array_equal(ours[0], np.float32(xy + yz + xz))
    np.testing.assert_array_equal(ours[1], [[int(i) for i in f.split("-")] for f in faces.split()])


def test_texture_coordinates_match_unicorn_after_turning_the_axes():
    """Specification msrn H-D."""
    # Unicorn's y-up (x, y, z) is our z-up (x, -z, y); golden values of specification msrn H-D.
    a, b = 0.5257, 0.8507
    directions = np.array([[-a, 0, 0.7 * b], [a, 0, 0.7 * b]])
    np.testing.assert_allclose(
        meshes.sphere_uv(directions), [[0.25, 0.230212], [0.75, 0.230212]], atol=1e-6
    )


def test_texture_coordinates_run_from_the_top_down_and_wrap_behind():
    up, front, down = meshes.sphere_uv(np.array([[0, 0, 1.0], [0, -1.0, 0], [0, 0, -1.0]]))
    assert up[1] == pytest.approx(0, abs=2e-3)
    assert down[1] == pytest.approx(1, abs=2e-3)
    np.testing.assert_allclose(front, [0.5, 0.5])


def test_turning_a_mesh_inside_out_negates_its_volume():
    vertices, faces = meshes.icosphere(1)
    inside_out = meshes.signed_volume(vertices, faces[:, ::-1])
    np.testing.assert_allclose(inside_out, -meshes.signed_volume(vertices, faces), rtol=1e-6)


def test_an_open_mesh_has_no_edge_topology():
    _, faces = meshes.icosphere(1)
    with pytest.raises(ValueError, match="3 edges"):
        meshes.edge_topology(faces[1:])
