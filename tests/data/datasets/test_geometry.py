"""Where images, cameras and true surfaces of an archive agree, its conventions were understood."""

import json

import cv2
import numpy as np
import pytest
from places import SHARED_DATA

from jaxrelic.data.archives import pascal3d, pix3d, shapenet_dvr
from jaxrelic.data.archives.layouts import LAYOUTS, open_archive
from jaxrelic.data.archives.mesh_files import read_mesh
from jaxrelic.data.fixtures import pascal3d as pascal3d_fixture
from jaxrelic.geometry import z_buffer

GENUINE = SHARED_DATA / "eval" / "pix3d"
POSED = ("shapenet-dvr", "shapenet-softras", "pix3d", "pix3d-processed", "pascal3d")


def entries(archive):
    return [e for s in archive.splits for c in archive.categories for e in archive.entries(s, c)]


def pixels(points, shot):
    """Column and row of each point in the shot."""
    cam = points @ shot.cam_from_world[:3, :3].T + shot.cam_from_world[:3, 3]
    assert (cam[:, 2] > 0).all()
    uv = cam @ shot.pixel_from_cam.T
    return np.floor(uv[:, :2] / uv[:, 2:]).astype(int).T


def true_points(archive, entry):
    if archive.layout == "shapenet-softras":
        return (np.argwhere(archive.voxels(entry)) + 0.5) / 32 - 0.5
    return archive.surface(entry, 2000).points


@pytest.mark.parametrize("layout", POSED)
def test_true_surfaces_fill_the_masks_and_nothing_else(fixture_archive, layout):
    archive = open_archive(fixture_archive(layout))
    posed = 0
    for entry in entries(archive)[::5]:
        shot = archive.read(entry)
        if shot.cam_from_world is None:
            continue
        posed += 1
        columns, rows = pixels(true_points(archive, entry), shot)
        assert min(columns.min(), rows.min()) >= 0
        assert max(columns.max(), rows.max()) < 64
        # A point on the rim may lie in a pixel whose centre misses the object, and legs are thin.
        wide = cv2.dilate(shot.mask, np.ones((3, 3)))
        assert (wide[rows, columns] > 0).mean() > 0.985, entry.image_id
        drawn = np.zeros((64, 64), np.uint8)
        drawn[rows, columns] = 1
        near = cv2.dilate(drawn, np.ones((5, 5)))
        assert near[shot.mask > 127].mean() > 0.99, entry.image_id
    assert posed > 3


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_a_shot_is_over_white_and_its_object_has_the_margin_of_the_crop(fixture_archive, layout):
    archive = open_archive(fixture_archive(layout))
    for entry in entries(archive)[::9]:
        shot = archive.read(entry)
        assert shot.image.shape == (64, 64, 3)
        assert shot.mask.shape == (64, 64)
        assert (shot.image[shot.mask == 0] == 255).all()
        if not layout.startswith("shapenet"):
            rows, columns = np.nonzero(shot.mask > 127)
            longest = max(np.ptp(rows), np.ptp(columns)) + 1
            assert abs(longest - 64 / 1.2) <= 2.5


def test_normals_point_out_of_the_object(fixture_archive):
    for layout in ("shapenet-dvr", "pix3d", "pascal3d"):
        archive = open_archive(fixture_archive(layout))
        boxes = [c for c in archive.categories if c in ("airplane", "bed", "aeroplane")]
        surface = archive.surface(archive.entries("train", boxes[0])[0], 500)
        np.testing.assert_allclose(np.linalg.norm(surface.normals, axis=-1), 1, atol=1e-5)
        # A box around the origin: its normals look away from it.
        assert (np.sum(surface.points * surface.normals, axis=-1) > 0).all(), layout


