import jax.numpy as jnp
import numpy as np
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
