"""Small pictures for relief: figures, signs and wedges drawn on a page, white on black.

A page is a square image [s, s] of heights in [0, 1]; y runs upwards over [-1, 1] and x to the right
over [-width, width].
"""

import cv2
import numpy as np

PAGE = 256
"""Side of a page in pixels."""

_PROFILE = (
    *((-0.30, -0.95), (0.22, -0.95), (0.18, -0.58), (0.42, -0.52), (0.50, -0.38), (0.44, -0.30)),
    *((0.51, -0.22), (0.47, -0.12), (0.64, -0.02), (0.50, 0.22), (0.46, 0.45), (0.30, 0.72)),
    *((0.0, 0.85), (-0.35, 0.75), (-0.58, 0.45), (-0.60, 0.10), (-0.45, -0.25), (-0.35, -0.5)),
)


class Page:
    """A sheet to draw on."""

    def __init__(self, width: float = 1.0):
        """An empty page; figures drawn on a wide page are squeezed into the square."""
        self._width = width
        self._image = np.zeros((PAGE, PAGE), dtype=np.uint8)

    def _pixels(self, points) -> np.ndarray:
        """Page coordinates as OpenCV's fixed point with four fractional bits."""
        points = np.asarray(points, dtype=float)
        pixels = np.stack([points[..., 0] / self._width + 1, 1 - points[..., 1]], axis=-1) * (
            PAGE / 2
        )
        return np.round(pixels * 16).astype(np.int32)

    def polygon(self, points, value: int = 255) -> None:
        """A filled polygon [n, 2]."""
        cv2.fillPoly(self._image, [self._pixels(points)], value, cv2.LINE_AA, shift=4)

    def line(self, start, end, width: float, value: int = 255) -> None:
        """A segment with round ends; width in page units."""
        ends = [tuple(int(c) for c in self._pixels(p)) for p in (start, end)]
        pixels = max(1, round(width * PAGE / 2))
        cv2.line(self._image, *ends, value, pixels, cv2.LINE_AA, shift=4)

    def ellipse(self, centre, radii, value: int = 255, *, turn_deg: float = 0.0) -> None:
        """A filled ellipse, turned anticlockwise."""
        angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
        c, s = np.cos(np.radians(turn_deg)), np.sin(np.radians(turn_deg))
        x, y = radii[0] * np.cos(angle), radii[1] * np.sin(angle)
        self.polygon(np.stack([centre[0] + c * x - s * y, centre[1] + s * x + c * y], -1), value)

    def heights(self, blur_px: float = 1.2) -> np.ndarray:
        """The page as heights [s, s] float32 in [0, 1], row 0 on top, edges softened."""
        return cv2.GaussianBlur(self._image, (0, 0), blur_px).astype(np.float32) / 255


