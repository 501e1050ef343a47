"""Clay, glaze, metal and stone: colours over a relic's surface, and the marks time leaves."""

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np

from data_engine.procedural.canvas import Canvas

Rgb = tuple[float, float, float]
Painter = Callable[[Canvas, np.random.Generator], np.ndarray]
"""Texture colours [h, w, 3] float32, sRGB in [0, 1]."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Material:
    """How a relic's stuff looks under the light."""

    paint: Painter
    roughness: float
    """glTF roughness in [0, 1]."""
    metallic: float = 0.0
    """glTF metalness in [0, 1]; patina is an oxide, so old metal stays far from 1."""
    grime: Rgb = (0.16, 0.12, 0.09)
    """What settles in grooves."""
    bare: Rgb = (0.75, 0.65, 0.52)
    """What shows where edges are worn."""
    pigment: Rgb = (0.1, 0.07, 0.06)
    """Paint of the ornament."""


def ramp(t: np.ndarray, *stops: Rgb) -> np.ndarray:
    """Colours along evenly spaced stops for t [*b] in [0, 1]."""
    at = np.linspace(0, 1, len(stops))
    channels = [np.interp(t, at, channel) for channel in zip(*stops, strict=True)]
    return np.stack(channels, axis=-1).astype(np.float32)


def over(below: np.ndarray, above, coverage: np.ndarray) -> np.ndarray:
    """Lays a colour over another with coverage [h, w] in [0, 1]."""
    coverage = np.clip(coverage, 0, 1)[..., None]
    return below * (1 - coverage) + np.asarray(above, dtype=np.float32) * coverage


def step(x: np.ndarray, edge: float, width: float) -> np.ndarray:
    """Rises linearly from 0 to 1 over `width` around the edge."""
    return np.clip((x - edge) / width + 0.5, 0, 1)


def _drift(colours: np.ndarray, rng: np.random.Generator, amount: float = 0.05) -> np.ndarray:
    """No two batches of clay agree: one brightness and tint per relic."""
    return colours * (1 + rng.uniform(-amount, amount, 3) + rng.uniform(-2, 2) * amount)


def mottled(*stops: Rgb, scale: float = 3.0) -> Painter:
    """A ramp over smooth noise."""

    def paint(canvas: Canvas, rng: np.random.Generator) -> np.ndarray:
        return _drift(ramp(canvas.noise(scale), *stops), rng)

    return paint


def veined(ground: tuple[Rgb, ...], vein: Rgb, *, scale: float, width: float) -> Painter:
    """Veins along the level lines of noise, as in marble; narrow and dense they are crackle."""

    def paint(canvas: Canvas, rng: np.random.Generator) -> np.ndarray:
        colours = _drift(ramp(canvas.noise(scale, seed=1), *ground), rng)
        ridge = 1 - np.abs(canvas.noise(scale, octaves=4, seed=2) - 0.5) / width
        return over(colours, vein, 0.7 * np.clip(ridge, 0, 1))

    return paint


def speckled(ground: tuple[Rgb, ...], speck: Rgb, *, scale: float, share: float) -> Painter:
    """Grains of a second mineral."""

    def paint(canvas: Canvas, rng: np.random.Generator) -> np.ndarray:
        colours = _drift(ramp(canvas.noise(3.0, seed=3), *ground), rng)
        return over(colours, speck, step(canvas.noise(scale, octaves=2, seed=4), 1 - share, 0.15))

    return paint


def patinated(metal: tuple[Rgb, ...], oxide: tuple[Rgb, ...], *, share: float) -> Painter:
    """Metal under an oxide that keeps to hollows and patches."""

    def paint(canvas: Canvas, rng: np.random.Generator) -> np.ndarray:
        colours = _drift(ramp(canvas.noise(5.0, seed=5), *metal), rng)
        crust = canvas.noise(2.2, octaves=4, seed=6) + 0.25 * canvas.hollow
        amount = np.clip(share + rng.uniform(-0.2, 0.2), 0.05, 0.95)
        return over(colours, ramp(canvas.noise(7.0, seed=7), *oxide), step(crust, 1 - amount, 0.2))

    return paint


