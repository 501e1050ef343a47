"""The relief network: planes, layers, what it may and may not see, and that it learns."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxrelic.losses.relief import ReliefLossWeights, loss_terms
from jaxrelic.models.relief.inputs import INPUTS, network_inputs
from jaxrelic.models.relief.model import Relief, ReliefConfig, ReliefNet, fold, unfold
from jaxrelic.models.relief.planes import coordinates, fitted_plane, plane_depth

SMALL = ReliefConfig(widths=(8, 12), blocks=(1, 1), code=8)
SIZE = 32
WEIGHTS = dataclasses.asdict(ReliefLossWeights())


def disc(size=SIZE, radius=0.35):
    axis = (np.arange(size) + 0.5) / size - 0.5
    x, y = np.meshgrid(axis, axis)
    return np.float32(np.hypot(x - 0.03, y + 0.05) < radius)


def inputs(seed=0):
    rng, mask = np.random.default_rng(seed), disc()
    photo = rng.random((SIZE, SIZE, 3)).astype(np.float32)
    found = network_inputs(photo, mask)
    return [jnp.asarray(found[name])[None] for name in INPUTS]


@pytest.fixture(scope="module")
def network():
    net = ReliefNet(SMALL)
    return net, net.init(jax.random.key(0), *inputs())


def test_a_plane_is_fitted_exactly_where_the_mask_is_wide():
    plane = jnp.array([[0.3, -0.7, 0.4], [0.0, 0.2, -0.1]])
    wide = jnp.ones((2, 20, 28))
    found = fitted_plane(plane_depth(plane, 20, 28), wide)
    # The ridge holds tilts back by ridge / variance, 2 % on a whole crop.
    np.testing.assert_allclose(found, plane, rtol=0.06, atol=0.01)


def test_what_lies_outside_the_mask_does_not_move_the_plane():
    weight = jnp.asarray(disc())[None]
    depth = 0.2 + 0.1 * coordinates(SIZE, SIZE)[None, ..., 0]
    spoilt = jnp.where(weight > 0, depth, 99.0)
    np.testing.assert_allclose(fitted_plane(spoilt, weight), fitted_plane(depth, weight), atol=1e-6)


def test_a_narrow_upright_thing_has_no_wild_tilt_across_itself():
    weight = jnp.zeros((1, 32, 32)).at[:, 4:28, 15:17].set(1.0)
    noise = 0.05 * jax.random.normal(jax.random.key(1), (1, 32, 32))
    assert jnp.abs(fitted_plane(noise, weight)[0, 1]) < 0.2


def test_an_empty_mask_has_the_plane_zero_and_finite_gradients():
    weight = jnp.zeros((1, 8, 8))
    gradient = jax.grad(lambda d: fitted_plane(d, weight).sum())(jnp.ones((1, 8, 8)))
    np.testing.assert_array_equal(fitted_plane(jnp.ones((1, 8, 8)), weight), 0)
    assert jnp.isfinite(gradient).all()


def test_unfolding_undoes_folding_and_folding_keeps_neighbours_together():
    x = jnp.arange(2 * 4 * 6 * 3.0).reshape(2, 4, 6, 3)
    np.testing.assert_array_equal(unfold(fold(x)), x)
    assert set(np.asarray(fold(x)[0, 0, 0])) == set(np.asarray(x[0, :2, :2]).ravel())


def test_the_plane_of_the_layers_is_the_heads_and_nothing_else(network):
    net, variables = network
    mask = inputs()[1]
    kernel = jax.random.normal(jax.random.key(2), variables["params"]["layers"]["kernel"].shape)
    params = variables["params"] | {"layers": {"kernel": 0.1 * kernel, "bias": jnp.ones(8)}}
    relief = net.apply({"params": params}, *inputs())
    middle = relief.front + 0.5 * relief.thickness
    weight = jnp.mean(fold(mask[..., None]), axis=-1)
    bare = middle - plane_depth(relief.plane, *middle.shape[1:])
    # The ridge leaves some of a slope that the map had.
    assert jnp.std(bare) > 0.01
    np.testing.assert_allclose(fitted_plane(bare, weight), 0, atol=0.04)
    assert (relief.thickness > 0).all()
    assert relief.front.shape == (1, SIZE // 2, SIZE // 2)


def test_an_untrained_network_is_the_inflation_of_the_mask(network):
    net, variables = network
    relief = net.apply(variables, *inputs())
    inflated = inputs()[-1]
    np.testing.assert_allclose(relief.thickness, 2 * (inflated + 0.005), rtol=1e-5)
    np.testing.assert_allclose(relief.front, -0.5 * relief.thickness, atol=0.02)


def test_what_the_photograph_shows_outside_the_mask_is_not_seen():
    mask = disc()
    photo = np.random.default_rng(0).random((SIZE, SIZE, 3)).astype(np.float32)
    other = np.where(mask[..., None] > 0, photo, 0.9).astype(np.float32)
    np.testing.assert_array_equal(
        network_inputs(photo, mask)["photo"], network_inputs(other, mask)["photo"]
    )


def test_a_darker_exposure_of_the_same_photograph_looks_the_same():
    mask = disc()
    photo = 0.2 + 0.4 * np.random.default_rng(0).random((SIZE, SIZE, 3)).astype(np.float32)
    one, dark = (network_inputs(np.float32(g * photo), mask)["photo"] for g in (1.0, 0.5))
    np.testing.assert_allclose(one, dark, atol=1e-5)


def test_a_perfect_relief_has_no_loss_and_a_tilted_one_only_that_of_its_plane():
    rng = np.random.default_rng(0)
    front = jnp.asarray(rng.normal(0, 0.1, (2, 16, 16)), jnp.float32)
    thickness = jnp.asarray(rng.uniform(0.1, 0.3, (2, 16, 16)), jnp.float32)
    covered, elevation = jnp.ones((2, 16, 16)), jnp.array([0.1, 0.5])
    plane = fitted_plane(front + 0.5 * thickness, covered)
    right = Relief(front=front, thickness=thickness, plane=plane, elevation=elevation)
    terms = loss_terms(right, front, front + thickness, covered, elevation)
    for name, values in terms.items():
        np.testing.assert_allclose(values, 0, atol=1e-6, err_msg=name)
    tilt = jnp.array([[0.1, 0.3, -0.2]] * 2)
    tilted = right.replace(front=front + plane_depth(tilt, 16, 16), plane=plane + tilt)
    terms = loss_terms(tilted, front, front + thickness, covered, elevation)
    assert (terms["plane"] > 0.05).all()
    for name in ("shape", "gradient"):
        np.testing.assert_allclose(terms[name], 0, atol=1e-6, err_msg=name)
    assert set(terms) == set(WEIGHTS)


def test_it_learns_the_layers_of_one_picture(network):
    net, variables = network
    covered = jnp.asarray(disc()[::2, ::2])[None]
    half = 0.3 * covered
    front = 0.1 + 0.4 * coordinates(16, 16)[None, ..., 1] - half
    truth = (front, front + 2 * half, covered, jnp.array([0.4]))

    def loss(params):
        terms = loss_terms(net.apply({"params": params}, *inputs()), *truth)
        return sum(WEIGHTS[name] * jnp.mean(term) for name, term in terms.items())

    optimizer = optax.adam(3e-3)

    def step(carry, _):
        params, state = carry
        value, gradient = jax.value_and_grad(loss)(params)
        updates, state = optimizer.update(gradient, state)
        return (optax.apply_updates(params, updates), state), value

    params = variables["params"]
    _, values = jax.lax.scan(step, (params, optimizer.init(params)), length=120)
    assert values[-1] < 0.3 * values[0]
    assert jnp.isfinite(values).all()


def test_the_parameters_keep_their_names(network):
    names = set(network[1]["params"])
    assert names == {
        *("stem", "down_1", "encode_0_0", "encode_1_0", "global", "decode_0_0", "decode_1_0"),
        *("up_0", "layers", "pose_hidden", "pose"),
    }
