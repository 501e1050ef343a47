"""The layered aggregator of Unicorn (Monnier et al., ECCV 2022): faces as sheets in depth order.

Inside a face nothing shows through it, outside it fades as exp(-distance^2 / sigma); colours are
composited front to back (specification msrn B.4). Where the depth softmax of `soft_rasterize` mixes
all faces at a pixel, here the order alone decides. Every face is evaluated at every pixel, a row
of pixels at a time: for study and small meshes.
"""

import functools

import jax
import jax.numpy as jnp

from jaxrelic.rendering.settings import RasterSettings, SoftImage
from jaxrelic.rendering.soft import dense, fragments
from jaxrelic.rendering.soft.aggregate import ALPHA_FLOOR
from jaxrelic.rendering.soft.texture import Appearance
from jaxrelic.rendering.soft_rasterizer import flatten, prepare
from jaxrelic.typing import Array, Float, typechecked

FACES_PER_PIXEL = 25


@typechecked
def layered_rasterize(
    face_vertices_ndc: Float[Array, "*b f 3 3"],
    appearance: Appearance,
    *,
    image_size: int | tuple[int, int],
    settings: RasterSettings | None = None,
    background: Float[Array, "3"] | tuple[float, float, float] = (1.0, 1.0, 1.0),
    faces_per_pixel: int = FACES_PER_PIXEL,
) -> SoftImage:
    """Renders faces front to back; rgb is already composited over the background.

    Args:
        face_vertices_ndc: Corners of faces, as in `soft_rasterize`.
        appearance: Corner colours, or a UV texture.
        image_size: Height and width in pixels, or one number for a square.
        settings: Softness and shading; gamma has no meaning here.
        background: RGB behind the last face.
        faces_per_pixel: Number of nearest faces that count at a pixel; how many were left
            out, summed over pixels, is `dropped`.
    """
    vertices, size, settings = prepare(face_vertices_ndc, image_size, settings)
    batch = vertices.shape[:-3]
    flat, appearance = flatten(vertices, appearance)
    background = jnp.asarray(background, flat.dtype)
    draw = functools.partial(_draw, count=min(faces_per_pixel, flat.shape[1]), size=size)
    image = jax.vmap(draw, (0, 0, None, None))(flat, appearance, background, settings)
    return jax.tree.map(lambda x: x.reshape(*batch, *x.shape[1:]), image)


@functools.partial(jax.jit, static_argnames=("count", "size"))
def _draw(
    vertices: Array,
    appearance: Appearance,
    background: Array,
    settings: RasterSettings,
    *,
    count: int,
    size: tuple[int, int],
) -> SoftImage:
    """One image of faces [f 3 3]."""
    vertices, present = fragments.drop_degenerate(vertices)
    corners = dense.components(vertices)

    @jax.checkpoint
    def row(pixels: Array) -> tuple[Array, ...]:
        position = pixels[None, None, :, 0], pixels[None, None, :, 1]
        met = fragments.meet(corners, present[:, None, None], position, settings)
        rgb = jnp.stack(dense.shade(met.barycentric, appearance.corner_values, appearance), -1)
        _, seen = fragments.nearness(met, settings)
        opacity = jnp.where(seen, jnp.exp(jnp.minimum(jnp.where(seen, met.logit, 0), 0)), 0)
        order = jnp.argsort(jnp.where(seen, met.depth, jnp.inf), axis=0)[:count]
        opacity, depth = (jnp.take_along_axis(x, order, axis=0) for x in (opacity, met.depth))
        rgb = jnp.take_along_axis(rgb, order[..., None], axis=0)
        rgb, alpha, depth = _composite(opacity, rgb, depth, background)
        left_out = jnp.maximum(jnp.sum(seen, axis=0) - count, 0)
        return rgb[0], alpha[0], depth[0], jnp.sum(left_out)

    rgb, alpha, depth, left_out = jax.lax.map(
        row, jnp.asarray(fragments.pixel_centres(*size), vertices.dtype)
    )
    return SoftImage(rgb=rgb, alpha=alpha, depth=depth, dropped=jnp.sum(left_out, dtype=jnp.int32))


def _composite(
    opacity: Array, rgb: Array, depth: Array, background: Array
) -> tuple[Array, Array, Array]:
    """Lays sheets [k ...], nearest first, over the background; returns colour, alpha and depth."""
    through = jnp.cumprod(1 - opacity, axis=0)
    before = jnp.concatenate([jnp.ones_like(through[:1]), through[:-1]])
    weight, behind = before * opacity, jnp.prod(1 - opacity, axis=0)
    alpha = 1 - behind
    colour = jnp.sum(weight[..., None] * rgb, axis=0)
    colour += behind[..., None] * jnp.broadcast_to(background, colour.shape)
    covered = alpha > ALPHA_FLOOR
    mean_depth = jnp.sum(weight * depth, axis=0) / jnp.where(covered, alpha, 1)
    return colour, alpha, jnp.where(covered, mean_depth, 0)
