"""The GLB is what the network meant: y-up, textured, watertight after merging."""

import io

import numpy as np
import pytest
import trimesh

from jaxrelic.errors import UserError
from jaxrelic.geometry import meshes
from jaxrelic.mesh_files import glb_writer as glb
from jaxrelic.models.msrn.template import ellipsoid
from jaxrelic.rendering.soft.texture import sample_texture

RNG = np.random.default_rng(0)


def textured(size=(0.2, 0.3, 0.4)):
    template = ellipsoid(2, size, True)
    return meshes.Mesh(
        vertices=template.vertices,
        faces=template.faces,
        face_uvs=template.face_uvs,
        texture=RNG.uniform(size=(16, 16, 3)).astype(np.float32),
    )


@pytest.fixture
def loaded(tmp_path):
    mesh = textured()
    glb.write_glb(mesh, tmp_path / "relic.glb")
    return mesh, trimesh.load(tmp_path / "relic.glb", force="mesh", process=False)


def test_world_up_becomes_gltf_up(loaded):
    _, read = loaded
    # World sides (0.4, 0.6, 0.8) along x, y and z are x, -z and y of glTF.
    np.testing.assert_allclose(read.extents, [0.4, 0.8, 0.6], atol=0.01)
    world = read.vertices @ glb.GLTF_FROM_WORLD
    np.testing.assert_allclose(world[:, 2].max(), 0.4, atol=1e-6)


def test_the_surface_is_one_watertight_piece_once_seams_are_merged(loaded):
    mesh, read = loaded
    assert len(read.vertices) > len(mesh.vertices)  # The seam is there.
    read.merge_vertices(merge_tex=True, merge_norm=True)
    assert len(read.vertices) == len(mesh.vertices)
    assert read.is_watertight
    assert read.body_count == 1
    expected = float(meshes.signed_volume(mesh.vertices, mesh.faces))
    assert read.volume == pytest.approx(expected, rel=1e-4)


def test_viewers_see_the_colours_that_training_saw(loaded):
    mesh, read = loaded
    image = np.asarray(read.visual.material.baseColorTexture.convert("RGB"), np.float64) / 255
    assert min(image.shape[:2]) >= glb.MIN_TEXTURE_PX
    corners = mesh.faces.reshape(-1)
    ours = np.asarray(sample_texture(mesh.texture, mesh.face_uvs.reshape(-1, 2)))
    # trimesh keeps v upwards; a viewer looks texels up by area, centres at half-integers.
    uv = read.visual.uv[read.faces.reshape(-1)]
    size = image.shape[0]
    column, row = uv[:, 0] * size - 0.5, (1 - uv[:, 1]) * size - 0.5
    nearest = np.clip(np.round([row, column]), 0, size - 1).astype(int)
    theirs = image[nearest[0], nearest[1]]
    assert len(corners) == len(theirs)
    assert np.abs(theirs - ours).mean() < 0.02


def test_texture_coordinates_stay_inside_the_picture(loaded):
    _, read = loaded
    assert read.visual.uv.min() >= 0
    assert read.visual.uv.max() <= 1


def test_normals_are_smooth_across_the_seam():
    written = glb.to_trimesh(textured())
    data = written.export(file_type="glb", include_normals=True)
    # Loading as a scene keeps the file's own normals.
    scene = trimesh.load(io.BytesIO(data), file_type="glb", process=False)
    (read,) = scene.geometry.values()
    by_place = {}
    for position, normal in zip(read.vertices.round(6), read.vertex_normals, strict=True):
        by_place.setdefault(tuple(position), []).append(normal)
    copies = [np.array(n) for n in by_place.values() if len(n) > 1]
    assert copies
    assert max(np.ptp(n, axis=0).max() for n in copies) < 1e-5


def test_a_mesh_without_texture_keeps_its_vertex_colours(tmp_path):
    vertices, faces = meshes.icosphere(1)
    colours = RNG.uniform(size=vertices.shape)
    glb.write_glb(
        meshes.Mesh(vertices=vertices, faces=faces, vertex_colours=colours), tmp_path / "c.glb"
    )
    read = trimesh.load(tmp_path / "c.glb", force="mesh", process=False)
    np.testing.assert_allclose(read.visual.vertex_colors[:, :3] / 255, colours, atol=0.003)


@pytest.mark.parametrize(("factor", "words"), [(np.nan, "not finite"), (0.0, "shrunk")])
def test_broken_meshes_are_never_written(tmp_path, factor, words):
    mesh = textured()
    broken = mesh.replace(vertices=mesh.vertices * np.float32(factor))
    with pytest.raises(UserError, match=words):
        glb.write_glb(broken, tmp_path / "x.glb")
    assert not list(tmp_path.iterdir())


def test_an_unwritable_place_is_named_and_left_clean(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"x\.glb"):
        glb.write_glb(textured(), tmp_path / "file" / "x.glb")