def test_a_genuine_pix3d_record_is_filled_by_its_model():
    if not GENUINE.exists():
        pytest.skip("no ../shared/data/eval/pix3d here")
    record = json.loads((GENUINE / "pix3d.json").read_text())[0]
    vertices, faces = read_mesh(GENUINE / record["model"])
    vertices = vertices @ pix3d.WORLD_FROM_YUP.T
    camera = pix3d.cam_from_world(record)
    cam = vertices @ camera[:3, :3].T + camera[:3, 3]
    uv = cam @ pix3d.pixel_from_cam(record).T
    # An odd reduction, so that the centre of a block is that of a pixel.
    width, height = (side // 5 for side in record["img_size"])
    uv = uv[:, :2] / uv[:, 2:] / 5
    drawn = z_buffer.rasterize(uv, cam[:, 2], faces, height=height, width=width).mask
    mask = cv2.imread(str(GENUINE / record["mask"]), cv2.IMREAD_GRAYSCALE) > 127
    mask = mask[2::5, 2::5][:height, :width]
    assert (drawn & mask).sum() / (drawn | mask).sum() > 0.999


def test_a_genuine_pix3d_record_is_cut_out_with_its_camera():
    if not GENUINE.exists():
        pytest.skip("no ../shared/data/eval/pix3d here")
    archive = open_archive(GENUINE)
    (entry,) = entries(archive)
    shot, surface = archive.read(entry), archive.surface(entry, 5000)
    columns, rows = pixels(surface.points, shot)
    assert (cv2.dilate(shot.mask, np.ones((3, 3)))[rows, columns] > 0).all()
    # The bed stands upright in our world: it is longer and wider than high, and z is up.
    assert np.ptp(surface.points, axis=0).argmin() == 2


def test_the_camera_of_dvr_is_that_of_the_specification():
    """Specification msrn G.1: R = Ar Q^T Ac, t = q, points times Ap; x left, y up."""
    rng = np.random.default_rng(0)
    q_rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    q_rotation *= np.linalg.det(q_rotation)
    world_mat = np.eye(4)
    world_mat[:3, :3], world_mat[:3, 3] = q_rotation, [0, 0, 2.732]
    a_r = np.array([[0, 0, -1], [0, 1, 0], [1, 0, 0]])
    a_c = np.diag([-1, -1, 1])
    a_p = np.array([[0, 0, 1], [0, 1, 0], [-1, 0, 0]])
    points = rng.normal(size=(5, 3))
    theirs = points @ a_p @ (a_r @ q_rotation.T @ a_c) + world_mat[:3, 3]
    ours = shapenet_dvr.cam_from_world_from_dvr(world_mat)
    z_up = points @ shapenet_dvr.WORLD_FROM_YUP.T
    np.testing.assert_allclose(
        z_up @ ours[:3, :3].T + ours[:3, 3], theirs * [-1, -1, 1], atol=1e-12
    )


def test_views_of_softras_show_one_solid_from_all_sides(fixture_archive):
    """Every voxel that all 24 masks cover belongs to the visual hull, which holds the truth."""
    archive = open_archive(fixture_archive("shapenet-softras"))
    views = archive.entries("train", "airplane")[:24]
    grid = (
        np.stack(np.meshgrid(*[np.arange(32)] * 3, indexing="ij"), -1).reshape(-1, 3) + 0.5
    ) / 32
    hull = np.ones(len(grid), bool)
    for entry in views:
        shot = archive.read(entry)
        columns, rows = pixels(grid - 0.5, shot)
        hull &= shot.mask[rows.clip(0, 63), columns.clip(0, 63)] > 0
    truth = archive.voxels(views[0]).ravel()
    assert (hull & truth).sum() > 0.93 * truth.sum()
    assert truth.sum() > 0.6 * hull.sum()


def test_a_pascal_camera_projects_as_the_release_does():
    viewpoint = {
        "azimuth": 200.0,
        "elevation": 17.0,
        "distance": 6.0,
        "theta": -9.0,
        "focal": 1.0,
        "viewport": 3000.0,
        "px": 321.0,
        "py": 123.0,
    }
    points = np.random.default_rng(0).uniform(-0.5, 0.5, (20, 3))
    uv, depth = pascal3d_fixture.project_release(points, viewpoint)
    struct = type("Struct", (), viewpoint)
    cam_from_world, pixel_from_cam = pascal3d.camera(struct)
    np.testing.assert_allclose(
        cam_from_world[:3, :3] @ cam_from_world[:3, :3].T, np.eye(3), atol=1e-9
    )
    cam = points @ cam_from_world[:3, :3].T + cam_from_world[:3, 3]
    np.testing.assert_allclose(cam[:, 2], depth, rtol=1e-9)
    ours = cam @ pixel_from_cam.T
    np.testing.assert_allclose(ours[:, :2] / ours[:, 2:], uv, rtol=1e-9)


def test_pascal_knows_no_camera_from_coarse_angles_or_without_a_viewpoint(fixture_archive):
    archive = open_archive(fixture_archive("pascal3d"))
    by_number = {}
    for entry in archive.entries("train", "car"):
        if "imagenet" in entry.image_id:
            number = int(entry.image_id.split("/")[1][-1])
            by_number[number] = archive.read(entry).cam_from_world is not None
    assert by_number == {0: True, 1: True, 2: True, 3: False, 4: False, 5: True}
