"""Signed distance of points from the surface, given what the volume says there.

Specification one2345 C.10.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxrelic.typing import Array, Float, typechecked

SHARPNESS = 100.0
"""Sharpness of the softplus that stands for a rectifier: the distance is differentiated twice."""
START_RADIUS = 0.5
"""Minus the bias of the last layer at the start, whose zero set is nearly a sphere."""
MIN_NORM = 1e-12


class WeightNormDense(nn.Module):
    """Linear layer whose rows have learned lengths (Salimans and Kingma, arXiv:1602.07868)."""

    features: int
    direction_init: nn.initializers.Initializer
    bias_init: nn.initializers.Initializer

    @nn.compact
    @typechecked
    def __call__(self, x: Float[Array, "n c"]) -> Float[Array, "n d"]:
        direction = self.param("direction", self.direction_init, (x.shape[-1], self.features))
        norm = jnp.sqrt(jnp.sum(direction**2, axis=0) + MIN_NORM**2)
        scale = self.param("scale", lambda key: norm)
        bias = self.param("bias", self.bias_init, (self.features,))
        return x @ (direction * (scale / norm)[None]) + bias[None]


class SdfNetwork(nn.Module):
    """Position and latent to signed distance, in cube units, and a feature."""

    hidden: int
    frequencies: int

    @nn.compact
    @typechecked
    def __call__(
        self, points: Float[Array, "n 3"], latent: Float[Array, "n c"]
    ) -> tuple[Float[Array, " n"], Float[Array, "n d"]]:
        channels = latent.shape[-1]
        deviation = (2 / self.hidden) ** 0.5
        kept = [3, self.hidden, self.hidden]
        first, second = (_normal_rows(0.0, deviation, rows) for rows in kept[:2])
        width = self.hidden + channels
        last = _normal_rows((jnp.pi / width) ** 0.5, 1e-4, kept[2])
        zeros = nn.initializers.zeros
        x = encode(points, self.frequencies)
        x = _softplus(WeightNormDense(self.hidden, first, zeros, name="layer_0")(x))
        x = jnp.concatenate([x, latent], axis=-1)
        x = _softplus(WeightNormDense(self.hidden, second, zeros, name="layer_1")(x))
        x = jnp.concatenate([x, latent], axis=-1)
        x = WeightNormDense(self.hidden, last, _last_bias(channels), name="layer_2")(x)
        return x[:, 0], x[:, 1:]


@typechecked
def encode(points: Float[Array, "n 3"], frequencies: int) -> Float[Array, "n d"]:
    """The points, then sine and cosine of 1, 2, 4, ... times them (no factor of pi)."""
    parts = [points]
    for octave in range(frequencies):
        parts += [jnp.sin(2**octave * points), jnp.cos(2**octave * points)]
    return jnp.concatenate(parts, axis=-1)


def _softplus(x: Array) -> Array:
    return jax.nn.softplus(SHARPNESS * x) / SHARPNESS


def _normal_rows(mean: float, deviation: float, rows: int) -> nn.initializers.Initializer:
    """Normal numbers for the first inputs, zero for the others (encoding, latent)."""

    def init(key: Array, shape: tuple[int, ...], dtype: jnp.dtype = jnp.float32) -> Array:
        values = mean + deviation * jax.random.normal(key, shape, dtype)
        return jnp.where(jnp.arange(shape[0])[:, None] < rows, values, 0)

    return init


def _last_bias(zeros: int) -> nn.initializers.Initializer:
    """Minus the radius, and zero for the last outputs."""

    def init(key: Array, shape: tuple[int, ...], dtype: jnp.dtype = jnp.float32) -> Array:
        del key
        return jnp.where(jnp.arange(shape[0]) < shape[0] - zeros, -START_RADIUS, 0).astype(dtype)

    return init
