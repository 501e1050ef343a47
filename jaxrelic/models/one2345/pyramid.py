"""Image features at three scales, put together at full resolution.

Specification one2345 C.5, C.6.
"""

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax.lax import Precision

from jaxrelic.models.one2345.config import NormKind
from jaxrelic.models.one2345.norm import SceneNorm
from jaxrelic.nn.convolution import Conv
from jaxrelic.typing import Array, Float, typechecked

FEATURES = 56
"""Channels of the fused map: 32 of the coarse level, 16 of the middle, 8 of the fine."""
NEGATIVE_SLOPE = 0.01
LEVELS = ((8, 2), (16, 3), (32, 3))
"""Channels and units of each level, from fine to coarse; every later level halves the map."""


class Unit(nn.Module):
    """Convolution, normalisation, leaky rectifier."""

    features: int
    norm: NormKind
    kernel: int = 3
    stride: int = 1

    @nn.compact
    @typechecked
    def __call__(self, x: Float[Array, "v h w c"]) -> Float[Array, "v i j d"]:
        convolve = Conv(
            self.features,
            (self.kernel, self.kernel),
            strides=self.stride,
            padding=self.kernel // 2,
            use_bias=False,
            name="conv",
        )
        return nn.leaky_relu(SceneNorm(self.norm, name="norm")(convolve(x)), NEGATIVE_SLOPE)


class FeaturePyramid(nn.Module):
    """Images in [0, 1] to features of every pixel; 48 976 parameters."""

    norm: NormKind

    @typechecked
    def __call__(self, images: Float[Array, "v h w 3"]) -> Float[Array, "v h w 56"]:
        size = images.shape[1:3]
        coarse, middle, fine = self.levels(images)
        return jnp.concatenate([resize(coarse, size), resize(middle, size), fine], axis=-1)

    @nn.compact
    def levels(self, images: Array) -> tuple[Array, Array, Array]:
        """Maps of 32, 16 and 8 channels at a quarter, half and all of the resolution."""
        if images.shape[1] % 4 or images.shape[2] % 4:
            raise ValueError(f"images of {images.shape[1:3]} px; sides must be multiples of 4")
        maps, x = [], images
        for level, (channels, units) in enumerate(LEVELS):
            for unit in range(units):
                first = level > 0 and unit == 0
                kernel, stride = (5, 2) if first else (3, 1)
                name = f"level_{level}_unit_{unit}"
                x = Unit(channels, self.norm, kernel, stride, name=name)(x)
            maps.append(x)
        coarse = Conv(32, (1, 1), name="top")(maps[2])
        middle = resize(coarse, maps[1].shape[1:3]) + Conv(32, (1, 1), name="lateral_1")(maps[1])
        fine = resize(middle, maps[0].shape[1:3]) + Conv(32, (1, 1), name="lateral_0")(maps[0])
        return (
            coarse,
            Conv(16, (3, 3), padding=1, name="smooth_1")(middle),
            Conv(8, (3, 3), padding=1, name="smooth_0")(fine),
        )


@typechecked
def resize(x: Float[Array, "v h w c"], size: tuple[int, int]) -> Float[Array, "v i j c"]:
    """Bilinear resampling in which the outermost pixel centres stay the outermost."""
    rows, columns = (
        jnp.asarray(_interpolation(new, old), x.dtype)
        for new, old in zip(size, x.shape[1:3], strict=True)
    )
    return jnp.einsum(
        "ih,jw,vhwc->vijc", rows, columns, x, precision=Precision.HIGHEST, optimize="optimal"
    )


def _interpolation(new: int, old: int) -> np.ndarray:
    """Weights [new, old] of linear interpolation between old samples."""
    position = np.linspace(0, old - 1, new)
    return np.maximum(0, 1 - np.abs(position[:, None] - np.arange(old)))
