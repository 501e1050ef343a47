"""The two ways a face gets its colour: one colour per corner, or a UV texture."""

import flax.struct
import jax
import jax.numpy as jnp

from jaxrelic.typing import Array, Float, typechecked


@flax.struct.dataclass
class CornerColors:
    """One colour per face corner, interpolated inside the face."""

    colors: jax.Array
    """RGB, [*b, f, 3, 3]; the third axis from the right walks the corners."""


@flax.struct.dataclass
class UvTexture:
    """An image wrapped around the mesh."""

    face_uvs: jax.Array
    """Texture coordinates of each corner, [f, 3, 2] or [*b, f, 3, 2]; taken as constants."""
    texture: jax.Array
    """RGB, [*b, h, w, 3]; row 0 is v = 1."""


Appearance = CornerColors | UvTexture


@typechecked
def sample_texture(
    texture: Float[Array, "h w c"], uv: Float[Array, "*n 2"]
) -> Float[Array, "*n c"]:
    """Bilinear lookup with the outer texel centres at uv = 0 and 1 (specification A.5).

    Coordinates outside [0, 1] repeat the border.
    """
    height, width, _ = texture.shape
    column = jnp.clip(uv[..., 0], 0, 1) * (width - 1)
    row = (1 - jnp.clip(uv[..., 1], 0, 1)) * (height - 1)
    # The last cell is closed on both sides, so that its right neighbour exists.
    left = jnp.minimum(jnp.floor(column), max(width - 2, 0))
    top = jnp.minimum(jnp.floor(row), max(height - 2, 0))
    x, y = (column - left)[..., None], (row - top)[..., None]
    index = (top * width + left).astype(jnp.int32)
    right, below = min(1, width - 1), width * min(1, height - 1)
    texels = texture.reshape(height * width, -1)
    upper = (1 - x) * texels[index] + x * texels[index + right]
    lower = (1 - x) * texels[index + below] + x * texels[index + below + right]
    return (1 - y) * upper + y * lower
