"""Reading regular grids at continuous positions, given in cells: cell i has its centre at i."""

import itertools

import jax
import jax.numpy as jnp

from jaxrelic.typing import Array, Bool, Float, typechecked


@typechecked
def sample_linear(grid: Float[Array, "*size c"], index: Float[Array, "n d"]) -> Float[Array, "n c"]:
    """Multilinear interpolation in any number of dimensions; cells beyond the border are 0.

    The weights are differentiable in the position any number of times, the choice of cells is not.

    Args:
        grid: Values; an image is [rows, columns, c].
        index: Position per axis of the grid, in the order of its axes.
    """
    sizes = grid.shape[:-1]
    rows = grid.reshape(-1, grid.shape[-1])
    low = jnp.floor(jax.lax.stop_gradient(index))
    part = index - low
    total = jnp.zeros((index.shape[0], grid.shape[-1]), grid.dtype)
    for corner in itertools.product((0, 1), repeat=len(sizes)):
        cells, inside = _flat(low + jnp.asarray(corner, low.dtype)[None], sizes)
        weight = inside.astype(index.dtype)
        for axis, upper in enumerate(corner):
            weight = weight * (part[:, axis] if upper else 1 - part[:, axis])
        total = total + weight[:, None].astype(grid.dtype) * rows[cells]
    return total


@typechecked
def sample_nearest(grid: Bool[Array, "*size"], index: Float[Array, "n d"]) -> Bool[Array, " n"]:
    """The nearest cell (halves go to the even one); false beyond the border."""
    cells, inside = _flat(jnp.round(index), grid.shape)
    return grid.reshape(-1)[cells] & inside


def _flat(cell: Array, sizes: tuple[int, ...]) -> tuple[Array, Array]:
    """Row-major number of whole-numbered cells [n, d], and whether they exist."""
    last = jnp.asarray(sizes, cell.dtype)[None] - 1
    inside = jnp.all((cell >= 0) & (cell <= last), axis=-1)
    # Clipped as floats: positions of points near a camera's plane exceed any integer.
    kept = jnp.clip(cell, 0, last).astype(jnp.int32)
    number = jnp.zeros_like(kept[:, 0])
    for axis, size in enumerate(sizes):
        number = number * size + kept[:, axis]
    return number, inside
