import json

import jax
import numpy as np
import pytest

from jaxrelic.errors import UserError
from jaxrelic.models.msrn.memory import MemoryConfig
from jaxrelic.models.msrn.model import MsrnConfig
from jaxrelic.train import loop, monitor, workdir
from jaxrelic.train.optim import OptimConfig

ONE = slice(0, 1)


def rows(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def losses(folder):
    return [row["loss"] for row in rows(folder)]


def test_the_loss_falls(tmp_path, tiny_experiment, tiny_objective):
    experiment = tiny_experiment(steps=40)
    loop.train(experiment, tmp_path, objective=tiny_objective(), devices=jax.devices()[ONE])
    assert np.mean(losses(tmp_path)[-5:]) < 0.5 * losses(tmp_path)[0]


def test_a_run_in_two_parts_has_the_losses_of_a_run_in_one(
    tmp_path, tiny_experiment, tiny_objective
):
    objective = tiny_objective(noise=0.1)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    loop.train(tiny_experiment(), whole, objective=objective)
    loop.train(tiny_experiment(steps=3), parts, objective=objective)
    outcome = loop.train(tiny_experiment(), parts, objective=objective)
    assert outcome.step == 6
    assert [row["step"] for row in rows(parts)] == [1, 2, 3, 4, 5, 6]
    assert losses(parts) == losses(whole)


def test_the_same_seed_gives_the_same_losses_and_another_does_not(
    tmp_path, tiny_experiment, tiny_objective
):
    for name, seed in [("a", 0), ("b", 0), ("c", 1)]:
        loop.train(tiny_experiment(seed=seed), tmp_path / name, objective=tiny_objective())
    assert losses(tmp_path / "a") == losses(tmp_path / "b")
    assert losses(tmp_path / "a") != losses(tmp_path / "c")


def test_one_two_and_four_devices_give_the_same_losses(tmp_path, tiny_experiment, tiny_objective):
    for count in (1, 2, 4):
        devices = jax.devices()[:count]
        loop.train(
            tiny_experiment(), tmp_path / str(count), objective=tiny_objective(), devices=devices
        )
    np.testing.assert_allclose(losses(tmp_path / "2"), losses(tmp_path / "1"), rtol=1e-4)
    np.testing.assert_allclose(losses(tmp_path / "4"), losses(tmp_path / "1"), rtol=1e-4)


def test_a_run_saved_on_four_devices_continues_on_one(tmp_path, tiny_experiment, tiny_objective):
    loop.train(
        tiny_experiment(), tmp_path / "whole", objective=tiny_objective(), devices=jax.devices()
    )
    moved = tmp_path / "moved"
    loop.train(tiny_experiment(steps=3), moved, objective=tiny_objective(), devices=jax.devices())
    loop.train(tiny_experiment(), moved, objective=tiny_objective(), devices=jax.devices()[ONE])
    np.testing.assert_allclose(losses(moved), losses(tmp_path / "whole"), rtol=1e-4)


def test_a_term_that_is_not_finite_stops_the_run_by_step_and_name(
    tmp_path, tiny_experiment, tiny_objective
):
    objective = tiny_objective(spoil_at=4)  # The fifth step.
    with pytest.raises(monitor.DivergedError, match=r"step 5 is not finite: size = "):
        loop.train(tiny_experiment(checkpoint_every=2), tmp_path, objective=objective)
    saved = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert saved == ["2", "4"]


def test_validations_are_recorded_at_their_steps_and_change_no_loss(
    tmp_path, tiny_experiment, tiny_objective
):
    seen = []

    def validate(step, variables):
        seen.append((step, float(np.sum(variables["params"]["out"]["bias"]))))
        assert all(isinstance(leaf, np.ndarray) for leaf in jax.tree.leaves(variables))
        return {"iou": np.float32(0.5)}

    objective, parts = tiny_objective(noise=0.1), tmp_path / "parts"
    loop.train(tiny_experiment(), tmp_path / "without", objective=objective, validate=validate)
    assert not seen
    for steps in (3, 5):
        loop.train(
            tiny_experiment(steps=steps, validate_every=2),
            parts,
            objective=objective,
            validate=validate,
        )
    assert [step for step, _ in seen] == [2, 3, 4, 5]
    assert len(set(seen)) == 4
    judged = {row["step"]: row["validation_iou"] for row in rows(parts) if "validation_iou" in row}
    assert judged == dict.fromkeys([2, 3, 4, 5], 0.5)
    found = [row["loss"] for row in rows(parts) if "loss" in row]
    assert found == losses(tmp_path / "without")[:5]


def test_a_validation_that_fails_leaves_its_step_saved(tmp_path, tiny_experiment, tiny_objective):
    def validate(step, variables):
        raise UserError("no records to judge by")

    with pytest.raises(UserError, match="no records"):
        loop.train(
            tiny_experiment(validate_every=2),
            tmp_path,
            objective=tiny_objective(),
            validate=validate,
        )
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["2"]
    loop.train(tiny_experiment(), tmp_path, objective=tiny_objective())
    assert len(losses(tmp_path)) == 6


def test_phases_take_turns(tmp_path, tiny_experiment, tiny_objective):
    seen = []

    class Spy(tiny_objective):
        def loss(self, *args, phase, **kwargs):
            seen.append(phase)
            return super().loss(*args, phase=phase, **kwargs)

    loop.train(tiny_experiment(steps=4), tmp_path, objective=Spy(phases=("pose", "shape")))
    assert seen == ["pose", "shape"]  # Traced once each, in that order.


def test_other_settings_do_not_continue_a_run(tmp_path, tiny_experiment, tiny_objective):
    loop.train(tiny_experiment(steps=1), tmp_path, objective=tiny_objective())
    changed = tiny_experiment(optim=OptimConfig(learning_rate=5.0), seed=3)
    with pytest.raises(UserError, match=r"optim\.learning_rate, seed"):
        loop.train(changed, tmp_path, objective=tiny_objective())


def test_a_run_from_before_a_setting_existed_continues_at_its_default(
    tmp_path, tiny_experiment, tiny_objective
):
    loop.train(tiny_experiment(steps=1), tmp_path, objective=tiny_objective())
    config = json.loads((tmp_path / "config.json").read_text())
    del config["task"]["model"]["memory"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert loop.train(tiny_experiment(steps=2), tmp_path, objective=tiny_objective()).step == 2
    changed = MsrnConfig(memory=MemoryConfig(slots=20))
    with pytest.raises(UserError, match=r"another .*model\.memory\.slots"):
        loop.train(tiny_experiment(steps=3, model=changed), tmp_path, objective=tiny_objective())


def test_a_finished_run_is_left_alone(tmp_path, tiny_experiment, tiny_objective):
    loop.train(tiny_experiment(steps=2), tmp_path, objective=tiny_objective())
    before = (tmp_path / "metrics.jsonl").read_bytes()
    assert loop.train(tiny_experiment(steps=2), tmp_path, objective=tiny_objective()).step == 2
    assert (tmp_path / "metrics.jsonl").read_bytes() == before


def test_a_batch_that_cannot_be_dealt_out_names_its_setting(
    tmp_path, tiny_experiment, tiny_objective
):
    with pytest.raises(UserError, match=r"batch size 8 .* 3 devices; set data\.batch_size"):
        loop.train(
            tiny_experiment(), tmp_path, objective=tiny_objective(), devices=jax.devices()[:3]
        )


def test_two_runs_never_share_a_folder(tmp_path, tiny_experiment, tiny_objective):
    with workdir.alone(tmp_path), pytest.raises(UserError, match="another process is training"):
        loop.train(tiny_experiment(), tmp_path, objective=tiny_objective())
    assert not (tmp_path / workdir.CONFIG_FILE).exists()
