import jax.numpy as jnp
import numpy as np
import pytest

from jaxrelic.train.checkpoint import Checkpoints, open_checkpoints
from jaxrelic.train.state import TrainState


def state_at(step):
    params = {"w": jnp.arange(6.0).reshape(2, 3) + step}
    return TrainState(step=jnp.int32(step), params=params, opt_state=(), collections={})


def test_only_the_newest_are_kept_and_the_last_comes_back(tmp_path):
    with open_checkpoints(tmp_path, max_to_keep=2) as checkpoints:
        for step in (1, 2, 3):
            checkpoints.save(state_at(step))
    with open_checkpoints(tmp_path, max_to_keep=2) as checkpoints:
        assert checkpoints.latest_step == 3
        restored = checkpoints.restore(state_at(0))
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == ["2", "3"]
    np.testing.assert_array_equal(restored.params["w"], state_at(3).params["w"])
    assert int(restored.step) == 3


def test_a_write_that_was_cut_short_is_no_checkpoint(tmp_path):
    with open_checkpoints(tmp_path, max_to_keep=2) as checkpoints:
        checkpoints.save(state_at(1))
    (tmp_path / "checkpoints" / "2.orbax-checkpoint-tmp" / "state").mkdir(parents=True)
    with open_checkpoints(tmp_path, max_to_keep=2) as checkpoints:
        assert checkpoints.latest_step == 1


def test_what_the_system_said_of_a_write_is_an_os_error():
    class FullDisk:
        def latest_step(self):
            return None

        def save(self, step, args, force):
            raise ValueError("RESOURCE_EXHAUSTED: No space left on device [os_error_code='28']")

    with pytest.raises(OSError, match="No space left"):
        Checkpoints(FullDisk()).save(state_at(1))