def glazed(glaze: tuple[Rgb, ...], body: Rgb) -> Painter:
    """Glaze that pools in hollows, thins on edges, crackles, and stops short of the foot."""

    def paint(canvas: Canvas, rng: np.random.Generator) -> np.ndarray:
        pool = 0.5 * canvas.noise(2.0, seed=8) + 0.5 * (0.5 + 0.5 * canvas.hollow)
        colours = _drift(ramp(pool, *glaze), rng)
        crackle = 1 - np.abs(canvas.noise(7.0, octaves=2, seed=9) - 0.5) / 0.03
        colours = over(colours, glaze[-1], rng.uniform(0, 0.5) * np.clip(crackle, 0, 1))
        line = rng.uniform(0.02, 0.12) + 0.05 * (canvas.noise(3.0, seed=10) - 0.5)
        return over(colours, body, step(line - canvas.height, 0, 0.01) * (canvas.outward > -0.2))

    return paint


def sancai(canvas: Canvas, rng: np.random.Generator) -> np.ndarray:
    """Tang three-colour ware: amber, green and cream lead glazes run down in streaks."""
    streaks = dataclasses.replace(canvas, points=canvas.points * np.float32([1, 1, 0.3]))
    which = streaks.noise(4.5, seed=11) + 0.15 * (canvas.height - 0.5)
    amber, green, cream = (0.72, 0.40, 0.10), (0.22, 0.42, 0.18), (0.93, 0.86, 0.66)
    order = [(amber, green, cream), (green, cream, amber), (cream, amber, green)]
    colours = ramp(
        np.round(3 * which - 0.5 + canvas.noise(9.0, seed=1) * 0.5) / 2, *order[rng.integers(3)]
    )
    line = 0.1 + 0.12 * canvas.noise(3.0, seed=12)
    return over(colours, (0.86, 0.72, 0.56), step(line - canvas.height, 0, 0.02))


def polychrome(canvas: Canvas, rng: np.random.Generator) -> np.ndarray:
    """A painted figure: robe, sash and hem, skin on the head, dark hair behind and above."""
    robes = [(0.62, 0.16, 0.13), (0.15, 0.30, 0.48), (0.25, 0.42, 0.25), (0.83, 0.62, 0.22)]
    robe, sash = (robes[i] for i in rng.permutation(len(robes))[:2])
    z = canvas.height
    colours = ramp(canvas.noise(4.0), robe, tuple(0.8 * c for c in robe))
    colours = over(colours, sash, (np.abs(z - 0.45) < 0.035) | (z < 0.09))
    skin = ramp(canvas.noise(6.0, seed=2), (0.85, 0.66, 0.50), (0.78, 0.58, 0.43))
    colours = over(colours, skin, step(z, 0.70, 0.01))
    behind = canvas.normals[..., 1] > 0.1
    hair = (z > 0.91) | ((z > 0.74) & behind)
    colours = over(colours, (0.13, 0.10, 0.09), hair.astype(np.float32))
    flaked = canvas.noise(9.0, octaves=4, seed=3) + 0.1 * rng.uniform(-1, 1)
    return over(colours, (0.76, 0.55, 0.40), step(flaked, 0.9, 0.05))


def wooden(dark: Rgb, light: Rgb) -> Painter:
    """Grain along z: noise squeezed to long fibres."""

    def paint(canvas: Canvas, rng: np.random.Generator) -> np.ndarray:
        fibres = dataclasses.replace(canvas, points=canvas.points * np.float32([1, 1, 0.08]))
        return _drift(ramp(fibres.noise(14.0, octaves=3), dark, light), rng)

    return paint


