"""The two ways a face gets its colour: one colour per corner, or a UV texture."""

from collections.abc import Sequence

import flax.struct
import jax
import jax.numpy as jnp

from jaxrelic.typing import Array, Float, Int, typechecked


@flax.struct.dataclass
class CornerColours:
    """One colour per face corner, interpolated inside the face."""

    colours: jax.Array
    """RGB, [*b, f, 3, 3]; the third axis from the right walks the corners."""

    @property
    def corner_values(self) -> jax.Array:
        """What is interpolated inside a face, [*b, f, 3, 3]."""
        return self.colours


@flax.struct.dataclass
class UvTexture:
    """An image wrapped around the mesh."""

    face_uvs: jax.Array
    """Texture coordinates of each corner, [*b, f, 3, 2]; taken as constants."""
    texture: jax.Array
    """RGB, [*b, h, w, 3]; row 0 is v = 1."""

    @property
    def corner_values(self) -> jax.Array:
        """What is interpolated inside a face, [*b, f, 3, 2]."""
        return jax.lax.stop_gradient(self.face_uvs)


Appearance = CornerColours | UvTexture


def interpolate(
    barycentric: Sequence[Array], corner_values: Sequence[Sequence[Array]]
) -> tuple[Array, ...]:
    """Mixes the c values [*m] of each of three corners."""
    a, b, c = barycentric
    return tuple(a * x + b * y + c * z for x, y, z in zip(*corner_values, strict=True))


@typechecked
def sample_texture(
    texture: Float[Array, "h w c"], uv: Float[Array, "*n 2"]
) -> Float[Array, "*n c"]:
    """Bilinear lookup with the outer texel centres at uv = 0 and 1 (specification msrn A.5).

    Coordinates outside [0, 1] repeat the border.
    """
    height, width = texture.shape[:2]
    cell, x, y = texel_cell(uv[..., 0], uv[..., 1], height, width)
    return jnp.stack(blend_cell(jnp.moveaxis(texel_cells(texture)[cell], -1, 0), x, y), axis=-1)


@typechecked
def texel_cell(
    u: Float[Array, "*n"], v: Float[Array, "*n"], height: int, width: int
) -> tuple[Int[Array, "*n"], Float[Array, "*n"], Float[Array, "*n"]]:
    """The cell of four texels around uv, and the position in it, both in [0, 1]."""
    column = jnp.clip(u, 0, 1) * (width - 1)
    row = (1 - jnp.clip(v, 0, 1)) * (height - 1)
    # The last cell is closed on both sides, so that its right neighbour exists.
    left = jax.lax.stop_gradient(jnp.clip(jnp.floor(column), 0, max(width - 2, 0)))
    top = jax.lax.stop_gradient(jnp.clip(jnp.floor(row), 0, max(height - 2, 0)))
    return (top * width + left).astype(jnp.int32), column - left, row - top


@typechecked
def texel_cells(texture: Float[Array, "*b h w c"]) -> Float[Array, "*b cells 4*c"]:
    """Each texel with its right, lower and diagonal neighbours, so that one read fetches all.

    Neighbours wrap around; cells that wrap are those `texel_cell` gives no weight to.
    """
    right = jnp.roll(texture, -1, axis=-2)
    corners = [texture, right, jnp.roll(texture, -1, axis=-3), jnp.roll(right, -1, axis=-3)]
    cells = jnp.concatenate(corners, axis=-1)
    return cells.reshape(*cells.shape[:-3], -1, cells.shape[-1])


def blend_cell(cell: Sequence[Array], x: Array, y: Array) -> tuple[Array, ...]:
    """Bilinear mixture of the 4 c values [*n] of texel cells at positions [*n]."""
    weights = (1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y
    channels = len(cell) // 4
    return tuple(
        sum(weight * value for weight, value in zip(weights, cell[k::channels], strict=True))
        for k in range(channels)
    )
