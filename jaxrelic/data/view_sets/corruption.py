"""What a novel-view network gets wrong, done to exact renders: colours, poses, shapes, sharpness.

One-2-3-45 learns from views that Zero123 predicted, so that it forgives their mistakes. Where there
are no predictions, sources are spoiled instead: each view on its own, so that views disagree.
"""

import dataclasses
import functools
from typing import Self

import cv2
import numpy as np

from jaxrelic.data.posed_view import View
from jaxrelic.errors import UserError

WARP_NODES = 4
"""Points along a side at which the displacement of a warp is drawn; it is smooth between them."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class CorruptionConfig:
    """How wrong source views are; 0 switches a kind off, and by default all are.

    Draws are normal and the strength is their standard deviation, unless said otherwise.
    """

    gain: float = 0.0
    """Spread of the logarithm of the factor of each colour channel; 0.1 is 10 % brighter or
    darker."""
    bias: float = 0.0
    """Spread of what is added to each colour channel, where white is 1."""
    gamma: float = 0.0
    """Spread of the logarithm of the exponent of all colour channels; 0.1 lifts or sinks middle
    tones by some 3 % of white."""
    pose_deg: float = 0.0
    """Spread of the angle, in degrees, by which the given camera is off along each of two
    directions on the sphere about the relic: azimuth and elevation, for a camera at the height of
    its middle."""
    distance: float = 0.0
    """Spread of the logarithm of the factor of the given camera's distance; 0.02 is 2 %."""
    warp: float = 0.0
    """Spread of the shift of image and mask at points a quarter of the image apart, smooth between
    them, as a part of the image's side; 0.01 is 2.6 pixels of 256."""
    blur: float = 0.0
    """Largest standard deviation of a Gaussian blur, as a part of the image's side; that of a view
    is uniform from 0; 0.004 is 1 pixel of 256."""
    probability: float = 1.0
    """That a view is touched at all; the others stay exact."""

    def __post_init__(self) -> None:
        for name, value in dataclasses.asdict(self).items():
            if not 0 <= value < np.inf:
                raise UserError(f"corruption.{name} is {value}; set it to 0 or more")
        if self.probability > 1:
            raise UserError(f"corruption.probability is {self.probability}; set it to 0 ... 1")

    @classmethod
    def moderate(cls) -> Self:
        """All kinds, visible but mild: chosen by eye, not fitted to a novel-view network."""
        return cls(
            gain=0.05, bias=0.02, gamma=0.1, pose_deg=1.5, distance=0.01, warp=0.008, blur=0.004
        )


def corrupt(view: View, config: CorruptionConfig, rng: np.random.Generator) -> View:
    """A view whose pixels and given camera are wrong; what the image shows is not moved to match.

    The same numbers are drawn whatever the strengths, so that switching one kind off leaves the
    others as they were. Depth stays that of the exact view.
    """
    chance, blur = rng.random(), 1 - rng.random()  # Above 0, which OpenCV needs of a blur.
    gain, bias, turn = rng.standard_normal((3, 3))
    gamma, distance = rng.standard_normal(2)
    nodes = rng.standard_normal((WARP_NODES, WARP_NODES, 2)).astype(np.float32)
    if chance >= config.probability:
        return view
    rgba, size = view.rgba, len(view.rgba)
    if config.warp:
        rgba = warp(rgba, config.warp * size * nodes)
    if config.blur:
        rgba = cv2.GaussianBlur(rgba, (0, 0), config.blur * size * blur)
    if config.gain or config.bias or config.gamma:
        rgba = change_colours(
            rgba,
            gain=np.exp(config.gain * gain),
            bias=config.bias * bias,
            gamma=float(np.exp(config.gamma * gamma)),
        )
    cam_from_world = view.cam_from_world
    if config.pose_deg or config.distance:
        cam_from_world = move_camera(
            cam_from_world,
            turn=np.deg2rad(config.pose_deg) * turn,
            scale=float(np.exp(config.distance * distance)),
        )
    return dataclasses.replace(view, rgba=rgba, cam_from_world=cam_from_world)


def change_colours(
    rgba: np.ndarray, *, gain: np.ndarray, bias: np.ndarray, gamma: float
) -> np.ndarray:
    """Changes colours c of the object to gain * c ** gamma + bias; what is behind it stays white.

    Args:
        rgba: Colour multiplied by alpha, [h, w, 4] float32.
        gain: Factor of each channel, [3].
        bias: Added to each channel, [3].
        gamma: Exponent of all channels.
    """
    changed = rgba.copy()
    pixels = changed.reshape(-1, 4)
    shown = np.flatnonzero(pixels[:, 3] > 0)
    alpha = pixels[shown, 3:]
    colours = np.clip(pixels[shown, :3] / alpha, 0, 1) ** np.float32(gamma)
    colours = np.clip(np.float32(gain) * colours + np.float32(bias), 0, 1)
    pixels[shown, :3] = alpha * colours
    return changed


def warp(rgba: np.ndarray, shifts_px: np.ndarray) -> np.ndarray:
    """Shows at each pixel what was at its place plus a smooth shift; nothing beyond the border.

    Args:
        rgba: Colour multiplied by alpha, so that both are moved together, [s, s, 4] float32.
        shifts_px: To the right and down, at points that are spread evenly over the image,
            [n, n, 2] float32.
    """
    size = len(rgba)
    shift = cv2.resize(shifts_px, (size, size), interpolation=cv2.INTER_CUBIC)
    return cv2.remap(rgba, _pixels(size) + shift, None, cv2.INTER_LINEAR)


@functools.lru_cache(maxsize=4)
def _pixels(size: int) -> np.ndarray:
    """Column and row of each pixel, [s, s, 2]."""
    numbers = np.arange(size, dtype=np.float32)
    return np.stack(np.meshgrid(numbers, numbers), axis=-1)


def move_camera(cam_from_world: np.ndarray, *, turn: np.ndarray, scale: float) -> np.ndarray:
    """Moves a camera about the world's origin, which stays where it is in the image.

    Args:
        cam_from_world: Where the camera is, [4, 4] float32.
        turn: Axis in the camera's frame times angle in radians, [3]. Its part along the line to
            the origin is left out: it would roll the image.
        scale: Factor of the distance to the origin.
    """
    origin_cam = cam_from_world[:3, 3].astype(np.float64)
    sight = origin_cam / np.linalg.norm(origin_cam)
    rotation, _ = cv2.Rodrigues(turn - (turn @ sight) * sight)
    moved = cam_from_world.copy()
    moved[:3, :3] = rotation @ cam_from_world[:3, :3]
    moved[:3, 3] = scale * origin_cam
    return moved
