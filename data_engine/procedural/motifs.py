"""Painted ornament: patterns on a strip, drawn as masks over (turns, height in the strip)."""

from collections.abc import Callable, Mapping

import numpy as np

from data_engine.procedural.canvas import Canvas
from data_engine.procedural.materials import over, step

Pattern = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Mask of a repeating tile: s [h, w] counts tiles around, t [h, w] climbs from 0 to 1."""

_MEANDER = np.array(
    [
        [1, 1, 1, 1, 1, 1, 1, 1],
        [1, 0, 0, 0, 0, 0, 0, 0],
        [1, 0, 1, 1, 1, 1, 1, 0],
        [1, 0, 1, 0, 0, 0, 1, 0],
        [1, 0, 1, 0, 1, 1, 1, 0],
        [1, 0, 1, 0, 0, 0, 0, 0],
        [1, 0, 1, 1, 1, 1, 1, 1],
        [0, 0, 0, 0, 0, 0, 0, 0],
    ],
    dtype=bool,
)


def _saw(s: np.ndarray) -> np.ndarray:
    """Distance to the middle of the tile: 0 there, 1 at its borders."""
    return np.abs(2 * (s % 1) - 1)


def _meander(s, t):
    row = np.clip((1 - t) * 8, 0, 7).astype(int)
    return _MEANDER[row, ((s % 1) * 8).astype(int) % 8]


def _zigzag(s, t):
    return np.abs(t - _saw(s)) < 0.22


def _waves(s, t):
    return np.abs(t - 0.5 - 0.28 * np.sin(2 * np.pi * s)) < 0.16


def _rays(s, t):
    return t < 1 - _saw(s)


def _lozenges(s, t):
    rhomb = _saw(s) + np.abs(2 * t - 1)
    return (rhomb < 0.35) | ((rhomb > 0.62) & (rhomb < 0.92))


def _petals(s, t):
    petal = (_saw(s) / 0.85) ** 2 + (t / 0.95) ** 2
    return ((petal < 1) & (petal > 0.7)) | ((petal < 0.3) & (_saw(s) < 0.25))


def _dots(s, t):
    return _saw(s) ** 2 + (2 * t - 1) ** 2 < 0.4


def _scroll(s, t):
    stem = np.abs(t - 0.5 - 0.3 * np.sin(2 * np.pi * s)) < 0.07
    flower = (s % 1 - 0.25) ** 2 * 6 + (t - 0.42) ** 2 * 1.6 < 0.05
    leaf = ((2 * s) % 1 - 0.5) ** 2 * 2 + (t - 0.5 - 0.35 * np.cos(2 * np.pi * s)) ** 2 * 3 < 0.05
    return stem | flower | leaf


PATTERNS: Mapping[str, Pattern] = {
    "meander": _meander,
    "zigzag": _zigzag,
    "waves": _waves,
    "rays": _rays,
    "lozenges": _lozenges,
    "petals": _petals,
    "dots": _dots,
    "scroll": _scroll,
}
"""Ornaments by name; "plain" is their absence."""


def strip(canvas: Canvas, motif: str, *, low: float, high: float, tiles: int) -> np.ndarray:
    """The motif between two heights (fractions of the whole), framed by two lines, [h, w]."""
    t = (canvas.height - low) / (high - low)
    s = canvas.turn * tiles
    inside = (t > 0.12) & (t < 0.88)
    drawn = inside & PATTERNS[motif](s, np.clip((t - 0.12) / 0.76, 0, 1))
    frame = (np.abs(t - 0.03) < 0.03) | (np.abs(t - 0.97) < 0.03)
    return (drawn | frame).astype(np.float32)


def decorate(
    colours: np.ndarray,
    canvas: Canvas,
    motif: str,
    pigment,
    rng: np.random.Generator,
    *,
    band: tuple[float, float],
) -> np.ndarray:
    """Paints a vessel: the motif in its band, lines and dipped ends, all of it worn in patches."""
    low, high = band
    tiles = int(np.clip(round(rng.uniform(0.8, 1.4) * 2.2 / (high - low)), 6, 28))
    drawn = strip(canvas, motif, low=low, high=high, tiles=tiles)
    z = canvas.height
    for line in rng.uniform(0.05, 0.97, rng.integers(1, 5)):
        drawn = np.maximum(drawn, np.abs(z - line) < rng.uniform(0.006, 0.022))
    if rng.random() < 0.35:
        drawn = np.maximum(drawn, step(z, high + 0.6 * (1 - high), 0.01))
    if rng.random() < 0.35:
        drawn = np.maximum(drawn, step(-z, -low * 0.5, 0.01))
    kept = step(canvas.noise(6.0, octaves=4, seed=15), rng.uniform(0.02, 0.22), 0.08)
    return over(colours, pigment, drawn * kept * (canvas.outward > -0.25) * 0.95)
