"""GLB, PLY and OBJ say the same: y up, front ahead, and the same colours."""

import numpy as np
import pytest
import trimesh

from jaxrelic.errors import UserError
from jaxrelic.geometry import cameras, meshes
from jaxrelic.mesh_files import formats

RNG = np.random.default_rng(0)


def tetrahedron():
    """Vertices on the front (-y), right (x), top (z) and at the origin."""
    return meshes.Mesh(
        vertices=np.float32([[0, -0.2, 0], [0.3, 0, 0], [0, 0, 0.4], [0, 0, 0]]),
        faces=np.int32([[0, 1, 2], [1, 0, 3], [2, 1, 3], [0, 2, 3]]),
        vertex_colours=np.float32([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.2, 0.4, 0.6]]),
    )


def textured():
    """One quarter of the picture for each face."""
    quarters = np.float32([[[0.9, 0.1, 0.1], [0.1, 0.9, 0.1]], [[0.1, 0.1, 0.9], [0.5, 0.6, 0.7]]])
    low = np.float32([[0.05, 0.55], [0.55, 0.55], [0.05, 0.05], [0.55, 0.05]])
    corners = np.float32([[0, 0], [0.4, 0], [0, 0.4]])
    return tetrahedron().replace(
        vertex_colours=None,
        texture=np.kron(quarters, np.ones((8, 8, 1), np.float32)),
        face_uvs=low[:, None] + corners[None],
    )


def read(path):
    return trimesh.load(path, force="mesh", process=False)


@pytest.mark.parametrize("suffix", formats.SUFFIXES)
def test_up_right_and_front_are_those_of_gltf(tmp_path, suffix):
    formats.write(tetrahedron(), tmp_path / f"relic{suffix}")
    vertices = read(tmp_path / f"relic{suffix}").vertices
    expected = [[0, 0, 0.2], [0.3, 0, 0], [0, 0.4, 0], [0, 0, 0]]
    np.testing.assert_allclose(vertices, expected, atol=1e-6)


@pytest.mark.parametrize("suffix", formats.SUFFIXES)
def test_vertex_colours_and_outward_faces_survive(tmp_path, suffix):
    mesh = tetrahedron()
    formats.write(mesh, tmp_path / f"relic{suffix}")
    loaded = read(tmp_path / f"relic{suffix}")
    np.testing.assert_array_equal(loaded.faces, mesh.faces)
    colours = loaded.visual.vertex_colors[:, :3] / 255
    np.testing.assert_allclose(colours, mesh.vertex_colours, atol=0.003)
    assert loaded.is_watertight
    assert loaded.volume == pytest.approx(0.2 * 0.3 * 0.4 / 6, rel=1e-5)


@pytest.mark.parametrize("suffix", [".glb", ".obj"])
def test_faces_find_their_part_of_the_picture(tmp_path, suffix):
    mesh = textured()
    formats.write(mesh, tmp_path / f"my relic{suffix}")
    loaded = read(tmp_path / f"my relic{suffix}")
    material = loaded.visual.material
    picture = getattr(material, "baseColorTexture", None) or material.image
    picture = np.asarray(picture.convert("RGB")) / 255
    middle = loaded.visual.uv[loaded.faces].mean(axis=1)
    column, row = (middle[:, 0], 1 - middle[:, 1]) * np.array(picture.shape[1::-1])[:, None]
    found = picture[row.astype(int), column.astype(int)]
    expected = np.asarray(mesh.texture)[[4, 4, 12, 12], [4, 12, 4, 12]]
    np.testing.assert_allclose(found, expected, atol=0.01)


def test_an_obj_finds_its_material_and_picture_by_relative_names(tmp_path):
    formats.write(textured(), tmp_path / "relic.obj")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "relic.mtl",
        "relic.obj",
        "relic.png",
    ]
    assert "mtllib relic.mtl" in (tmp_path / "relic.obj").read_text()
    assert "map_Kd relic.png" in (tmp_path / "relic.mtl").read_text()


def test_ply_takes_the_colours_of_the_texture(tmp_path):
    mesh = textured().replace(texture=np.full((8, 8, 3), 0.4, np.float32))
    formats.write(mesh, tmp_path / "relic.ply")
    loaded = read(tmp_path / "relic.ply")
    assert len(loaded.vertices) == 4
    np.testing.assert_allclose(loaded.visual.vertex_colors[:, :3] / 255, 0.4, atol=0.003)


@pytest.mark.parametrize("name", ["relic.stl", "relic", "relic.glb.txt"])
def test_an_unknown_suffix_names_the_three_that_are_known(tmp_path, name):
    with pytest.raises(UserError, match=r"\.glb, \.ply, \.obj"):
        formats.write(tetrahedron(), tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", formats.SUFFIXES)
def test_a_mesh_that_is_no_surface_leaves_no_file(tmp_path, suffix):
    broken = tetrahedron().replace(vertices=np.full((4, 3), np.nan, np.float32))
    with pytest.raises(UserError, match="not finite"):
        formats.write(broken, tmp_path / f"relic{suffix}")
    assert not list(tmp_path.iterdir())


def orbit(azimuth_deg, elevation_deg):
    return cameras.Camera(
        cam_from_world=np.asarray(
            cameras.orbit(
                *np.deg2rad(np.float32([[azimuth_deg], [elevation_deg]])),
                np.float32([0.1]),
                np.float32([[0, 0, 1.2]]),
            )
        )[0],
        pixel_from_cam=cameras.intrinsics(280, 256, 256),
    )


@pytest.mark.parametrize(("azimuth", "elevation"), [(0, 0), (37, 30), (200, -60), (-90, 5)])
def test_what_the_camera_sees_first_comes_to_the_front(azimuth, elevation):
    camera = orbit(azimuth, elevation)
    turn = formats.front_from_world(camera)
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-6)
    assert np.linalg.det(turn) == pytest.approx(1)
    np.testing.assert_allclose(turn[2], [0, 0, 1], atol=1e-6)
    pose = np.asarray(camera.cam_from_world, np.float64)
    centre = turn @ (-pose[:3, :3].T @ pose[:3, 3])
    expected = 1.2 * np.array([0, -np.cos(np.deg2rad(elevation)), np.sin(np.deg2rad(elevation))])
    np.testing.assert_allclose(centre, expected, atol=1e-5)


@pytest.mark.parametrize("elevation", [89.9, -89.9])
def test_a_camera_overhead_stands_where_it_would_if_it_came_down(elevation):
    camera = orbit(50, elevation)
    upright = formats.front_from_world(orbit(50, 0))
    turn = formats.front_from_world(camera)
    # The roll of 0.1 is all that remains.
    assert np.trace(upright.T @ turn) == pytest.approx(1 + 2 * np.cos(0.1), abs=1e-3)


def test_turning_moves_the_vertices_alone():
    mesh = tetrahedron()
    turned = formats.facing_front(mesh, orbit(0, 20))
    # The camera on x comes to -y, so x goes to -y and y to x.
    np.testing.assert_allclose(turned.vertices[:2], [[-0.2, 0, 0], [0, -0.3, 0]], atol=1e-6)
    np.testing.assert_array_equal(turned.vertex_colours, mesh.vertex_colours)
