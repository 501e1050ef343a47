"""Depth, intrinsics and textures of a real Blender against shapes whose surface is a formula."""

import dataclasses
import types

import cv2
import numpy as np
import pytest
import trimesh

from data_engine.gltf import textured
from data_engine.rendering import blender_scene, exr, raycast_worker
from data_engine.rendering.child import RenderChild, RenderLimits
from data_engine.rendering.framing import Framing
from data_engine.rendering.settings import RenderSettings
from jaxrelic.geometry import cameras

SIZE = 64
SETTINGS = RenderSettings(poses="random:4@3", size=SIZE, samples=1, framing="box")
UPRIGHT = Framing(scale=1.0, centre=(0.0, 0.0, 0.0))
TENTH_OF_A_MILLIMETRE = 1e-4
LONG_PIXELS = np.array([[60.0, 0, 30], [0, 85, 35], [0, 0, 1]])


@pytest.fixture(scope="module")
def blender(tmp_path_factory):
    """From a GLB and poses to (linear RGBA, depth) per view; one Blender per pose set."""
    pytest.importorskip("bpy", reason="bpy is not installed: pip install -e '.[engine]'")
    folder = tmp_path_factory.mktemp("geometry")
    children = {}

    def shoot(glb, pose_set):
        key = pose_set.pixel_from_cam.tobytes()
        if key not in children:
            settings = dataclasses.replace(SETTINGS, size=pose_set.size)
            children[key] = RenderChild(settings, pose_set, RenderLimits(timeout_s=60))
        (folder / "relic.glb").write_bytes(glb)
        job = {
            "uid": "relic",
            "glb": str(folder / "relic.glb"),
            "out": str(folder),
            "log": str(folder / "log.txt"),
            "world_from_gltf": UPRIGHT.world_from_gltf().tolist(),
        }
        children[key].render(job, lambda index: None)
        return [exr.read_exr(folder / f"{index}.exr") for index in range(len(pose_set))]

    yield shoot
    for child in children.values():
        child.close()


def boxes():
    """Two boxes that no mirror or turn maps to themselves, away from the origin."""
    bounds = np.array(
        [[[0.05, -0.3, -0.1], [0.35, -0.1, 0.0]], [[0.25, -0.2, 0], [0.35, -0.1, 0.3]]]
    )
    mesh = trimesh.util.concatenate([trimesh.creation.box(bounds=b) for b in bounds])
    centre, half = bounds.mean(axis=1), np.ptp(bounds, axis=1) / 2

    def distance(p):
        return np.abs((np.abs(p[:, None] - centre) - half).max(axis=-1)).min(axis=-1)

    return mesh, distance


def cube():
    mesh = trimesh.creation.box((0.5, 0.5, 0.5))
    return mesh, lambda p: np.abs(np.abs(p).max(axis=-1) - 0.25)


def ball():
    # Edges of 0.007 leave the chords 0.02 mm inside the sphere.
    mesh = trimesh.creation.icosphere(subdivisions=6, radius=0.4)
    return mesh, lambda p: np.abs(np.linalg.norm(p, axis=-1) - 0.4)


def torus():
    mesh = trimesh.creation.torus(0.3, 0.1, major_sections=360, minor_sections=120)

    def distance(p):
        from_ring = np.hypot(p[:, 0], p[:, 1]) - 0.3
        return np.abs(np.hypot(from_ring, p[:, 2]) - 0.1)

    return mesh, distance


def as_glb(mesh):
    x, y, z = mesh.vertices.T
    turned = trimesh.Trimesh(np.stack([x, z, -y], axis=-1), mesh.faces, process=False)
    return turned.export(file_type="glb")


def camera_of(pose_set, view):
    return cameras.Camera(
        cam_from_world=pose_set.cam_from_world()[view].astype(np.float32),
        pixel_from_cam=pose_set.pixel_from_cam.astype(np.float32),
    )


def back_projected(pose_set, view, depth):
    rows, columns = np.nonzero(depth)
    uv = np.stack([columns + 0.5, rows + 0.5], axis=-1).astype(np.float32)
    return np.asarray(cameras.unproject(camera_of(pose_set, view), uv, depth[rows, columns]))


@pytest.mark.blender
@pytest.mark.parametrize("intrinsics", ["square", "long"])
@pytest.mark.parametrize("shape", [cube, ball, torus, boxes])
def test_back_projected_depth_lies_on_the_surface_to_a_tenth_of_a_millimetre(
    blender, shape, intrinsics
):
    pose_set = SETTINGS.pose_set()
    if intrinsics == "long":  # fx != fy and the optical axis beside the centre
        pose_set = dataclasses.replace(pose_set, pixel_from_cam=LONG_PIXELS)
    mesh, distance = shape()
    for view, (rgba, depth) in enumerate(blender(as_glb(mesh), pose_set)):
        points = back_projected(pose_set, view, depth)
        assert len(points) > 60
        assert distance(points).max() < TENTH_OF_A_MILLIMETRE
        assert (rgba[depth > 0, 3] > 0).all()
        rounded = exr.to_millimetres(depth) / 1000
        assert np.abs(rounded - depth).max() <= 0.0005 + 1e-7


