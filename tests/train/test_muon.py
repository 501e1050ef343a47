import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from optax import contrib

from jaxrelic.train.muon import COEFFICIENTS, STEPS, muon, orthogonalised


def matrix(singular_values, m, n, seed=0):
    rng = np.random.default_rng(seed)
    u, _ = np.linalg.qr(rng.normal(size=(m, len(singular_values))))
    v, _ = np.linalg.qr(rng.normal(size=(n, len(singular_values))))
    return ((u * singular_values) @ v.T).astype(np.float32)


def iterated(s):
    """The five polynomials applied to one singular value."""
    a, b, c = COEFFICIENTS
    for _ in range(STEPS):
        s = a * s + b * s**3 + c * s**5
    return s


@pytest.mark.parametrize(("m", "n"), [(40, 6), (6, 40), (6, 6)])
def test_each_singular_value_goes_through_the_polynomials_and_directions_stay(m, n):
    s = np.array([8.0, 4.0, 2.0, 1.0, 0.3, 0.1])
    x = matrix(s, m, n)
    expected = matrix(iterated(s / np.linalg.norm(s)), m, n)
    np.testing.assert_allclose(orthogonalised(jnp.asarray(x)), expected, atol=2e-4)


def test_it_is_the_iteration_that_optax_has_written_out():
    x = np.random.default_rng(0).normal(size=(90, 12)).astype(np.float32)
    optimizer = contrib.muon(1.0)
    theirs, _ = optimizer.update(x, optimizer.init(x), x)
    np.testing.assert_allclose(orthogonalised(jnp.asarray(x)), -theirs, atol=1e-4)


def test_a_matrix_of_zeros_stays_zero():
    np.testing.assert_array_equal(orthogonalised(jnp.zeros((4, 3))), np.zeros((4, 3)))


def test_kernels_move_by_the_rate_in_every_direction_and_biases_as_adam_moves_them():
    optimizer = muon(0.1)
    params = {"kernel": jnp.zeros((3, 3, 4, 5)), "bias": jnp.zeros(5)}
    grads = {
        "kernel": jax.random.normal(jax.random.key(0), (3, 3, 4, 5)),
        "bias": jnp.array([1.0, -2.0, 3.0, -4.0, 5.0]),
    }
    updates, _ = optimizer.update(grads, optimizer.init(params), params)
    lengths = np.linalg.svd(updates["kernel"].reshape(36, 5), compute_uv=False)
    assert np.all((lengths > 0.05) & (lengths < 0.13))
    np.testing.assert_allclose(updates["bias"], -0.1 * np.sign(grads["bias"]), rtol=1e-3)


def test_it_finds_the_matrix_of_a_linear_map():
    rng = np.random.default_rng(0)
    x, truth = rng.normal(size=(64, 8)), rng.normal(size=(8, 3))
    optimizer = muon(optax.linear_schedule(0.1, 0.0, 300))
    params = {"w": jnp.zeros((8, 3))}

    def step(carry, _):
        params, state = carry
        grads = jax.grad(lambda p: jnp.mean((x @ p["w"] - x @ truth) ** 2))(params)
        updates, state = optimizer.update(grads, state, params)
        return (optax.apply_updates(params, updates), state), None

    (params, _), _ = jax.lax.scan(step, (params, optimizer.init(params)), length=300)
    np.testing.assert_allclose(params["w"], truth, atol=0.05)
