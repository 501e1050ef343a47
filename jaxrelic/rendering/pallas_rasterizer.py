"""Draft."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton

from jaxrelic.rendering import fragments, pallas_kernels
from jaxrelic.rendering.aggregate import PixelSums, resolve
from jaxrelic.rendering.pallas_kernels import CHANNELS, GROUP, TILE, Scene, Tables
from jaxrelic.rendering.settings import RasterSettings, SoftImage
from jaxrelic.rendering.texture import Appearance, UvTexture, texel_cells
from jaxrelic.typing import Array, Bool, Float, Int, typechecked


@functools.partial(jax.jit, static_argnames="image_size")
@typechecked
def rasterize_pallas(
    vertices: Float[Array, "b f 3 3"],
    appearance: Appearance,
    background: Float[Array, "3"],
    *,
    image_size: tuple[int, int],
    settings: RasterSettings,
) -> SoftImage:
    """Renders faces given in isotropic NDC (see `fragments`), as `rasterize_dense` does."""
    vertices, present = fragments.drop_degenerate(vertices)
    height, width = image_size
    textured = isinstance(appearance, UvTexture)
    scene = Scene(
        num_images=vertices.shape[0],
        faces_per_image=vertices.shape[1],
        tiles=(-(-height // TILE[0]), -(-width // TILE[1])),
        texture_size=appearance.texture.shape[-3:-1] if textured else None,
        # What a custom gradient takes as static must not hold a traced array.
        settings=dataclasses.replace(settings, sigma=0.0),
    )
    colors = texel_cells(appearance.texture) if textured else appearance.colors
    x, y = _axes(image_size, scene)
    tables = Tables(
        reach=_reach(vertices, present, image_size, settings),
        corners=vertices.reshape(-1, 9),
        colors=colors.reshape(-1, 12 if textured else 9),
        uvs=appearance.face_uvs.reshape(-1, 6) if textured else None,
        x=jnp.asarray(x, vertices.dtype),
        y=jnp.asarray(y, vertices.dtype),
        sigma=settings.sigma.reshape(1),
    )
    drawn = _draw(scene, tables)[:, :, :height, :width]
    *sums, peak = (drawn[:, channel] for channel in range(CHANNELS))
    # The image does not depend on the peak: weights and background are both relative to it.
    return resolve(PixelSums(*sums), jax.lax.stop_gradient(peak), background, settings)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _draw(scene: Scene, tables: Tables) -> Array:
    """Sums and peak of all pixels of all tiles, [b 7 h w]."""
    kernel = functools.partial(pallas_kernels.draw_tile, scene=scene)
    shape = scene.num_images, CHANNELS, *scene.pixels
    out = jax.ShapeDtypeStruct(shape, tables.corners.dtype)
    return _launch(kernel, scene.num_images * scene.tiles[0] * scene.tiles[1], out, (tables,), {})


def _draw_forward(scene: Scene, tables: Tables) -> tuple[Array, tuple[Tables, Array]]:
    drawn = _draw(scene, tables)
    return drawn, (tables, drawn)


def _draw_backward(
    scene: Scene, saved: tuple[Tables, Array], cotangent: Array
) -> tuple[Tables]:
    tables, drawn = saved
    kernel = functools.partial(pallas_kernels.differentiate_face, scene=scene)
    zeros = None if scene.texture_size is None else jnp.zeros_like(tables.colors)
    arguments = tables, drawn, cotangent, zeros
    aliases = {} if zeros is None else {len(jax.tree.leaves(arguments)) - 1: 1}
    out = tuple(jax.ShapeDtypeStruct(t.shape, t.dtype) for t in (tables.corners, tables.colors))
    by_corners, by_colors = _launch(kernel, tables.corners.shape[0], out, arguments, aliases)
    nothing = jax.tree.map(lambda _: None, tables)
    return (nothing.replace(corners=by_corners, colors=by_colors),)


_draw.defvjp(_draw_forward, _draw_backward)


def _launch(
    kernel: Callable[..., None], programs: int, out: Any, arguments: tuple, aliases: dict[int, int]
) -> Any:
    """Runs a kernel on a GPU, or elsewhere interprets it."""
    call = functools.partial(
        pl.pallas_call,
        kernel,
        out_shape=out,
        grid=(programs,),
        input_output_aliases=aliases,
        compiler_params=triton.CompilerParams(num_warps=1, num_stages=1),
        name=kernel.func.__name__,
    )
    return jax.lax.platform_dependent(
        *arguments, cuda=call(interpret=False), default=call(interpret=True)
    )


def _axes(image_size: tuple[int, int], scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    """Isotropic NDC of the columns and rows of pixels; those past the image repeat its last."""
    centers = fragments.pixel_centers(*image_size)
    down, across = (more - size for more, size in zip(scene.pixels, image_size, strict=True))
    x, y = centers[0, :, 0], centers[:, 0, 1]
    return np.pad(x, (0, across), mode="edge"), np.pad(y, (0, down), mode="edge")


@typechecked
def _reach(
    vertices: Float[Array, "b f 3 3"],
    present: Bool[Array, "b f"],
    image_size: tuple[int, int],
    settings: RasterSettings,
) -> Int[Array, "b 4 g"]:
    """Tiles that each face may cover; see `Tables.reach`."""
    height, width = image_size
    margin = 1.001 * jnp.sqrt(settings.cutoff)
    ends = []
    for coordinate, size, tile in (
        (-vertices[..., 1], height, TILE[0]),
        (vertices[..., 0], width, TILE[1]),
    ):
        half = max(image_size) / 2
        low = (jnp.min(coordinate, axis=-1) - margin) * half + (size - 1) / 2
        high = (jnp.max(coordinate, axis=-1) + margin) * half + (size - 1) / 2
        first = jnp.ceil(jnp.clip(low, 0, size)).astype(jnp.int32)
        last = jnp.floor(jnp.clip(high, -1, size - 1)).astype(jnp.int32)
        present &= first <= last
        ends += [first // tile, last // tile]
    nowhere = jnp.array([1, 0, 1, 0], jnp.int32)[None, :, None]
    reach = jnp.where(present[:, None], jnp.stack(ends, axis=1), nowhere)
    padding = -reach.shape[-1] % GROUP
    filler = jnp.broadcast_to(nowhere, (reach.shape[0], 4, padding))
    return jnp.concatenate([reach, filler], axis=-1)
