"""Where a face meets a pixel: coverage, clipped barycentrics and depth.

Specification msrn B.1-B.3.

Coordinates are NDC with x right, y up and the longer image side on [-1, 1]; z is depth.
"""

from collections.abc import Sequence

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


Corners = Sequence[Sequence[Float[Array, "*#m"]]]
"""x, y and z of three corners."""


@flax.struct.dataclass
class Fragments:
    """Meetings of faces with pixels; `*m` is the broadcast shape of both."""

    covered: jax.Array
    """The face counts at this pixel, [*m] bool."""
    logit: jax.Array
    """Signed squared distance over sigma, positive inside, [*m]."""
    barycentric: tuple[jax.Array, jax.Array, jax.Array]
    """Clipped and normalised weights of the corners, each [*m]."""
    depth: jax.Array
    """Perspective-correct depth, [*m]."""


def axis_scale(height: int, width: int) -> np.ndarray:
    """Factors [2] from the caller's [-1, 1] on both axes to isotropic NDC; 1 for square images."""
    return np.array([width, height]) / max(height, width)


def pixel_centres(height: int, width: int) -> np.ndarray:
    """Isotropic NDC of all pixel centres, rows from the top, [h, w, 2] float64."""
    x = (2 * np.arange(width) + 1) / width - 1
    y = 1 - (2 * np.arange(height) + 1) / height
    return np.stack(np.meshgrid(x, y), axis=-1) * axis_scale(height, width)


def pixel_reach(
    coordinate: Array, size: int, longer: int, settings: RasterSettings
) -> tuple[Array, Array]:
    """First and last pixel along an axis that faces may cover; last < first where there is none.

    Args:
        coordinate: Isotropic NDC of the corners along the axis of growing pixel numbers, [*b f 3].
        size: Pixels along the axis.
        longer: Pixels along the longer axis.
        settings: How far a face reaches beyond its edges.
    """
    margin = 1.001 * jnp.sqrt(settings.cutoff)
    low = (jnp.min(coordinate, axis=-1) - margin) * (longer / 2) + (size - 1) / 2
    high = (jnp.max(coordinate, axis=-1) + margin) * (longer / 2) + (size - 1) / 2
    first = jnp.ceil(jnp.clip(low, 0, size)).astype(jnp.int32)
    return first, jnp.floor(jnp.clip(high, -1, size - 1)).astype(jnp.int32)


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
    a, b, c = (vertices[..., k, :2] for k in range(3))
    present = sound & (jnp.abs(_cross(b - a, c - a)) >= 2 * MIN_AREA)
    return jnp.where(present[..., None, None], vertices, harmless), present


def _cross(a: Array, b: Array) -> Array:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


@typechecked
def meet(
    corners: Corners,
    present: Bool[Array, "*#m"],
    pixel: tuple[Float[Array, "*#m"], Float[Array, "*#m"]],
    settings: RasterSettings,
) -> Fragments:
    """Evaluates faces at pixels.

    Components arrive as separate arrays: XLA turns them into plain vector arithmetic, where the
    gradient of indexing into one array would be a chain of padded sums.

    Args:
        corners: x, y and z of each corner; faces must have passed `drop_degenerate`.
        present: Faces that exist.
        pixel: x and y of the pixel centres.
        settings: Constants of the method.
    """
    (x0, y0, z0), (x1, y1, z1), (x2, y2, z2) = corners
    dx = [pixel[0] - x for x in (x0, x1, x2)]
    dy = [pixel[1] - y for y in (y0, y1, y2)]
    # Edge k runs from corner k to k + 1.
    ex = x1 - x0, x2 - x1, x0 - x2
    ey = y1 - y0, y2 - y1, y0 - y2
    inverse_area = 1 / (ex[2] * ey[0] - ex[0] * ey[2])
    beside = [(ex[k] * dy[k] - ey[k] * dx[k]) * inverse_area for k in range(3)]
    # Edge k is opposite corner k + 2, so the weight of corner k belongs to edge k + 1.
    weights = beside[1], beside[2], beside[0]
    inside = (weights[0] > 0) & (weights[1] > 0) & (weights[2] > 0)
    squared = [_squared_distance(dx[k], dy[k], ex[k], ey[k]) for k in range(3)]
    # Ties take the first edge, so that both paths differentiate the same one.
    distance = jnp.where(squared[0] <= squared[1], squared[0], squared[1])
    distance = jnp.where(distance <= squared[2], distance, squared[2])
    clipped = [jnp.clip(weight, 0, 1) for weight in weights]
    total = jnp.maximum(clipped[0] + clipped[1] + clipped[2], 1e-5)
    clipped = [weight / total for weight in clipped]
    if not settings.bary_grad:
        clipped = jax.lax.stop_gradient(clipped)
    return Fragments(
        covered=present & (inside | (distance < settings.cutoff)),
        logit=jnp.where(inside, distance, -distance) / settings.sigma,
        barycentric=tuple(clipped),
        depth=1 / (clipped[0] / z0 + clipped[1] / z1 + clipped[2] / z2),
    )


def _squared_distance(dx: Array, dy: Array, ex: Array, ey: Array) -> Array:
    """Squared distance from a pixel to a segment e, the pixel being at d from its start.

    The nearest point's position t along the segment is held constant in the gradient: the
    distance is stationary in it, or it is clamped to a corner.
    """
    length = ex * ex + ey * ey
    # An edge of zero length belongs to a face with area only by rounding.
    t = (dx * ex + dy * ey) / jnp.where(length > 0, length, 1)
    t = jax.lax.stop_gradient(jnp.clip(t, 0, 1))
    return (dx - t * ex) ** 2 + (dy - t * ey) ** 2


def nearness(met: Fragments, settings: RasterSettings) -> tuple[Array, Array]:
    """Normalised depth, 1 at `near`, and whether the fragment has colour; both [*m]."""
    coloured = met.covered & (met.depth >= settings.near) & (met.depth <= settings.far)
    value = (settings.far - met.depth) / (settings.far - settings.near)
    return jnp.where(coloured, value, 0), coloured
