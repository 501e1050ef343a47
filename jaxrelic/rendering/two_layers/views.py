"""A training view: photograph of a crop, its outline, depths of the first and last surface.

Depths are d = (z - z0) / W, z0 the depth of the centre of the object's box and W what the crop
spans there: neither a lens nor a unit is needed to predict or to use them.
"""

import dataclasses

import cv2
import numpy as np

from jaxrelic.rendering.two_layers.hits import Hits
from jaxrelic.rendering.two_layers.lighting import lit, random_lighting, srgb_from_linear
from jaxrelic.rendering.two_layers.painted import PaintedMesh, Seen, see
from jaxrelic.rendering.two_layers.shots import Shot

PICTURE_PX = 128
LAYER_PX = 64
"""Side of the layers."""
TRACED_PX = 192
"""Side of what is drawn: 1.5 rays a pixel, and one in the middle of each cell of the layers."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class View:
    """What one shot shows."""

    photo: np.ndarray
    """sRGB over a random background, [128, 128, 3] uint8."""
    mask: np.ndarray
    """Coverage, 255 is whole, [128, 128] uint8."""
    front: np.ndarray
    """d of the first surface at cell centres, 0 outside, [64, 64] float16."""
    back: np.ndarray
    """d of the last surface, [64, 64] float16."""
    covered: np.ndarray
    """Where cell centres hit the object, [64, 64] bool."""
    inside_out: float
    """Share of the pixels whose last surface shows its inside: the mesh is open or turned."""


def random_view(mesh: PaintedMesh, shot: Shot, rng: np.random.Generator) -> View:
    """Lights and photographs one shot."""
    pixel_from_cam = shot.pixel_from_cam(TRACED_PX)
    sight = see(mesh, shot.cam_from_world, pixel_from_cam, TRACED_PX)
    front, last_depth = sight.surface(0), sight.hits.depth[1].reshape(-1)[sight.pixel]
    light = random_lighting(rng, shot.cam_from_world[:3, 2], mesh.roughness)
    radiance = lit(front, last_depth, pixel_from_cam, light)
    photo, mask = photograph(front, radiance, rng)
    first, last, covered = layers(sight.hits, shot)
    return View(
        photo=photo,
        mask=mask,
        front=first,
        back=last,
        covered=covered,
        inside_out=sight.inside_out(),
    )


def layers(hits: Hits, shot: Shot) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Both depths and coverage at the ray nearest to each cell's centre, [64, 64] each."""
    step = hits.depth.shape[-1] // LAYER_PX
    pick = slice(step // 2, None, step)
    covered = hits.covered[pick, pick]
    d = (hits.depth[:, pick, pick] - shot.depth_centre) / shot.width
    first, last = np.where(covered, np.clip(d, -8, 8), 0).astype(np.float16)
    return first, last, covered


def photograph(
    front: Seen, radiance: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Exposure, white balance, background, blur, noise, JPEG: [128, 128, 3] and mask, uint8."""
    exposure = _exposure(radiance, rng)
    balance = rng.normal(1, 0.06, 3)
    picture = front.picture(np.float32(radiance * exposure * balance))
    alpha = front.picture(np.ones(len(front.pixel), np.float32))
    small = (PICTURE_PX, PICTURE_PX)
    picture = cv2.resize(picture, small, interpolation=cv2.INTER_AREA)
    alpha = cv2.resize(alpha, small, interpolation=cv2.INTER_AREA)
    picture = picture + (1 - alpha[..., None]) * background(rng)
    blur = rng.uniform(0, 1.1)
    if blur > 0.35:
        picture = cv2.GaussianBlur(picture, (0, 0), blur)
    rgb = srgb_from_linear(picture)
    contrast = rng.uniform(0.85, 1.2)
    rgb = 0.5 + contrast * (rgb - 0.5) + rng.normal(0, rng.uniform(0, 0.03), rgb.shape)
    return _jpeg(rgb, rng), np.uint8(np.round(255 * alpha))


def _exposure(radiance: np.ndarray, rng: np.random.Generator) -> float:
    """Brings a bright part of the object to a middle or light tone."""
    if not len(radiance):
        return 1.0
    bright = float(np.percentile(radiance[::3], 90))
    return rng.uniform(0.25, 0.95) / max(bright, 1e-3)


def background(rng: np.random.Generator) -> np.ndarray:
    """A wall: one colour, shading off in one direction, cloudy at times; linear RGB."""
    base = rng.uniform(0, 1) ** 2 * (1 + rng.uniform(-0.3, 0.3, 3) * (rng.random() < 0.5))
    axis = np.linspace(-1, 1, PICTURE_PX)
    slope = rng.uniform(-0.4, 0.4, 2)
    wall = 1 + slope[0] * axis[:, None] + slope[1] * axis
    if rng.random() < 0.4:
        clouds = rng.normal(size=(8, 8)).astype(np.float32)
        wall = wall + 0.3 * cv2.resize(clouds, (PICTURE_PX,) * 2, interpolation=cv2.INTER_CUBIC)
    return np.float32(np.clip(wall, 0, None)[..., None] * base)


def _jpeg(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Bytes [h, w, 3], compressed and decoded on most pictures."""
    image = np.uint8(np.round(255 * np.clip(rgb, 0, 1)))
    if rng.random() < 0.25:
        return image
    quality = int(rng.integers(35, 96))
    _, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])
