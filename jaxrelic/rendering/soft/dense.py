"""The reference soft rasterizer: every face at every pixel, a block of faces at a time.

Slow and plain; it defines what the fast path must return, and runs in float64 when asked.
"""

import jax
import jax.numpy as jnp

from jaxrelic.rendering.settings import RasterSettings, SoftImage
from jaxrelic.rendering.soft import fragments
from jaxrelic.rendering.soft.aggregate import (
    BACKGROUND_NEARNESS,
    PixelSums,
    contribute,
    opacity,
    resolve,
)
from jaxrelic.rendering.soft.texture import Appearance, UvTexture, interpolate, sample_texture
from jaxrelic.typing import Array, Float, typechecked

BLOCK_FACES = 16
"""Faces per step: bounds the memory of a step to 16 images' worth per array."""


@typechecked
def rasterize_dense(
    vertices: Float[Array, "b f 3 3"],
    appearance: Appearance,
    background: Float[Array, "3"],
    *,
    image_size: tuple[int, int],
    settings: RasterSettings,
) -> SoftImage:
    """Renders faces given in isotropic NDC (see `fragments`)."""
    draw = jax.vmap(lambda vertices, appearance: _draw(vertices, appearance, image_size, settings))
    sums, peak = draw(vertices, appearance)
    return resolve(sums, peak, background, settings)


def _draw(
    vertices: Array, appearance: Appearance, image_size: tuple[int, int], settings: RasterSettings
) -> tuple[PixelSums, Array]:
    """Sums [h w] and peak nearness [h w] of one image."""
    pixels, faces = _prepare(vertices, image_size)

    def raise_peak(peak: Array, block: tuple[Array, Array]) -> tuple[Array, None]:
        met = _meet(block, pixels, settings)
        nearness, _ = fragments.nearness(met, settings)
        return jnp.maximum(peak, jnp.max(nearness, axis=0)), None

    @jax.checkpoint
    def add(sums: PixelSums, block: tuple[tuple[Array, Array], Array]) -> tuple[PixelSums, None]:
        face_block, values = block
        met = _meet(face_block, pixels, settings)
        rgb = shade(met.barycentric, values, appearance)
        added = contribute(met, rgb, peak[None], settings)
        return jax.tree.map(lambda total, x: total + jnp.sum(x, axis=0), sums, added), None

    floor = jnp.full(image_size, BACKGROUND_NEARNESS, vertices.dtype)
    peak, _ = jax.lax.scan(raise_peak, floor, jax.lax.stop_gradient(faces))
    none = PixelSums(*[jnp.zeros_like(floor)] * 6)
    sums, _ = jax.lax.scan(add, none, (faces, _blocks(appearance.corner_values)))
    return sums, peak


@typechecked
def cover_dense(
    vertices: Float[Array, "b f 3 3"], *, image_size: tuple[int, int], settings: RasterSettings
) -> Float[Array, "b h w"]:
    """The alpha of `rasterize_dense` alone."""

    def cover(vertices: Array) -> Array:
        pixels, faces = _prepare(vertices, image_size)

        @jax.checkpoint
        def add(total: Array, block: tuple[Array, Array]) -> tuple[Array, None]:
            return total + jnp.sum(opacity(_meet(block, pixels, settings)), axis=0), None

        total, _ = jax.lax.scan(add, jnp.zeros(image_size, vertices.dtype), faces)
        return PixelSums(total).alpha

    return jax.vmap(cover)(vertices)


def _prepare(
    vertices: Array, image_size: tuple[int, int]
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Pixel centres x and y [1 h w], and blocks of faces with whether they are present."""
    pixels = jnp.asarray(fragments.pixel_centres(*image_size), vertices.dtype)
    # Padding comes first: the zero faces it adds are degenerate and thereby absent.
    blocks = fragments.drop_degenerate(_blocks(vertices))
    return (pixels[None, ..., 0], pixels[None, ..., 1]), blocks


def _blocks(x: Array) -> Array:
    """Splits faces [f ...] into blocks, at least one, padded with zeros."""
    count = max(1, -(-x.shape[0] // BLOCK_FACES))
    padding = count * BLOCK_FACES - x.shape[0]
    x = jnp.pad(x, [(0, padding)] + [(0, 0)] * (x.ndim - 1), mode="constant")
    return x.reshape(count, BLOCK_FACES, *x.shape[1:])


def _meet(
    block: tuple[Array, Array], pixels: tuple[Array, Array], settings: RasterSettings
) -> fragments.Fragments:
    vertices, present = block
    return fragments.meet(components(vertices), present[:, None, None], pixels, settings)


def components(x: Array) -> list[list[Array]]:
    """Takes values [f 3 c] of corners apart, each ready to meet pixels: [f 1 1]."""
    return [[x[:, k, c, None, None] for c in range(x.shape[-1])] for k in range(3)]


def shade(
    barycentric: tuple[Array, ...], values: Array, appearance: Appearance
) -> tuple[Array, Array, Array]:
    """Red, green and blue of each fragment [f h w]."""
    values = interpolate(barycentric, components(values))
    if isinstance(appearance, UvTexture):
        rgb = sample_texture(appearance.texture, jnp.stack(values, axis=-1))
        return rgb[..., 0], rgb[..., 1], rgb[..., 2]
    return values
