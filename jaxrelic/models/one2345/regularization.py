"""The sparse 3-D network that smooths the cost volume, as dense masked convolutions.

Specification one2345 C.8.

The original convolves over active voxels alone (torchsparse 1.4). On a fixed grid the same sums are
convolutions between grids whose inactive sites are 0 and are left out of the statistics. A coarser
level has a site more at the far end: the original bounds sites below and not above.
"""

from typing import Literal

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxrelic.models.one2345.config import NormKind
from jaxrelic.models.one2345.norm import SceneNorm
from jaxrelic.typing import Array, Bool, Float, typechecked

Form = Literal["same", "down", "up"]
Padding = tuple[tuple[int, int], ...]
"""Zeros before and behind each axis."""

kernel_init = nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform")

LARGE_GRID = 12
"""Side from which matrix products win on a CPU over XLA's convolution."""

DOWN = ((0, 16), (1, 16), (2, 16), (3, 32), (4, 32), (5, 64), (6, 64))
"""Number and channels of the blocks on the way down; odd ones halve the grid."""
UP = ((7, 32), (9, 16), (11, 16))
"""Number and channels of the blocks on the way up, which double it."""


class Block(nn.Module):
    """Convolution of 27 voxels, normalisation over the sites, rectifier."""

    features: int
    norm: NormKind
    form: Form = "same"
    """"same", "down" to every second site, or "up" from it."""

    @nn.compact
    @typechecked
    def __call__(
        self, x: Float[Array, "i j k c"], sites: Bool[Array, "l m n"]
    ) -> Float[Array, "l m n d"]:
        kernel = self.param("kernel", kernel_init, (3, 3, 3, x.shape[-1], self.features))
        convolve = {"same": convolve_same, "down": convolve_down, "up": convolve_up}[self.form]
        y = convolve(x, kernel, sites.shape)
        y = nn.relu(SceneNorm(self.norm, name="norm")(y[None], sites[None])[0])
        return jnp.where(sites[..., None], y, 0)


class Regularization(nn.Module):
    """A U-net of three levels with additive skips; 311 648 parameters."""

    norm: NormKind
    bounded_below: bool

    @nn.compact
    @typechecked
    def __call__(
        self, cost: Float[Array, "s s s c"], active: Bool[Array, "s s s"]
    ) -> Float[Array, "s s s d"]:
        x, sites, levels = cost, active, []
        for number, features in DOWN:
            form = "same"
            if number % 2:
                levels.append((x, sites))
                sites, form = coarser_sites(sites, bounded_below=self.bounded_below), "down"
            x = Block(features, self.norm, form, name=f"conv_{number}")(x, sites)
        for number, features in UP:
            skip, sites = levels.pop()
            x = Block(features, self.norm, "up", name=f"conv_{number}")(x, sites) + skip
        return x


@typechecked
def coarser_sites(sites: Bool[Array, "i j k"], *, bounded_below: bool) -> Bool[Array, "l m n"]:
    """Sites of the level below: every second one whose window of 27 has an active site.

    Args:
        sites: Active sites of the finer level.
        bounded_below: Without those below the least coordinate of the finer level, per axis.
    """
    coarse = jax.lax.reduce_window(
        sites, False, jax.lax.bitwise_or, (3, 3, 3), (2, 2, 2), [(1, 2)] * 3
    )
    if not bounded_below:
        return coarse
    for axis in range(3):
        others = tuple(a for a in range(3) if a != axis)
        least = jnp.argmax(jnp.any(sites, axis=others))
        kept = 2 * jnp.arange(coarse.shape[axis]) >= least
        coarse = coarse & jnp.expand_dims(kept, others)
    return coarse


def convolve_same(x: Array, kernel: Array, size: tuple[int, int, int]) -> Array:
    """out[p] = sum_d in[p + d - 1] W[d]."""
    del size
    return _convolve(x, kernel, 1, ((1, 1),) * 3)


def convolve_down(x: Array, kernel: Array, size: tuple[int, int, int]) -> Array:
    """out[q] = sum_d in[2 q + d - 1] W[d]."""
    del size
    return _convolve(x, kernel, 2, ((1, 2),) * 3)


def convolve_up(x: Array, kernel: Array, size: tuple[int, int, int]) -> Array:
    """out[p] = sum over q, d with p = 2 q + d - 1 of in[q] W[d], on a grid of `size`."""
    spread = [(0, 0, 1)] * 3 + [(0, 0, 0)]
    x = jax.lax.pad(x, jnp.zeros((), x.dtype), spread)
    far = tuple((1, new - old + 1) for new, old in zip(size, x.shape[:3], strict=True))
    return _convolve(x, jnp.flip(kernel, (0, 1, 2)), 1, far)


def _convolve(x: Array, kernel: Array, stride: int, padding: Padding) -> Array:
    """XLA's CPU convolution takes three times as long as the matrix products that it is."""
    rows = jax.default_backend() == "cpu" and x.shape[0] >= LARGE_GRID
    return (convolve_rows if rows else convolve_direct)(x, kernel, stride, padding)


def convolve_direct(x: Array, kernel: Array, stride: int, padding: Padding) -> Array:
    """The backend's own convolution."""
    return jax.lax.conv_general_dilated(
        x[None],
        kernel,
        window_strides=(stride,) * 3,
        padding=padding,
        dimension_numbers=("NDHWC", "DHWIO", "NDHWC"),
    )[0]


def convolve_rows(x: Array, kernel: Array, stride: int, padding: Padding) -> Array:
    """The same as nine matrix products, one for each row of three taps.

    A loop, because 270 products in the whole network take XLA half a minute to compile.
    """
    x = jnp.pad(x, (*padding, (0, 0)))
    reach = [side - 2 - (side - 3) % stride for side in x.shape[:3]]
    rows = jnp.concatenate([x[:, :, tap : tap + reach[2] : stride] for tap in range(3)], axis=-1)
    block = (*reach[:2], *rows.shape[2:])

    # What a tap reads is not kept for the gradient: nine copies would be.
    @jax.checkpoint
    def product(place: Array, taps: Array) -> Array:
        part = jax.lax.dynamic_slice(rows, (*place, 0, 0), block)
        return part[::stride, ::stride] @ taps

    def add(total: Array, tap: tuple[Array, Array]) -> tuple[Array, None]:
        return total + product(*tap), None

    places = jnp.stack(jnp.meshgrid(*[jnp.arange(3)] * 2, indexing="ij"), axis=-1).reshape(9, 2)
    taps = kernel.reshape(9, -1, kernel.shape[-1])
    sides = [-(-each // stride) for each in reach]
    empty = jnp.zeros((*sides, kernel.shape[-1]), x.dtype)
    return jax.lax.scan(add, empty, (places, taps))[0]