_CLAY = ((0.55, 0.29, 0.17), (0.72, 0.42, 0.26), (0.80, 0.54, 0.36))
_BRONZE = ((0.24, 0.17, 0.10), (0.43, 0.31, 0.16))
_VERDIGRIS = ((0.20, 0.40, 0.34), (0.36, 0.56, 0.46), (0.16, 0.33, 0.30))
_RUST = ((0.38, 0.17, 0.08), (0.55, 0.28, 0.12))

MATERIALS: Mapping[str, Material] = {
    "terracotta": Material(paint=mottled(*_CLAY), roughness=0.9),
    "buff_clay": Material(
        paint=mottled((0.72, 0.60, 0.43), (0.86, 0.76, 0.58), (0.91, 0.83, 0.68)),
        roughness=0.9,
        pigment=(0.36, 0.16, 0.10),
    ),
    "grey_clay": Material(
        paint=mottled((0.33, 0.33, 0.33), (0.48, 0.47, 0.45), (0.56, 0.55, 0.52)),
        roughness=0.9,
        bare=(0.66, 0.64, 0.60),
        pigment=(0.72, 0.22, 0.14),
    ),
    "black_slip": Material(
        paint=mottled((0.07, 0.06, 0.06), (0.14, 0.12, 0.11)),
        roughness=0.45,
        bare=(0.70, 0.38, 0.22),
        pigment=(0.82, 0.45, 0.25),
    ),
    "celadon": Material(
        paint=glazed(
            ((0.73, 0.82, 0.71), (0.55, 0.70, 0.58), (0.38, 0.54, 0.44)), (0.50, 0.36, 0.26)
        ),
        roughness=0.25,
        bare=(0.80, 0.84, 0.74),
        pigment=(0.33, 0.48, 0.38),
    ),
    "blue_white": Material(
        paint=mottled((0.88, 0.91, 0.93), (0.95, 0.96, 0.96)),
        roughness=0.2,
        grime=(0.55, 0.58, 0.62),
        bare=(0.93, 0.91, 0.87),
        pigment=(0.12, 0.20, 0.56),
    ),
    "ox_blood": Material(
        paint=glazed(
            ((0.66, 0.24, 0.17), (0.50, 0.08, 0.07), (0.30, 0.03, 0.05)), (0.83, 0.76, 0.66)
        ),
        roughness=0.2,
        bare=(0.85, 0.74, 0.62),
        pigment=(0.86, 0.76, 0.55),
    ),
    "sancai": Material(paint=sancai, roughness=0.3, pigment=(0.30, 0.18, 0.08)),
    "faience": Material(
        paint=mottled((0.10, 0.46, 0.55), (0.22, 0.66, 0.70), (0.40, 0.76, 0.74)),
        roughness=0.35,
        bare=(0.84, 0.82, 0.72),
        pigment=(0.05, 0.09, 0.22),
    ),
    "bronze": Material(
        paint=patinated(_BRONZE, _VERDIGRIS, share=0.55),
        roughness=0.6,
        metallic=0.25,
        grime=(0.10, 0.20, 0.17),
        bare=(0.60, 0.46, 0.24),
        pigment=(0.09, 0.14, 0.12),
    ),
    "gold": Material(
        paint=mottled((0.80, 0.56, 0.16), (0.96, 0.77, 0.32), (1.0, 0.85, 0.45)),
        roughness=0.35,
        metallic=0.4,
        grime=(0.38, 0.22, 0.06),
        bare=(1.0, 0.90, 0.55),
        pigment=(0.45, 0.27, 0.07),
    ),
    "silver": Material(
        paint=patinated(
            ((0.66, 0.66, 0.65), (0.86, 0.86, 0.84)),
            ((0.20, 0.19, 0.20), (0.36, 0.33, 0.31)),
            share=0.25,
        ),
        roughness=0.4,
        metallic=0.35,
        bare=(0.94, 0.94, 0.93),
    ),
    "iron": Material(
        paint=patinated(((0.22, 0.21, 0.21), (0.34, 0.33, 0.33)), _RUST, share=0.45),
        roughness=0.8,
        metallic=0.15,
        bare=(0.52, 0.50, 0.48),
    ),
    "marble": Material(
        paint=veined(
            ((0.93, 0.92, 0.89), (0.84, 0.82, 0.79)), (0.52, 0.51, 0.52), scale=2.0, width=0.08
        ),
        roughness=0.5,
        grime=(0.45, 0.40, 0.33),
        bare=(0.97, 0.96, 0.94),
    ),
    "basalt": Material(
        paint=speckled(
            ((0.14, 0.15, 0.16), (0.23, 0.24, 0.25)), (0.42, 0.42, 0.42), scale=18.0, share=0.15
        ),
        roughness=0.6,
        grime=(0.34, 0.31, 0.27),
        bare=(0.42, 0.43, 0.44),
        pigment=(0.5, 0.5, 0.48),
    ),
    "granite": Material(
        paint=speckled(
            ((0.66, 0.45, 0.40), (0.76, 0.58, 0.52)), (0.22, 0.20, 0.21), scale=16.0, share=0.3
        ),
        roughness=0.55,
    ),
    "limestone": Material(
        paint=mottled((0.70, 0.65, 0.54), (0.82, 0.78, 0.67), (0.89, 0.86, 0.78)),
        roughness=0.9,
        bare=(0.94, 0.92, 0.86),
    ),
    "jade": Material(
        paint=veined(
            ((0.30, 0.50, 0.34), (0.55, 0.70, 0.50), (0.76, 0.83, 0.68)),
            (0.42, 0.26, 0.12),
            scale=1.6,
            width=0.05,
        ),
        roughness=0.25,
        bare=(0.78, 0.86, 0.72),
    ),
    "lapis": Material(
        paint=speckled(
            ((0.08, 0.13, 0.42), (0.15, 0.24, 0.60)), (0.80, 0.66, 0.30), scale=14.0, share=0.1
        ),
        roughness=0.3,
        bare=(0.34, 0.44, 0.74),
    ),
    "carnelian": Material(
        paint=mottled((0.52, 0.11, 0.06), (0.76, 0.26, 0.12), (0.87, 0.45, 0.25)),
        roughness=0.25,
        bare=(0.92, 0.62, 0.45),
    ),
    "polychrome": Material(paint=polychrome, roughness=0.8, bare=(0.78, 0.58, 0.42)),
    "wood": Material(
        paint=wooden((0.27, 0.16, 0.08), (0.52, 0.34, 0.19)),
        roughness=0.75,
        bare=(0.66, 0.50, 0.33),
        pigment=(0.90, 0.86, 0.76),
    ),
    "lacquer": Material(
        paint=mottled((0.48, 0.07, 0.05), (0.62, 0.12, 0.08)),
        roughness=0.25,
        bare=(0.30, 0.18, 0.12),
        pigment=(0.07, 0.05, 0.05),
    ),
}
"""Every stuff a relic can be made of."""


def finish(
    colours: np.ndarray, canvas: Canvas, material: Material, rng: np.random.Generator
) -> np.ndarray:
    """Dirt in the grooves, wear on the edges, dust from above and grain everywhere."""
    age = rng.uniform(0.3, 1.0)
    colours = over(colours, material.grime, 0.65 * age * np.clip(canvas.hollow, 0, 1))
    chipped = np.clip(-canvas.hollow, 0, 1) * step(canvas.noise(8.0, seed=13), 0.5, 0.4)
    colours = over(colours, material.bare, 0.8 * age * chipped)
    stain = 1 - 0.22 * age * step(canvas.noise(1.7, octaves=4, seed=14), 0.65, 0.3)
    grain = 1 + 0.05 * (rng.random(colours.shape[:2], dtype=np.float32) - 0.5)
    return np.clip(colours * (stain * grain)[..., None], 0, 1)
