"""Where a face meets a pixel: coverage, clipped barycentrics and depth (specification B.1-B.3).

Coordinates are NDC with x right, y up and the longer image side on [-1, 1]; z is depth.
"""

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np

from jaxrelic.rendering.settings import RasterSettings
from jaxrelic.typing import Array, Bool, Float, typechecked

MIN_DEPTH = 1e-3
"""A face with a corner nearer than this is absent: its projection has no meaning."""
MAX_NDC = 1e5
"""A face reaching farther out than this is absent: squared lengths would lose the image."""
MIN_AREA = 1e-9
"""A face with a smaller area in NDC is absent: its barycentrics would overflow."""
ALPHA_FLOOR = 1e-4
"""Pixels covered less than this report depth 0."""


@flax.struct.dataclass
class Fragments:
    """All meetings of f faces with p pixels."""

    covered: jax.Array
    """The face counts at this pixel, [f, p] bool."""
    logit: jax.Array
    """Signed squared distance over sigma, positive inside, [f, p]."""
    barycentric: jax.Array
    """Clipped and normalised weights of the corners, [f, p, 3]."""
    depth: jax.Array
    """Perspective-correct depth, [f, p]."""


def axis_scale(height: int, width: int) -> np.ndarray:
    """Factors [2] from the caller's [-1, 1] on both axes to isotropic NDC; 1 for square images."""
    return np.array([width, height]) / max(height, width)


def pixel_centers(height: int, width: int) -> np.ndarray:
    """Isotropic NDC of all pixel centres, rows from the top, [h, w, 2] float64."""
    x = (2 * np.arange(width) + 1) / width - 1
    y = 1 - (2 * np.arange(height) + 1) / height
    return np.stack(np.meshgrid(x, y), axis=-1) * axis_scale(height, width)


@typechecked
def drop_degenerate(
    vertices: Float[Array, "*b f 3 3"],
) -> tuple[Float[Array, "*b f 3 3"], Bool[Array, "*b f"]]:
    """Replaces faces that cannot be drawn by a harmless one, which `present` [*b f] marks False.

    Replacing, rather than masking results, keeps every later division and its gradient finite.
    """
    harmless = jnp.array([[0, 0, 1], [1, 0, 1], [0, 1, 1]], vertices.dtype)
    harmless = jnp.broadcast_to(harmless, vertices.shape)
    # A comparison with NaN is False, so non-finite faces fall out here too.
    sound = jnp.all(jnp.abs(vertices[..., :2]) < MAX_NDC, axis=(-2, -1))
    sound &= jnp.all((vertices[..., 2] >= MIN_DEPTH) & jnp.isfinite(vertices[..., 2]), axis=-1)
    vertices = jnp.where(sound[..., None, None], vertices, harmless)
    present = sound & (jnp.abs(doubled_area(vertices)) >= 2 * MIN_AREA)
    return jnp.where(present[..., None, None], vertices, harmless), present


def doubled_area(vertices: Array) -> Array:
    """Twice the signed area of faces [*b f 3 3] in the image plane, [*b f]."""
    a, b, c = (vertices[..., k, :2] for k in range(3))
    return _cross(b - a, c - a)


def _cross(a: Array, b: Array) -> Array:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


@typechecked
def meet(
    vertices: Float[Array, "f 3 3"],
    present: Bool[Array, " f"],
    pixels: Float[Array, "p 2"],
    settings: RasterSettings,
) -> Fragments:
    """Evaluates every face at every pixel; faces must have passed `drop_degenerate`."""
    corners = vertices[:, None, :, :2]
    to_pixel = pixels[None, :, None] - corners
    edges = jnp.roll(corners, -1, axis=-2) - corners
    # Edge k runs from corner k to k + 1, so it is opposite corner k + 2.
    opposite = _cross(edges, to_pixel) / doubled_area(vertices)[:, None, None]
    weights = jnp.roll(opposite, -1, axis=-1)
    inside = jnp.all(weights > 0, axis=-1)
    distance = _squared_distance(edges, to_pixel)
    sign = jnp.where(inside, 1.0, -1.0).astype(distance.dtype)
    clipped = jnp.clip(weights, 0, 1)
    clipped /= jnp.maximum(jnp.sum(clipped, axis=-1, keepdims=True), 1e-5)
    if not settings.bary_grad:
        clipped = jax.lax.stop_gradient(clipped)
    return Fragments(
        covered=present[:, None] & (inside | (distance < settings.cutoff)),
        logit=sign * distance / settings.sigma,
        barycentric=clipped,
        depth=1 / jnp.sum(clipped / vertices[:, None, :, 2], axis=-1),
    )


def _squared_distance(edges: Array, to_pixel: Array) -> Array:
    """Squared distance to the nearest of three segments; [f, 1, 3, 2], [f, p, 3, 2] -> [f, p].

    The nearest point's position t along its segment is held constant in the gradient: the
    distance is stationary in it, or it is clamped to a corner.
    """
    length = jnp.sum(edges**2, axis=-1)
    # An edge of zero length cannot belong to a face with area, except by rounding.
    t = jnp.sum(edges * to_pixel, axis=-1) / jnp.where(length > 0, length, 1)
    t = jax.lax.stop_gradient(jnp.clip(t, 0, 1))
    squared = jnp.sum((to_pixel - t[..., None] * edges) ** 2, axis=-1)
    # Ties take the first edge, so that both paths differentiate the same one.
    first = jnp.where(squared[..., 0] <= squared[..., 1], squared[..., 0], squared[..., 1])
    return jnp.where(first <= squared[..., 2], first, squared[..., 2])
