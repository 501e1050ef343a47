"""Closing two layers: volume, closedness, holes, placement and colours."""

import numpy as np
import pytest
import trimesh

from jaxrelic.geometry.relief.relief_mesh import CropCamera, close_layers, signed_distance

SIZE = 96


def grid(size=SIZE):
    """x to the right and y down of pixel centres, crop widths from the middle."""
    axis = (np.arange(size) + 0.5) / size - 0.5
    return np.meshgrid(axis, axis)


def far_camera(distance=200.0):
    """Looks along world z from afar; one crop width is one world unit at the origin."""
    return CropCamera(
        focal=distance,
        centre=np.array([0.5, 0.5]),
        depth_centre=distance,
        cam_from_world=np.array([[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, distance], [0, 0, 0, 1]]),
    )


def ball(radius=0.4):
    """Layers, mask and a picture of a ball."""
    x, y = grid()
    half = np.sqrt(np.maximum(radius**2 - x**2 - y**2, 0)).astype(np.float32)
    photo = np.stack([x + 0.5, y + 0.5, 0 * x], axis=-1).astype(np.float32)
    return -half, 2 * half, half > 0, photo


def as_trimesh(relief):
    return trimesh.Trimesh(relief.vertices, relief.faces, process=False)


def test_a_ball_seen_from_afar_has_its_volume_and_is_closed():
    mesh = as_trimesh(close_layers(*ball(), far_camera()))
    assert mesh.is_watertight
    assert mesh.is_winding_consistent
    assert mesh.volume == pytest.approx(4 / 3 * np.pi * 0.4**3, rel=0.03)
    np.testing.assert_allclose(mesh.center_mass, 0, atol=0.005)


def test_layers_coarser_than_the_mask_give_the_same_outline():
    front, thickness, mask, photo = ball()
    coarse = close_layers(front[1::3, 1::3], thickness[1::3, 1::3], mask, photo, far_camera())
    np.testing.assert_allclose(np.ptp(coarse.vertices[:, :2], axis=0), 0.8, atol=0.02)


def test_a_hole_in_the_mask_is_a_hole_in_the_mesh():
    x, y = grid()
    radius = np.hypot(x, y)
    mask = (radius < 0.42) & (radius > 0.15)
    half = np.full(mask.shape, 0.1, np.float32)
    photo = np.zeros((*mask.shape, 3), np.float32)
    mesh = as_trimesh(close_layers(-half, 2 * half, mask, photo, far_camera()))
    assert mesh.is_watertight
    assert mesh.euler_number == 0


def test_a_near_camera_widens_what_lies_behind():
    x, _ = grid()
    mask = np.abs(x) < 0.3
    mask &= mask.T
    half = np.full(mask.shape, 0.25, np.float32)
    camera = CropCamera(
        focal=2.0,
        centre=np.array([0.5, 0.5]),
        depth_centre=2.0,
        cam_from_world=np.array([[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 2], [0, 0, 0, 1]]),
    )
    photo = np.zeros((*mask.shape, 3), np.float32)
    vertices = close_layers(-half, 2 * half, mask, photo, camera).vertices
    near, behind = vertices[vertices[:, 2] < -0.2], vertices[vertices[:, 2] > 0.2]
    ratio = np.abs(behind[:, 0]).max() / np.abs(near[:, 0]).max()
    assert ratio == pytest.approx(2.25 / 1.75, rel=0.05)


def test_every_vertex_projects_to_where_its_colour_was_seen():
    relief = close_layers(*ball(), far_camera(4.0))
    points = relief.vertices + np.array([0, 0, 4.0])
    uv = 4.0 * points[:, :2] / points[:, 2:] + 0.5
    np.testing.assert_allclose(uv, relief.uv, atol=1e-6)
    # The picture's red and green are its coordinates; the rim is continued from one pixel inside.
    np.testing.assert_allclose(relief.colours[:, :2], uv, atol=0.04)


def test_a_photograph_from_the_side_places_the_relief_in_the_world():
    turned = np.array([[0.0, 1, 0, 0], [0, 0, -1, 0], [-1, 0, 0, 200], [0, 0, 0, 1]])
    camera = CropCamera(
        focal=200.0, centre=np.array([0.5, 0.5]), depth_centre=200.0, cam_from_world=turned
    )
    front, thickness, mask, photo = ball()
    vertices = close_layers(front + 0.1, thickness, mask, photo, camera).vertices
    # Deeper is towards -x for a camera on the +x axis.
    np.testing.assert_allclose(vertices.mean(axis=0), [-0.1, 0, 0], atol=0.01)


def test_an_empty_mask_is_refused():
    front, thickness, mask, photo = ball()
    with pytest.raises(ValueError, match="mask is empty"):
        close_layers(front, thickness, mask & False, photo, far_camera())


def test_distance_is_that_to_a_circle():
    axis = (np.arange(64) + 0.5) / 64 - 0.5
    radius = np.hypot(*np.meshgrid(axis, axis))
    found = signed_distance(radius < 0.3)
    np.testing.assert_allclose(found, 0.3 - radius, atol=1.2 / 64)
