"""The soft rasterizer as two Pallas kernels for NVIDIA GPUs, forward and backward.

Written for many images of small faces: 16 images of 64 px and 1280 faces are 2048 tiles of 4x8
pixels forward and 20480 faces backward, each the work of one warp. Forward, a tile compares its
place with the reach of 32 faces at a time, packs the answers into the bits of an integer, and
draws the faces whose bits are set. There is no list of faces per tile, so there is nothing to
sort, to size or to overflow. Backward, a face visits the tiles of its reach and keeps its gradient
in registers; only texels, which faces share, need atomic additions. A backward pass over a few
faces as large as the image is therefore slow: each is one warp's work.

Never run on a GPU yet: the kernels are tested in Pallas's interpreter and lowered to Triton.
Divisions in Triton are accurate to 2 units in the last place, which `gamma` magnifies in colours
just as it does any rounding of depth. JAX 0.12 announces that it will drop Triton from Pallas;
the other paths do not depend on it.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton

from jaxrelic.rendering.settings import RasterSettings, SoftImage
from jaxrelic.rendering.soft import fragments, pallas_kernels
from jaxrelic.rendering.soft.aggregate import PixelSums, resolve
from jaxrelic.rendering.soft.pallas_kernels import CHANNELS, LANES, TILE, Plan, Tables
from jaxrelic.rendering.soft.texture import Appearance, UvTexture, texel_cells
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
    """Renders faces given in isotropic NDC (see `fragments`), as `rasterize_dense` does.

    On any platform but CUDA the kernels are interpreted, which is slow.
    """
    vertices, present = fragments.drop_degenerate(vertices)
    textured = isinstance(appearance, UvTexture)
    plan = Plan(
        num_images=vertices.shape[0],
        faces_per_image=vertices.shape[1],
        tiles=(-(-image_size[0] // TILE[0]), -(-image_size[1] // TILE[1])),
        texture_size=appearance.texture.shape[-3:-1] if textured else None,
        # What a custom gradient takes as static must not hold a traced array.
        settings=dataclasses.replace(settings, sigma=0.0),
    )
    colours = texel_cells(appearance.texture) if textured else appearance.colours
    x, y = _tile_centres(image_size, plan)
    tables = Tables(
        reach=_reach(vertices, present, image_size, settings),
        corners=vertices.reshape(-1, 9),
        colours=colours.reshape(-1, 12 if textured else 9),
        uvs=appearance.face_uvs.reshape(-1, 6) if textured else None,
        x=jnp.asarray(x, vertices.dtype),
        y=jnp.asarray(y, vertices.dtype),
        sigma=settings.sigma.reshape(1),
    )
    *sums, peak = _join_tiles(_draw(plan, tables), image_size, plan)
    # The image does not depend on the peak: weights and background are both relative to it.
    return resolve(PixelSums(*sums), jax.lax.stop_gradient(peak), background, settings)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _draw(plan: Plan, tables: Tables) -> Array:
    """Sums and peak of the pixels of all tiles of all images, [tiles 7 32]."""
    kernel = functools.partial(pallas_kernels.draw_tile, plan=plan)
    tiles = plan.num_images * plan.num_tiles
    out = jax.ShapeDtypeStruct((tiles, CHANNELS, LANES), tables.corners.dtype)
    return _launch(kernel, tiles, out, (tables,), {})


def _draw_forward(plan: Plan, tables: Tables) -> tuple[Array, tuple[Tables, Array]]:
    drawn = _draw(plan, tables)
    return drawn, (tables, drawn)


def _draw_backward(plan: Plan, saved: tuple[Tables, Array], cotangent: Array) -> tuple[Tables]:
    tables, drawn = saved
    kernel = functools.partial(pallas_kernels.differentiate_face, plan=plan)
    zeros = None if plan.texture_size is None else jnp.zeros_like(tables.colours)
    arguments = tables, drawn, cotangent, zeros
    aliases = {} if zeros is None else {len(jax.tree.leaves(arguments)) - 1: 1}
    out = tuple(jax.ShapeDtypeStruct(t.shape, t.dtype) for t in (tables.corners, tables.colours))
    by_corners, by_colours = _launch(kernel, tables.corners.shape[0], out, arguments, aliases)
    nothing = jax.tree.map(lambda _: None, tables)
    return (nothing.replace(corners=by_corners, colours=by_colours),)


_draw.defvjp(_draw_forward, _draw_backward)


def _launch(
    kernel: Callable[..., None], programs: int, out: Any, arguments: tuple, aliases: dict[int, int]
) -> Any:
    """Runs a kernel on a GPU, one warp per program, or elsewhere interprets it."""
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


def _join_tiles(drawn: Array, image_size: tuple[int, int], plan: Plan) -> list[Array]:
    """Channels [b h w] of the images that tiles [tiles 7 32] make up."""
    down, across = plan.tiles
    drawn = drawn.reshape(plan.num_images, down, across, CHANNELS, *TILE)
    drawn = drawn.transpose(3, 0, 1, 4, 2, 5)
    drawn = drawn.reshape(CHANNELS, plan.num_images, down * TILE[0], across * TILE[1])
    return list(drawn[:, :, : image_size[0], : image_size[1]])


def _tile_centres(image_size: tuple[int, int], plan: Plan) -> tuple[np.ndarray, np.ndarray]:
    """`Tables.x` and `Tables.y`; pixels past the image repeat its last."""
    centres = fragments.pixel_centres(*image_size)
    x, y = centres[0, :, 0], centres[:, 0, 1]
    down, across = plan.tiles
    x = np.pad(x, (0, across * TILE[1] - x.size), mode="edge").reshape(across, 1, TILE[1])
    y = np.pad(y, (0, down * TILE[0] - y.size), mode="edge").reshape(down, TILE[0], 1)
    return tuple(np.broadcast_to(v, (len(v), *TILE)).reshape(-1, LANES) for v in (x, y))


@typechecked
def _reach(
    vertices: Float[Array, "b f 3 3"],
    present: Bool[Array, "b f"],
    image_size: tuple[int, int],
    settings: RasterSettings,
) -> Int[Array, "b 4 g"]:
    """Tiles that each face may cover; see `Tables.reach`."""
    height, width = image_size
    ends = []
    for coordinate, size, tile in (
        (-vertices[..., 1], height, TILE[0]),
        (vertices[..., 0], width, TILE[1]),
    ):
        first, last = fragments.pixel_reach(coordinate, size, max(image_size), settings)
        present &= first <= last
        ends += [first // tile, last // tile]
    nowhere = jnp.array([1, 0, 1, 0], jnp.int32)[None, :, None]
    reach = jnp.where(present[:, None], jnp.stack(ends, axis=1), nowhere)
    padding = -reach.shape[-1] % LANES
    filler = jnp.broadcast_to(nowhere, (reach.shape[0], 4, padding))
    return jnp.concatenate([reach, filler], axis=-1)
