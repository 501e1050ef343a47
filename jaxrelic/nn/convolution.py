"""A 2-D convolution with flax's parameters and a form that suits small maps on a CPU.

XLA's CPU convolution is written for large images: 512 channels on a 2x2 map take it ten times
longer than the matrix product that they are. Both forms below compute the same sum from the same
parameters, so a checkpoint does not know which one trained it.
"""

from collections.abc import Callable
from typing import Literal

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxrelic.nn import native
from jaxrelic.typing import Array, Float, typechecked

SMALL_MAP = 4
"""Longest side, in output pixels, up to which patches win on a CPU (benchmarks/encoder.py)."""

Form = Literal["auto", "patches", "direct"]
Precision = Literal["float32", "bfloat16"]


class Conv(nn.Module):
    """Drop-in `flax.linen.Conv` for square strides and symmetric zero padding."""

    features: int
    kernel_size: tuple[int, int] = (3, 3)
    strides: int = 1
    padding: int = 0
    """Zeros on each of the four sides, in pixels."""
    use_bias: bool = True
    kernel_init: Callable[..., Array] = nn.initializers.lecun_normal()
    form: Form = "auto"
    """"auto" picks "patches" for small maps on a CPU and "direct" elsewhere."""
    precision: Precision = "float32"
    """What factors are rounded to; sums and results are float32 in both."""

    @nn.compact
    @typechecked
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b i j d"]:
        shape = (*self.kernel_size, x.shape[-1], self.features)
        kernel = self.param("kernel", self.kernel_init, shape)
        y = self._convolved(x, kernel)
        if not self.use_bias:
            return y
        return y + self.param("bias", nn.initializers.zeros, (self.features,))[None, None, None]

    def _convolved(self, x: Array, kernel: Array) -> Array:
        if self.precision == "bfloat16":
            return convolve_bfloat16(x, kernel, stride=self.strides, padding=self.padding)
        patches = self.form == "patches" or (self.form == "auto" and self._prefers_patches(x))
        convolve = convolve_patches if patches else convolve_direct
        return convolve(x, kernel, stride=self.strides, padding=self.padding)

    def _prefers_patches(self, x: Array) -> bool:
        longest = -(-max(x.shape[1:3]) // self.strides)
        return jax.default_backend() == "cpu" and longest <= SMALL_MAP


@typechecked
def convolve_direct(
    x: Float[Array, "b h w c"], kernel: Float[Array, "k l c d"], *, stride: int, padding: int
) -> Float[Array, "b i j d"]:
    """The backend's own convolution."""
    return jax.lax.conv_general_dilated(
        x,
        kernel,
        window_strides=(stride, stride),
        padding=[(padding, padding)] * 2,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


@typechecked
def convolve_patches(
    x: Float[Array, "b h w c"], kernel: Float[Array, "k l c d"], *, stride: int, padding: int
) -> Float[Array, "b i j d"]:
    """The same sum as one matrix product of shifted slices and the flattened kernel."""
    k, length, _, d = kernel.shape
    x = jnp.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    rows = (x.shape[1] - k) // stride + 1
    columns = (x.shape[2] - length) // stride + 1
    shifted = [
        x[:, i : i + stride * (rows - 1) + 1 : stride, j : j + stride * (columns - 1) + 1 : stride]
        for i in range(k)
        for j in range(length)
    ]
    patches = jnp.concatenate(shifted, axis=-1)
    product = patches.reshape(-1, patches.shape[-1]) @ kernel.reshape(-1, d)
    return product.reshape(x.shape[0], rows, columns, d)


@typechecked
def convolve_bfloat16(
    x: Float[Array, "b h w c"], kernel: Float[Array, "k l c d"], *, stride: int, padding: int
) -> Float[Array, "b i j d"]:
    """The sum of products of numbers rounded to bfloat16, on matrix units where there are any."""
    if (kernel.shape[:2], stride, padding) == ((1, 1), 1, 0):
        return product_bfloat16(x.reshape(-1, x.shape[-1]), kernel[0, 0]).reshape(
            *x.shape[:3], kernel.shape[3]
        )
    if (kernel.shape[:2], stride, padding) == ((3, 3), 1, 1) and native.available():
        return native.convolve_tiles(x, kernel)
    rounded = x.astype(jnp.bfloat16), kernel.astype(jnp.bfloat16)
    return convolve_direct(*rounded, stride=stride, padding=padding).astype(jnp.float32)


@jax.custom_vjp
@typechecked
def product_bfloat16(x: Float[Array, "n c"], y: Float[Array, "c d"]) -> Float[Array, "n d"]:
    """Matrix product of factors rounded to bfloat16, summed in float32; so are its gradients."""
    return _product(x, y)


def _product(x: Array, y: Array) -> Array:
    return jnp.dot(
        x.astype(jnp.bfloat16), y.astype(jnp.bfloat16), preferred_element_type=jnp.float32
    )


product_bfloat16.defvjp(
    lambda x, y: (_product(x, y), (x, y)),
    lambda saved, by: (_product(by, saved[1].T), _product(saved[0].T, by)),
)
