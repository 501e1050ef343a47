"""The vision transformer of CLIP and DINOv2: patches and a class token through pre-norm blocks.

Dosovitskiy et al., arXiv:2010.11929, with the options by which the published image towers differ:
CLIP (arXiv:2103.00020) and DINOv2 (arXiv:2304.07193).
"""

import dataclasses
from typing import Literal

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxrelic.typing import Array, Float, typechecked

QUICK_GELU_SLOPE = 1.702
"""x * sigmoid(1.702 x), the approximation of GELU that OpenAI trained CLIP with."""

_token_init = nn.initializers.normal(0.02)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ViTConfig:
    """Sizes and options; the defaults are CLIP's image tower ViT-L/14."""

    image_size: int = 224
    """Side of the input, in pixels."""
    patch_size: int = 14
    """Side of a patch, in pixels."""
    width: int = 1024
    """Channels of a token."""
    layers: int = 24
    """Blocks."""
    heads: int = 16
    """Attention heads; the width of one is width / heads."""
    mlp_ratio: int = 4
    """Hidden channels of a block's perceptron over its width."""
    activation: Literal["quick_gelu", "gelu"] = "quick_gelu"
    """Activation of the perceptron; gelu is the exact one."""
    patch_bias: bool = False
    """Whether the patch convolution adds a bias."""
    norm_first: bool = True
    """Normalise the tokens before the first block."""
    layer_scale: bool = False
    """Multiply each branch of a block by a learned factor per channel."""
    projection: int | None = 768
    """Entries of the embedding: a linear layer without bias; None gives the class token itself."""
    epsilon: float = 1e-5
    """Epsilon of the layer norms."""

    def __post_init__(self) -> None:
        if self.image_size % self.patch_size or self.width % self.heads:
            raise ValueError(
                f"{self.image_size} px are not whole patches of {self.patch_size}, or width "
                f"{self.width} not whole heads ({self.heads})"
            )

    @property
    def grid(self) -> int:
        """Patches along a side."""
        return self.image_size // self.patch_size


class VisionTransformer(nn.Module):
    """A normalised image to one embedding, not of any particular length."""

    config: ViTConfig

    @nn.compact
    @typechecked
    def __call__(self, image: Float[Array, "b s s 3"]) -> Float[Array, "b d"]:
        config = self.config
        side = config.patch_size
        patches = nn.Conv(
            config.width,
            (side, side),
            strides=side,
            padding="VALID",
            use_bias=config.patch_bias,
            name="patches",
        )(image)
        x = patches.reshape(image.shape[0], -1, config.width)
        first = self.param("class_token", _token_init, (config.width,))
        x = jnp.concatenate([jnp.broadcast_to(first, (x.shape[0], 1, config.width)), x], axis=1)
        x = x + self.param("positions", _token_init, x.shape[1:])[None]
        if config.norm_first:
            x = norm(config, name="norm_first")(x)
        for layer in range(config.layers):
            x = Block(config, name=f"block_{layer}")(x)
        x = norm(config, name="norm_last")(x[:, 0])
        if config.projection is None:
            return x
        return nn.Dense(config.projection, use_bias=False, name="projection")(x)


class Block(nn.Module):
    """x + attention(norm(x)), then x + mlp(norm(x))."""

    config: ViTConfig

    @nn.compact
    @typechecked
    def __call__(self, x: Float[Array, "b t c"]) -> Float[Array, "b t c"]:
        config = self.config
        y = norm(config, name="norm_attention")(x)
        heads = (*y.shape[:2], config.heads, -1)
        query, key, value = (
            nn.Dense(config.width, name=name)(y).reshape(heads)
            for name in ("query", "key", "value")
        )
        y = jax.nn.dot_product_attention(query, key, value).reshape(x.shape)
        x = x + self._scaled(nn.Dense(config.width, name="attended")(y), "scale_attention")

        y = norm(config, name="norm_mlp")(x)
        y = nn.Dense(config.width * config.mlp_ratio, name="hidden")(y)
        y = nn.Dense(config.width, name="out")(activate(y, config.activation))
        return x + self._scaled(y, "scale_mlp")

    def _scaled(self, y: Array, name: str) -> Array:
        if not self.config.layer_scale:
            return y
        return y * self.param(name, nn.initializers.ones, y.shape[-1:])[None, None]


@typechecked
def activate(x: Float[Array, "*b c"], kind: str) -> Float[Array, "*b c"]:
    """The nonlinearity of `ViTConfig.activation`."""
    if kind == "quick_gelu":
        return x * jax.nn.sigmoid(QUICK_GELU_SLOPE * x)
    return jax.nn.gelu(x, approximate=False)


def norm(config: ViTConfig, *, name: str) -> nn.LayerNorm:
    """Layer norm over channels; the two-pass variance, as the published weights were made with."""
    return nn.LayerNorm(epsilon=config.epsilon, use_fast_variance=False, name=name)
