"""From a texture code to a UV map: an upsampling convolutional generator.

Unicorn's decoder (arXiv:2204.10310), after GIRAFFE: every resolution adds its own RGB image to the
upsampled sum of the coarser ones.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxrelic.nn.convolution import Conv
from jaxrelic.nn.mlp import kaiming_fan_in
from jaxrelic.typing import Array, Float, typechecked


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
