import itertools

import jax
import jax.numpy as jnp
import numpy as np

from jaxrelic.rendering.volume import grids


def test_a_multilinear_function_is_read_exactly_and_so_are_its_derivatives():
    x, y, z = np.meshgrid(np.arange(4.0), np.arange(5.0), np.arange(6.0), indexing="ij")
    grid = jnp.asarray(np.stack([x * y - 2 * z, x * y * z], axis=-1), jnp.float32)
    point = jnp.array([1.3, 2.6, 3.2])

    def read(p):
        return grids.sample_linear(grid, p[None])[0]

    value, slope, bend = jax.jit(
        lambda p: (read(p), jax.jacfwd(read)(p), jax.jacfwd(jax.jacrev(read))(p)[1])
    )(point)
    a, b, c = 1.3, 2.6, 3.2
    np.testing.assert_allclose(value, [a * b - 2 * c, a * b * c], rtol=1e-5)
    np.testing.assert_allclose(slope, [[b, a, -2], [b * c, a * c, a * b]], rtol=1e-4)
    np.testing.assert_allclose(bend, [[0, c, b], [c, 0, a], [b, a, 0]], rtol=1e-4, atol=1e-5)


def test_cells_beyond_the_border_are_zero_however_far():
    grid = jnp.ones((3, 4, 1))
    positions = jnp.array([[2.25, 1.0], [-0.5, 3.5], [-1.0, 0.0], [1e30, 0.0], [-1e30, -1e30]])
    found = jax.jit(grids.sample_linear)(grid, positions)
    np.testing.assert_allclose(found[:, 0], [0.75, 0.25, 0, 0, 0], atol=1e-6)


def test_the_nearest_cell_is_read_and_nothing_beyond_the_border():
    rng = np.random.default_rng(0)
    grid = rng.random((3, 4, 5)) > 0.5
    index = np.array(list(itertools.product(range(3), range(4), range(5))), np.float32)
    index += rng.uniform(-0.49, 0.49, index.shape)
    nearest = jax.jit(grids.sample_nearest)
    assert np.array_equal(nearest(grid, index), grid.reshape(-1))
    outside = np.array([[-0.6, 0, 0], [0, 3.6, 0], [0, 0, 1e20]], np.float32)
    index[:3] = outside
    assert nearest(np.ones((3, 4, 5), bool), index).tolist() == [False] * 3 + [True] * 57
