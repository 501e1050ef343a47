"""From a texture code to a UV map: an upsampling convolutional generator.

Unicorn's decoder (arXiv:2204.10310), after GIRAFFE: every resolution adds its own RGB image to the
upsampled sum of the coarser ones.
"""

import dataclasses

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxrelic.nn.convolution import Conv
from jaxrelic.nn.mlp import kaiming_fan_in
from jaxrelic.typing import Array, Float, Int, Key, typechecked

_DRAWN_TEXELS = 64
"""Whose mean is the one colour of a texture; all of them would give each texel little to learn."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TextureTricks:
    """When training shows a mesh in one colour; Unicorn's, off by default."""

    constant_until: int = 0
    """Step until which the colour is always the mean of 64 texels drawn at random."""
    mean_chance: float = 0.0
    """Chance of a step to show the mean colour of the map, in [0, 1]; Unicorn's is 0.2."""

    def __post_init__(self) -> None:
        if not 0 <= self.mean_chance <= 1:
            raise ValueError(
                f"texture_tricks.mean_chance is {self.mean_chance}; set it within 0 to 1"
            )


@typechecked
def simplified(
    rng: Key[Array, ""],
    texture: Float[Array, "b t t 3"],
    tricks: TextureTricks,
    step: Int[Array, ""],
) -> Float[Array, "b t t 3"]:
    """The texture, or the one colour that a training step shows in its place."""
    choose, decide = jax.random.split(rng)
    if tricks.mean_chance:
        mean = jnp.mean(texture, axis=(1, 2), keepdims=True)
        texture = jnp.where(jax.random.bernoulli(decide, tricks.mean_chance), mean, texture)
    if tricks.constant_until:
        texels = texture.reshape(len(texture), -1, 3)
        drawn = jax.random.randint(choose, (len(texels), _DRAWN_TEXELS, 1), 0, texels.shape[1])
        few = jnp.take_along_axis(texels, drawn, axis=1).mean(axis=1)
        texture = jnp.where(step < tricks.constant_until, few[:, None, None], texture)
    return texture


class TextureDecoder(nn.Module):
    """Code [b, q] to an RGB map in [0, 1]; q channels at 1x1, halved at every doubling in size."""

    size: int = 64
    """Side of the map in texels, a power of two."""
    min_channels: int = 64
    """Halving stops here."""

    @nn.compact
    @typechecked
    def __call__(self, texture_code: Float[Array, "b q"]) -> Float[Array, "b t t 3"]:
        def convolution(features: int, name: str) -> Conv:
            return Conv(features, padding=1, use_bias=False, kernel_init=kaiming_fan_in, name=name)

        x = texture_code[:, None, None, :]
        width = x.shape[-1]
        rgb = upsample_smooth(convolution(3, "rgb_0")(x))
        blocks = self.size.bit_length() - 1
        for block in range(blocks):
            width = width // 2 if block == 0 else max(width // 2, self.min_channels)
            x = nn.relu(convolution(width, f"block_{block}")(upsample_nearest(x)))
            rgb = rgb + convolution(3, f"rgb_{block + 1}")(x)
            if block + 1 < blocks:
                rgb = upsample_smooth(rgb)
        return nn.sigmoid(rgb)


@typechecked
def upsample_nearest(x: Float[Array, "b h w c"]) -> Float[Array, "b i j c"]:
    """Doubles both sides by repeating pixels."""
    b, h, w, c = x.shape
    repeated = jnp.broadcast_to(x[:, :, None, :, None], (b, h, 2, w, 2, c))
    return repeated.reshape(b, 2 * h, 2 * w, c)


@typechecked
def upsample_smooth(x: Float[Array, "b h w c"]) -> Float[Array, "b i j c"]:
    """Doubles both sides bilinearly (half-pixel centres), then blurs with [1, 2, 1] both ways."""
    b, h, w, c = x.shape
    x = jax.image.resize(x, (b, 2 * h, 2 * w, c), "linear")
    x = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect")
    x = (x[:, :-2] + 2 * x[:, 1:-1] + x[:, 2:]) / 4
    return (x[:, :, :-2] + 2 * x[:, :, 1:-1] + x[:, :, 2:]) / 4
