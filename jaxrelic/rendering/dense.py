"""The reference soft rasterizer: every face at every pixel, a block of faces at a time.

Slow and plain; it defines what the fast path must return, and runs in float64 when asked.
"""

import flax.struct
import jax
import jax.numpy as jnp

from jaxrelic.rendering import fragments, texture
from jaxrelic.rendering.settings import RasterSettings, SoftImage
from jaxrelic.typing import Array, Float, typechecked

BLOCK_FACES = 16
"""Faces per step: bounds the memory of a step to 16 images' worth per array."""


@flax.struct.dataclass
class _Sums:
    """Running sums over faces; exponents are relative to `peak`, so nothing overflows."""

    opacity: jax.Array
    """Minus the log probability that no face so far covers the pixel, [p]."""
    peak: jax.Array
    """Largest normalised nearness so far, starting from the background's, [p]."""
    weight: jax.Array
    """Sum of the colour weights of faces, [p]."""
    rgb: jax.Array
    """Weighted colour, [p, 3]."""
    depth: jax.Array
    """Weighted depth, [p]."""


@typechecked
def rasterize_dense(
    vertices: Float[Array, "f 3 3"],
    appearance: texture.Appearance,
    background: Float[Array, "3"],
    *,
    image_size: tuple[int, int],
    settings: RasterSettings,
) -> SoftImage:
    """Renders one image of faces given in isotropic NDC (see `fragments`)."""
    height, width = image_size
    pixels = jnp.asarray(fragments.pixel_centers(height, width), vertices.dtype).reshape(-1, 2)
    if isinstance(appearance, texture.UvTexture):
        corner_values = jax.lax.stop_gradient(appearance.face_uvs)
    else:
        corner_values = appearance.colors

    @jax.checkpoint
    def step(sums: _Sums, block: tuple[Array, Array, Array]) -> tuple[_Sums, None]:
        vertices, present, corner_values = block
        met = fragments.meet(vertices, present, pixels, settings)
        values = jnp.einsum("fpk,fkc->fpc", met.barycentric, corner_values, precision="highest")
        if isinstance(appearance, texture.UvTexture):
            values = texture.sample_texture(appearance.texture, values)
        return _add(sums, met, values, settings), None

    # Padding comes first: the zero faces it adds are degenerate and thereby absent.
    vertices, present = fragments.drop_degenerate(_blocks(vertices))
    blocks = (vertices, present, _blocks(corner_values))
    sums, _ = jax.lax.scan(step, _empty(pixels, settings), blocks)
    image = _resolve(sums, background, settings)
    return jax.tree.map(lambda x: x.reshape(height, width, *x.shape[1:]), image).replace(
        dropped=jnp.zeros((), jnp.int32)
    )


def _blocks(x: Array) -> Array:
    """Splits faces [f ...] into blocks, at least one, padded with zeros."""
    count = max(1, -(-x.shape[0] // BLOCK_FACES))
    padding = count * BLOCK_FACES - x.shape[0]
    x = jnp.pad(x, [(0, padding)] + [(0, 0)] * (x.ndim - 1), mode="constant")
    return x.reshape(count, BLOCK_FACES, *x.shape[1:])


def _empty(pixels: Array, settings: RasterSettings) -> _Sums:
    zero = jnp.zeros_like(pixels[:, 0])
    return _Sums(
        opacity=zero,
        peak=zero + 2 * settings.background_eps,
        weight=zero,
        rgb=jnp.zeros((*zero.shape, 3), zero.dtype),
        depth=zero,
    )


def _add(
    sums: _Sums, met: fragments.Fragments, rgb: Float[Array, "f p 3"], settings: RasterSettings
) -> _Sums:
    """One step of the online depth softmax (specification B.3)."""
    logit = jnp.where(met.covered, met.logit, 0)
    opacity = jnp.where(met.covered, jax.nn.softplus(logit), 0)
    coloured = met.covered & (met.depth >= settings.near) & (met.depth <= settings.far)
    nearness = jnp.where(coloured, (settings.far - met.depth) / (settings.far - settings.near), 0)
    peak = jnp.maximum(sums.peak, jax.lax.stop_gradient(jnp.max(nearness, axis=0)))
    weight = jnp.exp((nearness - peak[None]) / settings.gamma) * jax.nn.sigmoid(logit)
    weight = jnp.where(coloured, weight, 0)
    fade = jnp.exp((sums.peak - peak) / settings.gamma)
    return _Sums(
        opacity=sums.opacity + jnp.sum(opacity, axis=0),
        peak=peak,
        weight=fade * sums.weight + jnp.sum(weight, axis=0),
        rgb=fade[:, None] * sums.rgb + jnp.sum(weight[..., None] * rgb, axis=0),
        depth=fade * sums.depth + jnp.sum(weight * met.depth, axis=0),
    )


def _resolve(sums: _Sums, background: Array, settings: RasterSettings) -> SoftImage:
    """Normalises the sums and lets the background take its share of the colour."""
    behind = jnp.exp((2 * settings.background_eps - sums.peak) / settings.gamma)
    alpha = -jnp.expm1(-sums.opacity)
    seen = (alpha > fragments.ALPHA_FLOOR) & (sums.weight > 0)
    rgb = (sums.rgb + behind[:, None] * background[None]) / (sums.weight + behind)[:, None]
    depth = jnp.where(seen, sums.depth / jnp.where(seen, sums.weight, 1), 0)
    return SoftImage(rgb=rgb, alpha=alpha, depth=depth, dropped=jnp.zeros_like(alpha))
