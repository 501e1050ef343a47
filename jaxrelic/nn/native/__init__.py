"""3 x 3 convolutions in bfloat16 on CPUs with matrix tiles (AMX): optional, several times faster.

They are there once `python -m jaxrelic.nn.native` has built them, and are used where a `Conv` asks
for bfloat16. Inputs and kernels are rounded to bfloat16 (eight bits), sums are float32, as matrix
units of GPUs and TPUs do it. One core does the work; its bits do not change from run to run.
"""

import jax
import jax.numpy as jnp

from jaxrelic.nn.native.build import LIBRARY, has_tiles
from jaxrelic.typing import Array, Float, typechecked


def available() -> bool:
    """Whether these convolutions can run here."""
    return jax.default_backend() == "cpu" and has_tiles() and LIBRARY.registered() is not None


@jax.custom_vjp
@typechecked
def convolve_tiles(
    x: Float[Array, "b h w c"], kernel: Float[Array, "3 3 c d"]
) -> Float[Array, "b h w d"]:
    """Convolution with stride 1 and a border of one zero, float32 in and out."""
    return _convolve(x, kernel)


def _convolve(x: Array, kernel: Array) -> Array:
    result = jax.ShapeDtypeStruct((*x.shape[:3], kernel.shape[3]), jnp.float32)
    return jax.ffi.ffi_call(f"{LIBRARY.registered()}_convolve", result)(x, kernel)


def _forward(x: Array, kernel: Array) -> tuple[Array, tuple[Array, Array]]:
    return _convolve(x, kernel), (x, kernel)


def _backward(saved: tuple[Array, Array], by_y: Array) -> tuple[Array, Array]:
    """The gradient of x is a convolution with the kernel turned by half a turn and transposed."""
    x, kernel = saved
    by_x = _convolve(by_y, kernel[::-1, ::-1].swapaxes(2, 3))
    result = jax.ShapeDtypeStruct(kernel.shape, jnp.float32)
    call = jax.ffi.ffi_call(f"{LIBRARY.registered()}_kernel_gradient", result)
    return by_x, call(x, by_y)


convolve_tiles.defvjp(_forward, _backward)
