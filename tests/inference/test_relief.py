"""A photograph without a network: its own front, a closed mesh, and what the photographer says."""

import dataclasses

import numpy as np
import pytest
import trimesh

from jaxrelic.errors import UserError
from jaxrelic.geometry import cameras
from jaxrelic.inference import overlay, relief
from jaxrelic.inference.relief import ReliefSettings
from jaxrelic.photos.photo import Photo
from jaxrelic.viz import pictures


def photograph(inside, colours=None):
    """A photograph [240, 320] of the pixels for which `inside(x, y)` holds, at its middle."""
    y, x = np.mgrid[:240, :320] + 0.5
    mask = np.float32(inside(x - 160, y - 120))
    rgb = np.full((240, 320, 3), 0.2, np.float32) if colours is None else colours(x - 160, y - 120)
    return Photo(rgb=np.float32(rgb), mask=mask, mask_source="file")


def disc(x, y):
    return x**2 + y**2 < 80**2


def two_colours(x, y):
    return np.where((x < 0)[..., None], [0.8, 0.1, 0.1], [0.1, 0.2, 0.8])


def test_the_mesh_is_closed_about_the_origin_and_as_long_as_promised():
    mesh = relief.reconstruct(photograph(lambda x, y: (x / 90) ** 2 + (y / 40) ** 2 < 1)).mesh
    low, high = mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)
    np.testing.assert_allclose(low + high, 0, atol=1e-5)
    np.testing.assert_allclose((high - low).max(), relief.LONGEST_SIDE, atol=1e-5)
    assert np.argmax(high - low) == 0  # A wide thing photographed from the front is wide in x.
    assert trimesh.Trimesh(mesh.vertices, mesh.faces).is_volume


def test_its_camera_sees_the_photograph_again():
    result = relief.reconstruct(photograph(disc, two_colours))
    drawn = pictures.draw(result.mesh, result.camera, size=relief.IMAGE_PX, shaded=False)
    both = (drawn.mask > 0.5) & (result.mask > 0.5)
    assert both.sum() / ((drawn.mask > 0.5) | (result.mask > 0.5)).sum() > 0.97
    error = np.abs(drawn.rgb - result.image)[both]
    assert np.mean(error) < 0.02


def iou(a, b):
    return np.sum(a & b) / np.sum(a | b)


@pytest.mark.parametrize("place", [(0, 0), (-70, 30)])
def test_the_mesh_lies_over_the_photograph(place):
    photo = photograph(lambda x, y: disc((x - place[0]) * 1.5, y - place[1]), two_colours)
    result = relief.reconstruct(photo)
    drawn = pictures.draw(result.mesh, result.camera_of_photograph, size=320, shaded=False)
    assert iou(drawn.mask[:240] > 0.5, photo.mask > 0.5) > 0.97
    # The network's input is the same place of the photograph.
    corner = np.linalg.inv(result.image_from_photo) @ [0, 0, 1]
    assert -20 < corner[0] - (160 + place[0] - 80) < 20


def test_the_overlay_shows_where_the_mesh_is():
    result = relief.reconstruct(photograph(disc, two_colours))
    picture = overlay.draw(result)
    assert picture.shape == (240, 320, 3)
    np.testing.assert_allclose(picture[5, 5], [0.8, 0.1, 0.1], atol=0.01)
    outlined = (np.abs(picture - overlay.OUTLINES["mesh"]) < 0.01).all(axis=-1)
    rows, columns = np.nonzero(outlined)
    away = np.hypot(columns - 160, rows - 120)
    assert 75 < away.min() < away.max() < 85
    assert overlay.agreement(result) > 0.97
    large = dataclasses.replace(result.photo, rgb=np.zeros((1500, 2000, 3), np.float32))
    large = dataclasses.replace(large, mask=np.zeros((1500, 2000), np.float32))
    assert overlay.draw(dataclasses.replace(result, photo=large)).shape == (768, 1024, 3)


def test_the_back_is_the_mirror_image_of_the_front():
    result = relief.reconstruct(photograph(disc, two_colours))
    behind = np.float32(result.camera.cam_from_world) @ np.diag(np.float32([-1, -1, 1, 1]))
    camera = cameras.Camera(behind, result.camera.pixel_from_cam)
    drawn = pictures.draw(result.mesh, camera, size=relief.IMAGE_PX, shaded=False).rgb
    left, right = drawn[128, 80], drawn[128, 176]
    np.testing.assert_allclose(left, [0.1, 0.2, 0.8], atol=0.05)
    np.testing.assert_allclose(right, [0.8, 0.1, 0.1], atol=0.05)


def test_a_vessel_said_to_be_turned_is_as_deep_as_it_is_wide():
    outline = photograph(lambda x, y: (np.abs(x) < 60) & (np.abs(y) < 80))

    def depth_over_width(symmetry):
        mesh = relief.reconstruct(outline, ReliefSettings(symmetry=symmetry)).mesh
        width, depth, _ = np.ptp(np.asarray(mesh.vertices), axis=0)
        return depth / width

    # Perspective shows less than the whole diameter of a cylinder.
    assert depth_over_width("revolution") == pytest.approx(1, abs=0.06)
    assert depth_over_width("none") < 0.9


def test_a_handle_of_a_turned_vessel_stays_thin():
    def jug(x, y):
        ring = (np.hypot(x - 55, y) < 40) & (np.hypot(x - 55, y) > 28)
        return ((np.abs(x) < 50) & (np.abs(y) < 90)) | (ring & (x > 0))

    mesh = relief.reconstruct(photograph(jug), ReliefSettings(symmetry="revolution")).mesh
    vertices = np.asarray(mesh.vertices)
    width = np.ptp(vertices[:, 0])
    handle = vertices[:, 0] > vertices[:, 0].max() - 0.12 * width
    assert np.ptp(vertices[handle, 1]) < 0.25 * np.ptp(vertices[:, 1])


@pytest.mark.parametrize("elevation_deg", [25.0, -20.0])
def test_an_upright_post_seen_from_above_stands_upright(elevation_deg):
    """The middle line of a thin post, photographed from above or below, is parallel to world z."""
    post = photograph(lambda x, y: (np.abs(x) < 12) & (np.abs(y) < 100))
    mesh = relief.reconstruct(post, ReliefSettings(elevation_deg=elevation_deg)).mesh
    vertices = np.asarray(mesh.vertices)
    top, foot = (
        vertices[part].mean(axis=0) for part in (vertices[:, 2] > 0.3, vertices[:, 2] < -0.3)
    )
    lean = np.rad2deg(np.arctan2(np.linalg.norm((top - foot)[:2]), (top - foot)[2]))
    assert lean < 4
    leaning = np.asarray(relief.reconstruct(post).mesh.vertices)
    assert np.ptp(leaning[:, 1]) < 0.2  # Without the angle it stands across the view.


def test_an_elevation_that_says_nothing_is_refused():
    with pytest.raises(UserError, match=r"elevation 75\.0 is not in -60 to 60 degrees"):
        ReliefSettings(elevation_deg=75.0)