def look_up(page: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Heights [h, w] at x and y in [-1, 1] across the whole page, linear, 0 off the page."""
    at_x = ((x + 1) * (PAGE / 2) - 0.5).astype(np.float32)
    at_y = ((1 - y) * (PAGE / 2) - 0.5).astype(np.float32)
    return cv2.remap(page, at_x, at_y, cv2.INTER_LINEAR)


def portrait(page: Page, x: float, y: float, size: float, rng: np.random.Generator) -> None:
    """A head in profile with a wreath."""
    side = rng.choice([-1, 1])
    place = [x, y] + size * np.array(_PROFILE) * [side, 1]
    page.polygon(place, 200)
    for turn in np.linspace(0.3, 2.6, 8):
        leaf = np.array([-0.02 + 0.5 * np.cos(turn) * side, 0.25 + 0.48 * np.sin(turn)])
        page.ellipse(
            [x, y] + size * leaf, (0.11 * size, 0.06 * size), 255, turn_deg=np.degrees(turn)
        )
    page.ellipse([x + 0.3 * size * side, y + 0.18 * size], (0.07 * size, 0.04 * size), 60)
    page.line(
        [x + 0.2 * size * side, y - 0.36 * size],
        [x + 0.46 * size * side, y - 0.34 * size],
        0.03 * size,
        90,
    )


def rosette(page: Page, x: float, y: float, size: float, rng: np.random.Generator) -> None:
    """Petals around a knob."""
    petals = int(rng.integers(5, 11))
    for turn in 2 * np.pi * np.arange(petals) / petals:
        out = 0.55 * size * np.array([np.cos(turn), np.sin(turn)])
        page.ellipse(
            np.add((x, y), out), (0.36 * size, 0.9 * size / petals), 210, turn_deg=np.degrees(turn)
        )
    page.ellipse([x, y], (0.2 * size, 0.2 * size))


def star(page: Page, x: float, y: float, size: float, rng: np.random.Generator) -> None:
    """Pointed rays."""
    rays = int(rng.integers(5, 9))
    turn = np.pi / 2 + np.pi * np.arange(2 * rays) / rays
    radius = size * np.where(np.arange(2 * rays) % 2, 0.35, 0.95)
    page.polygon(np.stack([x + radius * np.cos(turn), y + radius * np.sin(turn)], -1))


def tree(page: Page, x: float, y: float, size: float, rng: np.random.Generator) -> None:
    """A stylised palm or tree of life."""
    page.line([x, y - 0.95 * size], [x, y + 0.6 * size], 0.13 * size)
    for level in np.linspace(-0.4, 0.6, int(rng.integers(3, 6))):
        for side in (-1, 1):
            tip = [x + 0.3 * side * size, y + (level + 0.15) * size]
            page.ellipse(tip, (0.3 * size, 0.09 * size), 230, turn_deg=side * 35)
    page.ellipse([x, y + 0.75 * size], (0.14 * size, 0.2 * size))


def bull(page: Page, x: float, y: float, size: float, rng: np.random.Generator) -> None:
    """A striding bull."""
    side = rng.choice([-1, 1])

    def at(dx: float, dy: float) -> list[float]:
        return [x + side * dx * size, y + dy * size]

    page.ellipse(at(-0.05, 0.05), (0.62 * size, 0.3 * size), 230)
    page.ellipse(at(0.35, 0.2), (0.3 * size, 0.3 * size), 230)
    page.ellipse(at(0.7, 0.25), (0.24 * size, 0.16 * size), 255, turn_deg=-30 * side)
    for hip in (-0.55, -0.38, 0.22, 0.4):
        page.line(at(hip, 0), at(hip + rng.uniform(-0.1, 0.12), -0.75), 0.13 * size)
    page.line(at(0.62, 0.4), at(0.78, 0.72), 0.08 * size)
    page.line(at(-0.65, 0.15), at(-0.82, -0.4), 0.06 * size)


def person(page: Page, x: float, y: float, size: float, rng: np.random.Generator) -> None:
    """A robed worshipper with a raised arm."""
    side = rng.choice([-1, 1])
    robe = np.array([(-0.34, -0.95), (0.34, -0.95), (0.2, 0.3), (-0.2, 0.3)])
    page.polygon([x, y] + size * robe, 220)
    page.ellipse([x, y + 0.62 * size], (0.19 * size, 0.25 * size))
    page.line([x, y + 0.2 * size], [x + 0.5 * side * size, y + 0.45 * size], 0.12 * size)
    for hem in (-0.7, -0.4, -0.1):
        page.line(
            [x - 0.25 * size, y + hem * size], [x + 0.25 * size, y + hem * size], 0.04 * size, 120
        )


def sign(page: Page, x: float, y: float, size: float, rng: np.random.Generator) -> None:
    """An invented character of straight strokes; it reads as nothing."""
    level = rng.permutation([-0.8, -0.3, 0.2, 0.75])
    for b in level[: int(rng.integers(2, 4))]:
        half = rng.uniform(0.4, 0.9)
        page.line([x - half * size, y + b * size], [x + half * size, y + b * size], 0.2 * size)
    for a in rng.choice([-0.6, 0.0, 0.6], int(rng.integers(1, 3)), replace=False):
        low, high = rng.uniform(-0.95, -0.3), rng.uniform(0.3, 0.95)
        page.line([x + a * size, y + low * size], [x + a * size, y + high * size], 0.2 * size)


def wedge(page: Page, x: float, y: float, length: float, angle: float) -> None:
    """The mark of a reed stylus: a triangular head and a tail."""
    along = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-along[1], along[0]])
    head = 0.36 * length
    start = np.array([x, y])
    tip, neck = start + length * along, start + 0.32 * length * along
    corners = [start + head * across, start - head * across, neck - 0.07 * length * across, tip]
    page.polygon([*corners, neck + 0.07 * length * across])


STAMPS = {"portrait": portrait, "rosette": rosette, "star": star, "tree": tree, "bull": bull}
"""Devices of coins."""
FIGURES = (person, bull, tree, star, rosette)
"""Members of a seal's scene."""
