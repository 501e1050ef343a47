"""GLB files become one mesh in our frame that looks as the file meant."""

import numpy as np
import PIL.Image
import pytest
import trimesh

from jaxrelic.errors import UserError
from jaxrelic.geometry import cameras, meshes
from jaxrelic.mesh_files import glb_reader
from jaxrelic.mesh_files import glb_writer as glb
from jaxrelic.viz import pictures

RED, BLUE = (255, 0, 0), (0, 0, 255)


def look(mesh, azimuth=0.3):
    """Plain colours as a camera sees them, [32, 32, 3]."""
    pose = cameras.orbit(
        *(np.array(x, np.float32) for x in (azimuth, 0.3, 0.0)), np.float32([0, 0, 1.2])
    )
    view = cameras.Camera(cam_from_world=pose, pixel_from_cam=cameras.intrinsics(35, 32, 32))
    return pictures.draw(mesh, view, size=32, shaded=False).rgb


def ball(**colours):
    vertices, faces = meshes.icosphere(2)
    return meshes.Mesh(vertices=vertices * np.float32([0.2, 0.3, 0.4]), faces=faces, **colours)


def smooth_texture():
    row, column = np.mgrid[:16, :16] / 15
    return np.float32(np.stack([row, column, 0.5 * np.ones_like(row)], axis=-1))


def test_what_we_write_is_what_we_read(tmp_path):
    directions, faces = meshes.icosphere(2)
    face_uvs = np.float32(0.2 + 0.3 * directions[faces][..., :2])
    mesh = ball(face_uvs=face_uvs, texture=smooth_texture())
    glb.write_glb(mesh, tmp_path / "ball.glb")
    read = glb_reader.read_glb(tmp_path / "ball.glb")
    np.testing.assert_allclose(read.vertices.max(axis=0), mesh.vertices.max(axis=0), atol=1e-6)
    assert read.vertices.dtype == np.float32
    for azimuth in (0.3, 2.5):
        np.testing.assert_allclose(look(read, azimuth), look(mesh, azimuth), atol=0.02)


def test_vertex_colours_and_their_absence_survive(tmp_path):
    colours = np.random.default_rng(0).uniform(size=(162, 3)).astype(np.float32)
    for mesh in (ball(vertex_colours=colours), ball()):
        glb.write_glb(mesh, tmp_path / "ball.glb")
        read = glb_reader.read_glb(tmp_path / "ball.glb")
        np.testing.assert_allclose(look(read), look(mesh), atol=0.01)
        assert (read.vertex_colours is None) == (mesh.vertex_colours is None)


def box(centre, uvs=None, **material):
    part = trimesh.creation.box((0.2, 0.2, 0.2))
    part.apply_translation(centre)
    uvs = np.full((len(part.vertices), 2), 0.5) if uvs is None else uvs
    part.visual = trimesh.visual.TextureVisuals(
        uv=uvs, material=trimesh.visual.material.PBRMaterial(**material)
    )
    return part


def test_parts_keep_their_own_materials_and_textures_repeat(tmp_path):
    """Red above blue in one picture, addressed from far outside it; a blue box without one."""
    picture = np.array([[RED] * 4] * 2 + [[BLUE] * 4] * 2, np.uint8)
    textured = {"baseColorTexture": PIL.Image.fromarray(picture)}
    scene = trimesh.Scene(
        [
            box((0, 0.3, 0), np.tile([3.5, -6.2], (8, 1)), **textured),  # v = 0.8, upper half
            box((0, 0, 0), np.tile([-1.5, 2.2], (8, 1)), **textured),
            box((0, -0.3, 0), baseColorFactor=[0, 0, 1.0, 1.0]),
        ]
    )
    (tmp_path / "boxes.glb").write_bytes(scene.export(file_type="glb"))
    mesh = glb_reader.read_glb(tmp_path / "boxes.glb")
    column = look(mesh)[:, 16]
    seen = [tuple(pixel) for pixel in np.round(column, 2) if pixel.sum() < 2.9]
    red, blue = (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)
    # glTF's y is up: the first box is the highest.
    inner = [colour for colour in seen if colour in (red, blue)]
    assert inner[0] == red
    assert inner[-1] == blue
    assert 3 < inner.count(red) < inner.count(blue)
    height = mesh.vertices[:, 2]
    np.testing.assert_allclose([height.min(), height.max()], [-0.4, 0.4], atol=1e-6)


def test_a_file_that_is_no_surface_is_refused_by_name(tmp_path):
    (tmp_path / "broken.glb").write_bytes(b"glTF nonsense")
    with pytest.raises(UserError, match=r"broken.glb cannot be read as GLB"):
        glb_reader.read_glb(tmp_path / "broken.glb")
    with pytest.raises(UserError, match=r"relic.obj is no .glb file"):
        glb_reader.read_glb(tmp_path / "relic.obj")
    points = trimesh.Scene([trimesh.PointCloud([[0, 0, 0], [1, 1, 1.0]])])
    (tmp_path / "points.glb").write_bytes(points.export(file_type="glb"))
    with pytest.raises(UserError, match=r"points.glb has no triangles"):
        glb_reader.read_glb(tmp_path / "points.glb")
