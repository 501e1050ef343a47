"""Normalisation by the scene at hand, in training and inference alike.

The original keeps its batch normalisation in training mode for ever, and a batch is one scene
(specification one2345 C.15); so there is no running state here.
"""

import jax.numpy as jnp
from flax import linen as nn

from jaxrelic.models.one2345.config import NormKind
from jaxrelic.typing import Array, Bool, Float, typechecked

EPS = 1e-5
GROUP = 8
"""Channels that share statistics with "group"."""


class SceneNorm(nn.Module):
    """Zero mean and unit variance, then a learned scale and bias per channel."""

    kind: NormKind

    @nn.compact
    @typechecked
    def __call__(
        self, x: Float[Array, "b *s c"], where: Bool[Array, "b *s"] | None = None
    ) -> Float[Array, "b *s c"]:
        """Normalises over the places of `where`, by default all.

        Args:
            x: One scene: b views, or one volume.
            where: Places that exist; the others are normalised along and mean nothing.
        """
        channels = x.shape[-1]
        size = GROUP if self.kind == "group" else 1
        grouped = x.reshape(*x.shape[:-1], channels // size, size)
        space = tuple(range(1, x.ndim - 1))
        axes = (*space, x.ndim) if self.kind == "group" else (0, *space, x.ndim)
        within = None if where is None else where[..., None, None]
        mean = jnp.mean(grouped, axis=axes, keepdims=True, where=within)
        variance = jnp.mean((grouped - mean) ** 2, axis=axes, keepdims=True, where=within)
        unit = ((grouped - mean) * (variance + EPS) ** -0.5).reshape(x.shape)
        shape = (1,) * (x.ndim - 1) + (channels,)
        scale = self.param("scale", nn.initializers.ones, (channels,)).reshape(shape)
        return unit * scale + self.param("bias", nn.initializers.zeros, (channels,)).reshape(shape)
