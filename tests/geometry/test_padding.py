"""Meshes that were filled up are what they were."""

import jax
import numpy as np

from jaxrelic.geometry import cameras, meshes, padding, sampling
from jaxrelic.viz import pictures


def blob():
    vertices, faces = meshes.icosphere(2)
    stretched = np.float32([0.2, 0.3, 0.1]) * vertices + np.float32([0.1, 0, 0.05])
    return meshes.Mesh(vertices=stretched, faces=faces, vertex_colours=np.abs(vertices))


def test_a_filled_up_mesh_has_round_numbers_and_the_same_box_area_and_normals():
    mesh = blob()
    more = padding.fill_up(mesh)
    assert (len(more.vertices), len(more.faces)) == (1024, 1024)
    count = len(mesh.vertices)
    np.testing.assert_array_equal(more.vertices[:count], mesh.vertices)
    np.testing.assert_array_equal(more.vertices.max(axis=0), mesh.vertices.max(axis=0))
    np.testing.assert_array_equal(more.vertices.min(axis=0), mesh.vertices.min(axis=0))
    areas = [meshes.surface_area(each.vertices, each.faces) for each in (mesh, more)]
    np.testing.assert_allclose(areas[0], areas[1], rtol=1e-6)
    normals = [meshes.vertex_normals(each.vertices, each.faces) for each in (mesh, more)]
    np.testing.assert_allclose(normals[0], normals[1][:count], atol=1e-6)


def test_it_is_drawn_and_sampled_the_same():
    pose = cameras.orbit(*np.float32([[0.5], [0.3], [0.0]]), np.float32([[0, 0, 1.2]]))[0]
    camera = cameras.Camera(np.asarray(pose), cameras.intrinsics(35, 32, 32))
    drawn = [pictures.draw(each, camera, size=32) for each in (blob(), padding.fill_up(blob()))]
    np.testing.assert_allclose(drawn[0].rgb, drawn[1].rgb, atol=1e-6)
    assert drawn[0].mask.mean() > 0.05
    points = [
        sampling.sample_surface(jax.random.key(0), each.vertices, each.faces, 100)[0]
        for each in (blob(), padding.fill_up(blob()))
    ]
    np.testing.assert_allclose(points[0], points[1], atol=1e-5)


def test_texture_coordinates_stay_with_their_faces():
    mesh = blob()
    uvs = np.float32(np.random.default_rng(0).random((len(mesh.faces), 3, 2)))
    more = padding.fill_up(mesh.replace(face_uvs=uvs, texture=np.ones((2, 2, 3), np.float32)))
    np.testing.assert_array_equal(more.face_uvs[: len(uvs)], uvs)
    assert len(more.face_uvs) == len(more.faces)
    assert more.texture.shape == (2, 2, 3)
