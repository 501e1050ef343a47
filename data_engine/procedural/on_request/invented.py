"""Materials that nobody has seen: random palettes laid out by noise, stripes, dots and patches."""

import colorsys
from collections.abc import Callable

import numpy as np

from data_engine.procedural.canvas import Canvas
from data_engine.procedural.materials import Material, Rgb, over, ramp, step

PLAIN_SHARE = 0.35
"""How many are of one stuff alone, as most stone, clay and metal is."""


def _colour(rng: np.random.Generator) -> Rgb:
    """Earths, stones and greys mostly, any colour at times; sRGB."""
    value = rng.uniform(0.12, 0.95)
    if rng.random() < 0.65:
        return colorsys.hsv_to_rgb(rng.normal(0.08, 0.04) % 1, rng.uniform(0, 0.6), value)
    return colorsys.hsv_to_rgb(rng.random(), rng.uniform(0.1, 0.9), value)


def _stone(canvas: Canvas, rng: np.random.Generator) -> np.ndarray:
    """One colour that wanders a little, with grains at times."""
    colour = np.array(_colour(rng))
    near = np.clip(colour * rng.uniform(0.75, 1.25) + rng.normal(0, 0.03, 3), 0, 1)
    colours = ramp(canvas.noise(rng.uniform(1, 8)), tuple(colour), tuple(near))
    if rng.random() < 0.4:
        grains = canvas.noise(rng.uniform(12, 20), octaves=2, seed=4)
        colours = over(colours, _colour(rng), 0.6 * step(grains, rng.uniform(0.7, 0.95), 0.15))
    return colours


def _along(canvas: Canvas, rng: np.random.Generator) -> np.ndarray:
    """A coordinate [h, w] to stripe by: height, angle, or any direction, bent by noise."""
    kind = rng.integers(3)
    if kind == 0:
        at = canvas.height
    elif kind == 1:
        at = canvas.turn
    else:
        direction = rng.normal(size=3)
        at = canvas.points @ np.float32(direction / np.linalg.norm(direction))
    return at + rng.choice([0, 0.03, 0.15]) * canvas.noise(3.0, seed=5)


def _stripes(canvas: Canvas, rng: np.random.Generator) -> np.ndarray:
    """Where bands lie, in [0, 1]."""
    phase = rng.integers(2, 16) * _along(canvas, rng) % 1
    return step(np.abs(2 * phase - 1), rng.uniform(0.3, 0.8), 0.08)


def _patches(canvas: Canvas, rng: np.random.Generator) -> np.ndarray:
    """Spots of noise."""
    return step(canvas.noise(rng.uniform(2, 7), seed=6), rng.uniform(0.4, 0.75), 0.03)


def _dots(canvas: Canvas, rng: np.random.Generator) -> np.ndarray:
    """A lattice of balls."""
    waves = np.sin(canvas.points * np.float32(rng.uniform(12, 50)) + rng.uniform(0, 6, 3))
    return step(np.abs(waves).min(axis=-1), rng.uniform(0.5, 0.75), 0.08)


def _frieze(canvas: Canvas, rng: np.random.Generator) -> np.ndarray:
    """A belt with a wavy line, and lines above and below."""
    middle, half = rng.uniform(0.2, 0.8), rng.uniform(0.04, 0.15)
    at = (canvas.height - middle) / half
    wave = np.sin(2 * np.pi * (rng.integers(4, 20) * canvas.turn))
    line = step(-np.abs(at - 0.6 * wave), -0.25, 0.1)
    rims = step(-np.abs(np.abs(at) - 1), -0.15, 0.08)
    return np.maximum(line, rims)


def _hem(canvas: Canvas, rng: np.random.Generator) -> np.ndarray:
    """All above or below a height, as glaze ends or paint begins."""
    edge = rng.uniform(0.1, 0.9) + 0.1 * (canvas.noise(3.0, seed=7) - 0.5)
    return step(rng.choice([-1, 1]) * (canvas.height - edge), 0, 0.01)


_DECORS: tuple[Callable[[Canvas, np.random.Generator], np.ndarray], ...] = (
    *(_stripes, _patches, _dots, _frieze, _hem),
)


def invented(canvas: Canvas, rng: np.random.Generator) -> np.ndarray:
    """A ground, and on most relics one to three decors over it, sRGB [h, w, 3] in [0, 1]."""
    colours = _stone(canvas, rng)
    if rng.random() < PLAIN_SHARE:
        return colours
    for _ in range(int(rng.integers(1, 4))):
        decor = _DECORS[int(rng.integers(len(_DECORS)))](canvas, rng)
        above = _stone(canvas, rng) if rng.random() < 0.3 else _colour(rng)
        colours = over(colours, above, rng.uniform(0.5, 1) * decor)
    return colours


INVENTED = {
    f"invented_{finish}": Material(paint=invented, roughness=roughness, metallic=metallic)
    for finish, roughness, metallic in (
        *(("matt", 0.9, 0.0), ("satin", 0.5, 0.0), ("glossy", 0.2, 0.0), ("metal", 0.4, 0.4)),
    )
}
"""Invented materials by name."""
