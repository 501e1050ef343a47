"""The two kernels of the Pallas path, written for one warp of a GPU each.

Both look at the same pairs of a tile of pixels and a face whose reach touches it: `draw_tile`
takes a tile and adds up its faces, `differentiate_face` takes a face and adds up its tiles. What
happens where a face meets pixels is in `fragments` and `aggregate`, as for the other paths.
"""

import dataclasses

import flax.struct
import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl

from jaxrelic.rendering.settings import RasterSettings
from jaxrelic.rendering.soft import fragments
from jaxrelic.rendering.soft.aggregate import BACKGROUND_NEARNESS, PixelSums, contribute
from jaxrelic.rendering.soft.texture import blend_cell, interpolate, texel_cell
from jaxrelic.typing import Array

LANES = 32
"""Threads of a warp, which work in step; also the bits of an int32."""
TILE = (4, 8)
"""Rows and columns of a tile: a pixel for each lane."""
CHANNELS = 7
"""What is kept of each pixel: the fields of `PixelSums`, then the peak nearness."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """What is known while tracing."""

    num_images: int
    faces_per_image: int
    tiles: tuple[int, int]
    """Tiles of an image, down and across."""
    texture_size: tuple[int, int] | None
    """Size of each image's texture; None for corner colours."""
    settings: RasterSettings
    """All but sigma, which may be traced and is in `Tables`."""

    @property
    def num_tiles(self) -> int:
        """Tiles of an image."""
        return self.tiles[0] * self.tiles[1]


@flax.struct.dataclass
class Tables:
    """What both kernels read: all faces of all images, n = b f."""

    reach: jax.Array
    """First and last row, first and last column of tiles a face may cover; [b 4 f] int32, f
    rounded up to whole warps. A face that covers nothing ends before it starts."""
    corners: jax.Array
    """Corner, then x, y, z, [n 9]."""
    colours: jax.Array
    """What is learned: corner colours [n 9], or texel cells of all images [b cells 12]."""
    uvs: jax.Array | None
    """Texture coordinates of the corners, [n 6]; None for corner colours."""
    x: jax.Array
    """Isotropic NDC of the pixels of a tile, by column of tiles; [across 32]."""
    y: jax.Array
    """The same by row of tiles; [down 32]."""
    sigma: jax.Array
    """Edge softness, [1]."""


def draw_tile(tables: Tables, drawn: Array, *, plan: Plan) -> None:
    """Writes the pixels of one tile to `drawn` [tiles 7 32], tiles of all images.

    The depth softmax runs online: whenever a face raises a pixel's peak nearness, what the pixel
    has gathered is scaled down to the new peak.
    """
    tile = pl.program_id(0)
    image, within = _div_rem(tile, plan.num_tiles)
    row, column = _div_rem(within, plan.tiles[1])
    settings = dataclasses.replace(plan.settings, sigma=tables.sigma[0])
    pixel = tables.x[column, :], tables.y[row, :]

    def add_face(face: Array, pixels: tuple[Array, PixelSums]) -> tuple[Array, PixelSums]:
        old_peak, sums = pixels
        met = _meet(_read_row(tables.corners, face), pixel, settings)
        nearness, _ = fragments.nearness(met, settings)
        peak = jnp.maximum(old_peak, nearness)
        uvs = _read_uvs(tables, face)
        colours = _read_row(tables.colours, _colour_row(face, met, uvs, plan))
        added = contribute(met, _shade(met, colours, uvs, plan), peak, settings)
        scale = jnp.exp((old_peak - peak) / settings.gamma)
        kept = jax.tree.map(lambda total: total * scale, sums).replace(opacity=sums.opacity)
        return peak, jax.tree.map(jnp.add, kept, added)

    def add_group(number: Array, pixels: tuple[Array, PixelSums]) -> tuple[Array, PixelSums]:
        bits = _faces_near(tables.reach, image, number, row, column)
        first = image * plan.faces_per_image + number * LANES

        def next_face(state: tuple[Array, tuple]) -> tuple[Array, tuple]:
            bits, pixels = state
            # The lowest bit that is set, by its number of lower neighbours.
            face = first + jax.lax.population_count((bits & -bits) - 1)
            return bits & (bits - 1), add_face(face, pixels)

        return jax.lax.while_loop(lambda state: state[0] != 0, next_face, (bits, pixels))[1]

    zero = jnp.zeros(LANES, tables.x.dtype)
    blank = zero + BACKGROUND_NEARNESS, PixelSums(*[zero] * (CHANNELS - 1))
    groups = tables.reach.shape[-1] // LANES
    peak, sums = jax.lax.fori_loop(0, groups, add_group, blank)
    for channel, value in enumerate((*jax.tree.leaves(sums), peak)):
        drawn[tile, channel, :] = value


