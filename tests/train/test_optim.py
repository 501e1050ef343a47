import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxrelic.errors import UserError
from jaxrelic.train.optim import OptimConfig, make_optimizer, make_schedule


def rates(config, *steps):
    schedule = make_schedule(config)
    return [float(schedule(step)) for step in steps]


def test_piecewise_falls_at_the_named_steps_warm_up_or_not():
    for warmup in (0, 10):
        config = OptimConfig(
            learning_rate=1.0, schedule="piecewise", boundaries=(100, 200), warmup_steps=warmup
        )
        np.testing.assert_allclose(rates(config, 99, 101, 201), [1.0, 0.2, 0.04], rtol=1e-6)


def test_cosine_is_halfway_between_its_ends_at_half_time():
    config = OptimConfig(learning_rate=1.0, schedule="cosine", decay_steps=100, decay=0.2)
    np.testing.assert_allclose(rates(config, 0, 50, 100, 500), [1.0, 0.6, 0.2, 0.2], rtol=1e-6)


def test_warm_up_is_a_part_of_the_cosine_and_moves_its_end_by_nothing():
    config = OptimConfig(
        learning_rate=1.0, schedule="cosine", decay_steps=100, decay=0.2, warmup_steps=10
    )
    np.testing.assert_allclose(rates(config, 5, 10, 55, 100), [0.5, 1.0, 0.6, 0.2], rtol=1e-6)


def test_warm_up_rises_linearly():
    np.testing.assert_allclose(
        rates(OptimConfig(learning_rate=1.0, warmup_steps=4), 0, 1, 4, 9), [0, 0.25, 1, 1]
    )


def test_cosine_without_an_end_is_refused():
    with pytest.raises(UserError, match=r"optim\.decay_steps is 0"):
        make_schedule(OptimConfig(schedule="cosine"))


def test_clipping_bounds_what_adam_sees_and_keeps_its_direction():
    # Adam forgets a constant factor, so the clip shows in its second gradient.
    def second_update(clip_norm):
        optimizer = make_optimizer(OptimConfig(learning_rate=1.0, clip_norm=clip_norm))
        params = {"w": jnp.zeros(1)}
        opt_state = optimizer.init(params)
        _, opt_state = optimizer.update({"w": jnp.array([100.0])}, opt_state, params)
        update, _ = optimizer.update({"w": jnp.array([1.0])}, opt_state, params)
        return float(update["w"][0])

    assert second_update(1.0) == pytest.approx(-1.0, rel=1e-3)  # Both gradients are 1.
    assert abs(second_update(0.0)) < 0.9


GROUPED = OptimConfig(
    optimizer="sgd", learning_rate=0.1, heads=("generator",), head_factor=10.0, bias_factor=2.0
)


def test_heads_and_biases_have_rates_of_their_own_which_multiply():
    params = {
        "trunk": {"norm": {"scale": jnp.zeros(1), "bias": jnp.zeros(1)}},
        "generator": {"kernel": jnp.zeros(1), "bias": jnp.zeros(1)},
    }
    optimizer = make_optimizer(GROUPED)
    gradients = jax.tree.map(jnp.ones_like, params)
    updates, _ = optimizer.update(gradients, optimizer.init(params), params)
    # Nesterov's first step is (1 + momentum) times the gradient.
    rates = jax.tree.map(lambda update: float(update[0]) / -1.9, updates)
    assert rates["trunk"]["norm"] == pytest.approx({"scale": 0.1, "bias": 0.2})
    assert rates["generator"] == pytest.approx({"kernel": 1.0, "bias": 2.0})


def test_sgd_is_nesterov_s_with_decay_written_out():
    config = OptimConfig(optimizer="sgd", learning_rate=0.1, momentum=0.9, weight_decay=0.5)
    optimizer = make_optimizer(config)
    w, velocity = 2.0, 0.0
    params = {"w": jnp.array([w])}
    opt_state = optimizer.init(params)
    for gradient in (1.0, -0.5, 0.25):
        updates, opt_state = optimizer.update({"w": jnp.array([gradient])}, opt_state, params)
        params = optax.apply_updates(params, updates)
        decayed = gradient + 0.5 * w
        velocity = 0.9 * velocity + decayed
        w -= 0.1 * (decayed + 0.9 * velocity)
        assert float(params["w"][0]) == pytest.approx(w, rel=1e-5)


def test_adam_has_no_weight_decay():
    with pytest.raises(UserError, match=r"weight_decay is for SGD"):
        make_optimizer(OptimConfig(weight_decay=1e-4))


def test_without_groups_the_state_of_adam_is_what_it_was():
    """Checkpoints from before there were groups are restored into the same tree."""
    params = {"w": jnp.zeros(2)}
    ours = make_optimizer(OptimConfig()).init(params)
    assert jax.tree.structure(ours) == jax.tree.structure(
        optax.adam(optax.constant_schedule(1e-4)).init(params)
    )


def test_root_stays_and_then_falls_with_the_root_of_the_step_warm_up_or_not():
    for warmup in (0, 10):
        config = OptimConfig(
            learning_rate=1.0, schedule="root", decay_steps=100, warmup_steps=warmup
        )
        np.testing.assert_allclose(rates(config, 50, 99, 399), [1.0, 1.0, 0.5], rtol=1e-6)
    with pytest.raises(UserError, match="a root schedule falls from there on"):
        make_schedule(OptimConfig(schedule="root"))


def test_muon_moves_a_matrix_in_all_its_directions_by_the_rate():
    optimizer = make_optimizer(OptimConfig(optimizer="muon", learning_rate=0.1))
    params = {"kernel": jnp.zeros((6, 4))}
    grads = {"kernel": jax.random.normal(jax.random.key(0), (6, 4))}
    updates, _ = optimizer.update(grads, optimizer.init(params), params)
    lengths = np.linalg.svd(updates["kernel"], compute_uv=False)
    assert np.all((lengths > 0.05) & (lengths < 0.13))
