"""Light for training views: lamps, sky, gloss, darkened cavities and shadows, in linear RGB.

Nothing here is exact; it is meant to vary as photographs of museum objects do, in milliseconds.
"""

import dataclasses

import cv2
import numpy as np

from jaxrelic.rendering.two_layers.painted import Seen

SHADOW_STEPS = 14
CAVITY_BLURS = (0.02, 0.06)
"""Widths of the blurs that find cavities, in image widths."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Lighting:
    """Lamps far away, and a sky of two colours."""

    directions_cam: np.ndarray
    """Towards each lamp, unit, [l, 3]."""
    lamps: np.ndarray
    """Linear RGB of each lamp, [l, 3]."""
    up_cam: np.ndarray
    """World z in the camera frame, [3]."""
    sky: np.ndarray
    """Linear RGB from above, [3]."""
    ground: np.ndarray
    """Linear RGB from below, [3]."""
    gloss: float
    """Strength of the highlights of Blinn (1977)."""
    sharpness: float
    """Their exponent."""
    cavity: float
    """How much hollows are darkened, in [0, 1]."""
    shadow: float
    """How dark the first lamp's shadows are, in [0, 1]."""


def random_lighting(rng: np.random.Generator, up_cam: np.ndarray, roughness: float) -> Lighting:
    """One to three lamps, mostly from above and from the camera's side."""
    count = int(rng.integers(1, 4))
    directions = rng.normal(size=(count, 3)) + 0.9 * up_cam + [0, 0, -0.8]
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    strength = rng.uniform(0.3, 1.2, count) * np.where(np.arange(count), 0.5, 1)
    shiny = 1 - np.clip(roughness + rng.uniform(-0.2, 0.2), 0, 1)
    return Lighting(
        directions_cam=directions,
        lamps=strength[:, None] * _tint(rng, (count, 3)),
        up_cam=up_cam,
        sky=rng.uniform(0.15, 0.75) * _tint(rng, (3,)),
        ground=rng.uniform(0.03, 0.35) * _tint(rng, (3,)),
        gloss=rng.uniform(0.1, 0.8) * shiny,
        sharpness=4 * 2 ** (5 * shiny * rng.uniform(0.6, 1.2)),
        cavity=rng.uniform(0, 0.8),
        shadow=rng.uniform(0.3, 1) if rng.random() < 0.6 else 0.0,
    )


def _tint(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return 1 + rng.uniform(-0.12, 0.12, shape)


def lit(
    front: Seen, last_depth: np.ndarray, pixel_from_cam: np.ndarray, light: Lighting
) -> np.ndarray:
    """Linear RGB [n, 3] of the first surface; the last one [n] says where shadows end."""
    normals = front.normals_cam
    albedo = np.float32(linear_from_srgb(front.rgb))
    to_eye = -front.points_cam / _length(front.points_cam)
    up = (0.5 + 0.5 * normals @ np.float32(light.up_cam))[:, None]
    open_sky = (1 - light.cavity * cavities(front))[:, None]
    diffuse = (up * light.sky + (1 - up) * light.ground) * open_sky
    highlight = np.zeros_like(albedo)
    for index, (direction, lamp) in enumerate(zip(light.directions_cam, light.lamps, strict=True)):
        facing = np.clip(normals @ np.float32(direction), 0, None)
        if index == 0 and light.shadow:
            facing = facing * (
                1 - light.shadow * shadows(front, last_depth, pixel_from_cam, direction)
            )
        half = to_eye + np.float32(direction)
        half /= _length(half)
        shine = np.clip(np.einsum("nc,nc->n", half, normals), 0, None) ** np.float32(
            light.sharpness
        )
        diffuse = diffuse + facing[:, None] * lamp
        highlight = highlight + (light.gloss * shine * (facing > 0))[:, None] * lamp
    return albedo * diffuse + highlight


def _length(vectors: np.ndarray) -> np.ndarray:
    return np.sqrt(np.einsum("nc,nc->n", vectors, vectors))[:, None]


def cavities(front: Seen) -> np.ndarray:
    """How far each pixel lies behind its surroundings, in [0, 1], [n]."""
    depth = front.picture(front.depth.astype(np.float32))
    mask = front.picture(np.ones(len(front.pixel), np.float32))
    spread = max(float(np.ptp(front.depth)), 1e-6)
    half = front.size // 2  # Blurs need no more.
    depth, mask = (cv2.resize(x, (half, half), interpolation=cv2.INTER_AREA) for x in (depth, mask))
    total = np.zeros((half, half), np.float32)
    for blur in CAVITY_BLURS:
        means = [cv2.GaussianBlur(x, (0, 0), blur * half) for x in (depth, mask)]
        behind = depth / np.maximum(mask, 1e-3) - means[0] / np.maximum(means[1], 1e-3)
        total += np.clip(behind / (blur * spread), 0, 1) / len(CAVITY_BLURS)
    return cv2.resize(total, (front.size, front.size)).reshape(-1)[front.pixel]


def shadows(
    front: Seen, last_depth: np.ndarray, pixel_from_cam: np.ndarray, direction: np.ndarray
) -> np.ndarray:
    """Where the way to a lamp passes between the layers, softened, in [0, 1], [n]."""
    first = front.picture(front.depth.astype(np.float32), fill=np.inf).reshape(-1)
    last = front.picture(last_depth.astype(np.float32), fill=-np.inf).reshape(-1)
    x, y, z = np.ascontiguousarray(front.points_cam.T)
    spread = float(np.ptp(x) + np.ptp(y)) / 2
    bias, final = np.float32(0.012 * spread), front.size - 1
    blocked = np.zeros(len(x), bool)
    (fx, _, cx), (_, fy, cy) = np.float32(pixel_from_cam[:2])
    for step in np.linspace(0.03, 0.7, SHADOW_STEPS) * spread:
        dx, dy, dz = np.float32(step * direction)
        depth = np.maximum(z + dz, 1e-6)
        column = np.clip((fx * (x + dx) / depth + cx).astype(np.int32), 0, final)
        row = np.clip((fy * (y + dy) / depth + cy).astype(np.int32), 0, final)
        at = row * front.size + column
        blocked |= (depth > first[at] + bias) & (depth < last[at] - bias)
    soft = cv2.GaussianBlur(front.picture(blocked.astype(np.float32)), (0, 0), 0.006 * front.size)
    return soft.reshape(-1)[front.pixel]


def linear_from_srgb(rgb: np.ndarray) -> np.ndarray:
    """IEC 61966-2-1, values in [0, 1]."""
    return np.where(
        rgb <= 0.04045, rgb / 12.92, ((np.maximum(rgb, 0.04045) + 0.055) / 1.055) ** 2.4
    )


def srgb_from_linear(rgb: np.ndarray) -> np.ndarray:
    """The inverse, clipped to [0, 1]."""
    rgb = np.clip(rgb, 0, 1)
    return np.where(
        rgb <= 0.0031308, 12.92 * rgb, 1.055 * np.maximum(rgb, 1e-6) ** (1 / 2.4) - 0.055
    )