def differentiate_face(
    tables: Tables,
    drawn: Array,
    cotangent: Array,
    _zeros: Array | None,
    by_corners: Array,
    by_colours: Array,
    *,
    plan: Plan,
) -> None:
    """Writes the gradients of one face, given the derivatives of the loss by `drawn`.

    A face's gradient is gathered in registers, a sum per lane, and written once: the result does
    not depend on the order in which faces run. Texels are shared by faces, so their gradient is
    added atomically, to the zeros that `by_colours` starts with.
    """
    face = pl.program_id(0)
    image, within = _div_rem(face, plan.faces_per_image)
    top, bottom, left, right = (tables.reach[image, k, within] for k in range(4))
    settings = dataclasses.replace(plan.settings, sigma=tables.sigma[0])
    corners, uvs = _read_row(tables.corners, face), _read_uvs(tables, face)
    across = right - left + 1

    def add_tile(number: Array, total: list[Array]) -> list[Array]:
        below, beside = _div_rem(number, across)
        row, column = top + below, left + beside
        tile = image * plan.num_tiles + row * plan.tiles[1] + column
        pixel = tables.x[column, :], tables.y[row, :]
        colour_row = _colour_row(face, _meet(corners, pixel, settings), uvs, plan)
        peak = drawn[tile, CHANNELS - 1, :]

        def add_up(corners: list[Array], colours: list[Array]) -> PixelSums:
            met = _meet(corners, pixel, settings)
            return contribute(met, _shade(met, colours, uvs, plan), peak, settings)

        _, pull_back = jax.vjp(add_up, corners, _read_row(tables.colours, colour_row))
        by_sums = PixelSums(*[cotangent[tile, k, :] for k in range(CHANNELS - 1)])
        own, shared = pull_back(by_sums)
        if plan.texture_size is None:
            own, shared = [*own, *shared], []
        for channel, value in enumerate(shared):
            jax.ref.addupdate(by_colours, (colour_row, channel), value)
        return jax.tree.map(jnp.add, total, own)

    zero = [jnp.zeros(LANES, tables.x.dtype)] * (18 if plan.texture_size is None else 9)
    total = jax.lax.fori_loop(0, across * (bottom - top + 1), add_tile, zero)
    for place, value in enumerate(total):
        gradient = by_corners if place < 9 else by_colours
        gradient[face, place % 9] = jnp.sum(value)


def _faces_near(reach: Array, image: Array, number: Array, row: Array, column: Array) -> Array:
    """Which of 32 faces reach a tile, a bit each."""
    group = pl.ds(number * LANES, LANES)
    top, bottom, left, right = (reach[image, k, group] for k in range(4))
    near = (top <= row) & (row <= bottom) & (left <= column) & (column <= right)
    bit = jnp.left_shift(jnp.int32(1), jax.lax.iota(jnp.int32, LANES))
    return jnp.sum(jnp.where(near, bit, 0), dtype=jnp.int32)


def _div_rem(x: Array, by: Array | int) -> tuple[Array, Array]:
    """Quotient and remainder of numbers that are not negative."""
    return jax.lax.div(x, by), jax.lax.rem(x, by)


def _read_row(table: Array, row: Array) -> list[Array]:
    """The values in a row of a table, or in one row per lane; [32] each.

    A row that all lanes share is spread over them before it is used: the gradient of one number
    would be summed over the lanes at every use, that of 32 is summed once, at the end.
    """
    return [jnp.broadcast_to(table[row, k], LANES) for k in range(table.shape[-1])]


def _read_uvs(tables: Tables, face: Array) -> list[Array] | None:
    return None if tables.uvs is None else _read_row(tables.uvs, face)


def _by_corner(values: list[Array]) -> list[list[Array]]:
    each = len(values) // 3
    return [values[k * each : (k + 1) * each] for k in range(3)]


def _meet(
    corners: list[Array], pixel: tuple[Array, Array], settings: RasterSettings
) -> fragments.Fragments:
    return fragments.meet(_by_corner(corners), jnp.ones(LANES, bool), pixel, settings)


def _colour_row(
    face: Array, met: fragments.Fragments, uvs: list[Array] | None, plan: Plan
) -> Array:
    """Row of the table of colours: the face's [], or that of the texel cell it shows [32]."""
    if uvs is None:
        return face
    height, width = plan.texture_size
    cell, _, _ = texel_cell(*interpolate(met.barycentric, _by_corner(uvs)), height, width)
    image, _ = _div_rem(face, plan.faces_per_image)
    return image * (height * width) + cell


def _shade(
    met: fragments.Fragments, colours: list[Array], uvs: list[Array] | None, plan: Plan
) -> tuple[Array, ...]:
    """Red, green and blue of the face at each pixel."""
    if uvs is None:
        return interpolate(met.barycentric, _by_corner(colours))
    uv = interpolate(met.barycentric, _by_corner(uvs))
    _, x, y = texel_cell(*uv, *plan.texture_size)
    return blend_cell(colours, x, y)
