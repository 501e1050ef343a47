"""Where a shape lies in the world, when a network knows it only from the camera's side.

Supervision `latent` tells a network nothing about the world's axes, so the frame of its shapes is
its own, and may be turned about the vertical or worse. What it does say is how a camera sees the
shape; the true camera then carries it into the world (specification msrn F.2, step 1).
"""

import numpy as np

from jaxrelic.geometry import cameras
from jaxrelic.geometry.registration import alignment

_OPPOSITE = -1 + 1e-9
"""Cosine below which two directions leave the axis of the turn between them open."""


def world_from_prediction(
    predicted: cameras.Camera,
    true: cameras.Camera,
    centre: np.ndarray,
    *,
    correct_lens: bool = True,
) -> np.ndarray:
    """Moves a shape so that the true camera sees what the predicted one saw, [4, 4].

    Args:
        predicted: From the shape's own frame to the pixels of the input.
        true: From the world to the same pixels.
        centre: Centre of the shape in its own frame, [3].
        correct_lens: Corrects for the crop. The published formula,
            `true.cam_from_world^-1 predicted.cam_from_world`, takes both cameras to
            have one lens. An input that was cropped around its object has not: the shape is also
            turned to lie behind the same pixel, and scaled to cover as many of them, at the same
            depth. With equal lenses this changes nothing.
    """
    cam_from_prediction = np.asarray(predicted.cam_from_world, np.float64)
    if correct_lens:
        cam_from_prediction = _between_lenses(predicted, true, centre) @ cam_from_prediction
    return np.linalg.inv(np.asarray(true.cam_from_world, np.float64)) @ cam_from_prediction


def _between_lenses(
    predicted: cameras.Camera, true: cameras.Camera, centre: np.ndarray
) -> np.ndarray:
    """Transform from the camera frame with the assumed lens to that with the true one, [4, 4]."""
    assumed, lens = (np.asarray(camera.pixel_from_cam, np.float64) for camera in (predicted, true))
    pose = np.asarray(predicted.cam_from_world, np.float64)
    centre_cam = alignment.apply(pose, np.asarray(centre, np.float64)[None])[0]
    depth = max(float(centre_cam[2]), cameras.MIN_DEPTH)
    ray = np.linalg.solve(lens, assumed @ (centre_cam / depth))
    turn = shortest_turn(centre_cam, ray)
    focal = np.sqrt([matrix[0, 0] * matrix[1, 1] for matrix in (assumed, lens)])
    scaled = focal[0] / focal[1] * turn
    return alignment.homogeneous(scaled, depth * ray - scaled @ centre_cam)


def shortest_turn(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Rotation that takes one direction [3] to another, [3, 3]; opposite ones by way of x or y."""
    a, b = start / np.linalg.norm(start), end / np.linalg.norm(end)
    if a @ b < _OPPOSITE:
        # Half a turn about any axis that is square to both.
        axis = np.cross(a, np.eye(3)[1 if abs(a[0]) > abs(a[1]) else 0])
        axis = np.cross(a, axis) / np.linalg.norm(axis)
        return 2 * np.outer(axis, axis) - np.eye(3)
    x, y, z = np.cross(a, b)
    skew = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + skew + skew @ skew / (1 + a @ b)