@pytest.mark.blender
@pytest.mark.parametrize("shape", [cube, boxes])
def test_the_raycast_engine_sees_what_blender_sees(blender, shape):
    mesh, _ = shape()
    pose_set = SETTINGS.pose_set().scaled(4 * SIZE)
    corners, poses_cam = mesh.vertices[mesh.faces], pose_set.cam_from_world()
    for (_, depth), cam_from_world in zip(blender(as_glb(mesh), pose_set), poses_cam, strict=True):
        rgba, ours = raycast_worker.draw(corners, cam_from_world, pose_set.pixel_from_cam, 4 * SIZE)
        both = (ours > 0) & (depth > 0)
        # Blender's first ray misses the pixel's centre by up to a thousandth of a pixel.
        assert np.mean((ours > 0) != (depth > 0)) < 1e-4
        np.testing.assert_array_equal(rgba[..., 3] > 0, ours > 0)
        np.testing.assert_allclose(ours[both], depth[both], rtol=0, atol=TENTH_OF_A_MILLIMETRE)


TEXELS = 8
"""Per side of a face of the marked box, whose texels are some 14 pixels wide."""


def marked_box(monkeypatch):
    """A box whose texels say which they are: red counts columns of the atlas, green its rows.

    Returns the GLB and, for each texel, its centre in the world, the face's normal and its code.
    """
    monkeypatch.setattr(textured, "_LINEAR", 9728)  # Nearest: a texel has one colour
    monkeypatch.setattr(textured, "_MIPMAP", 9728)
    unlit = {"KHR_materials_unlit": {}}
    material = textured._material
    monkeypatch.setattr(textured, "_material", lambda *a: {**material(*a), "extensions": unlit})
    rows, columns = np.mgrid[: 2 * TEXELS, : 3 * TEXELS]
    atlas = np.stack([np.full_like(rows, 128), 10 + 15 * rows, 10 + 10 * columns], axis=-1)
    half = np.array([0.3, 0.2, 0.25])
    vertices, normals, uvs, faces, marks = [], [], [], [], []
    for face in range(6):
        axis, sign = face % 3, 1 - 2 * (face // 3)
        normal = sign * np.eye(3)[axis]
        u_axis, v_axis = np.eye(3)[(axis + 1) % 3] * sign, np.eye(3)[(axis + 2) % 3]
        faces += (4 * face + np.array([[0, 1, 2], [0, 2, 3]])).tolist()
        for u, v in ((0, 0), (1, 0), (1, 1), (0, 1)):
            vertices.append(half * (normal + (2 * u - 1) * u_axis + (2 * v - 1) * v_axis))
            normals.append(normal)
            uvs.append([(face % 3 + u) / 3, 1 - (face // 3 + v) / 2])  # v = 1 is row 0
        for row in range(TEXELS):
            for column in range(TEXELS):
                u, v = (column + 0.5) / TEXELS, (row + 0.5) / TEXELS
                place = half * (normal + (2 * u - 1) * u_axis + (2 * v - 1) * v_axis)
                code = (TEXELS * (face // 3) + row, TEXELS * (face % 3) + column)
                marks.append((place, normal, code))
    glb = textured.write_glb(
        vertices=np.array(vertices),
        normals=np.array(normals),
        faces=np.array(faces),
        uvs=np.array(uvs),
        texture_png=cv2.imencode(".png", atlas.astype(np.uint8))[1].tobytes(),
        name="marked",
    )
    return glb, [np.array(values) for values in zip(*marks, strict=True)]


@pytest.mark.blender
def test_a_marked_point_shows_the_same_texel_in_every_view_that_sees_it(blender, monkeypatch):
    glb, (places, normals, codes) = marked_box(monkeypatch)
    pose_set = SETTINGS.pose_set().scaled(4 * SIZE)
    seen_by = np.zeros(len(places), int)
    for view, (rgba, depth) in enumerate(blender(glb, pose_set)):
        uv, z = map(np.asarray, cameras.project(camera_of(pose_set, view), np.float32(places)))
        column, row = np.floor(uv).astype(int).T
        towards = pose_set.world_from_cam[view, :3, 3] - places
        cosine = np.sum(normals * towards, axis=-1) / np.linalg.norm(towards, axis=-1)
        visible = (cosine > 0.35) & (np.abs(depth[row, column] - z) < 0.01)
        red, green, _, _ = exr.to_straight_srgb(rgba)[row, column].T.astype(float)
        decoded = np.stack([np.rint((green - 10) / 15), np.rint((red - 10) / 10)], axis=-1)
        np.testing.assert_array_equal(decoded[visible], codes[visible])
        seen_by += visible
    assert (seen_by >= 2).sum() > TEXELS**2


def test_a_28_mm_lens_on_the_default_sensor_is_refused_before_rendering():
    fx = 28 / 36 * SIZE
    matrix = np.diag([2 * fx / SIZE, 2 * fx / SIZE, -1, 0])
    camera = types.SimpleNamespace(calc_matrix_camera=lambda depsgraph, **size: matrix)
    render = types.SimpleNamespace(
        resolution_x=SIZE, resolution_y=SIZE, pixel_aspect_x=1.0, pixel_aspect_y=1.0
    )
    context = types.SimpleNamespace(
        scene=types.SimpleNamespace(render=render), evaluated_depsgraph_get=lambda: None
    )
    bpy = types.SimpleNamespace(context=context)
    matching = np.array([[fx, 0, SIZE / 2], [0, fx, SIZE / 2], [0, 0, 1]])
    blender_scene.check_projection(bpy, camera, matching, SIZE)
    with pytest.raises(RuntimeError, match=r"49\.778"):
        blender_scene.check_projection(bpy, camera, SETTINGS.pose_set().pixel_from_cam, SIZE)
