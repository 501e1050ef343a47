import jax.numpy as jnp
import numpy as np
import pytest

from jaxrelic.errors import UserError
from jaxrelic.train.tasks import msrn_phases
from jaxrelic.train.tasks.msrn_phases import SoftnessSchedule, sigma_at


def test_softness_falls_by_equal_factors_and_then_stays():
    falling = SoftnessSchedule(start_sigma=1e-2, steps=100)
    sigmas = [float(sigma_at(falling, 1e-4, jnp.int32(step))) for step in (0, 50, 100, 999)]
    np.testing.assert_allclose(sigmas, [1e-2, 1e-3, 1e-4, 1e-4], rtol=1e-5)


def test_without_steps_softness_is_final_at_once():
    assert float(sigma_at(SoftnessSchedule(), 1e-4, jnp.int32(0))) == np.float32(1e-4)


def test_a_start_that_has_no_logarithm_is_refused():
    with pytest.raises(UserError, match=r"softness\.start_sigma is 0"):
        SoftnessSchedule(start_sigma=0, steps=3)


def test_only_latent_poses_take_turns_and_the_pose_goes_first():
    assert msrn_phases.phases("latent") == ("pose", "shape")
    assert msrn_phases.phases("posed") == msrn_phases.phases("multiview") == ("joint",)
    assert msrn_phases.phases("latent", alternate=False) == ("joint",)
