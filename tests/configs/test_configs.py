import dataclasses
import json
import os
import runpy
import signal
import subprocess
import sys
import time

import jax
import numpy as np
import optax
import pytest
from experiments import as_of, changed
from places import ROOT

from jaxrelic import config_json
from jaxrelic.cli.train import load_experiment
from jaxrelic.saved import runs
from jaxrelic.train import loop
from jaxrelic.train.experiment import Experiment
from jaxrelic.train.initial import fresh
from jaxrelic.train.step import make_train_step

CONFIGS = ROOT / "configs"
FILES = sorted(path for path in CONFIGS.glob("*.py") if path.name != "__init__.py")


def experiments() -> list[str]:
    """Every file with a `get_config`, and every row, as `jaxrelic train` takes them."""
    found = []
    for path in FILES:
        names = runpy.run_path(str(path))
        found += [path.name] if "get_config" in names else []
        found += [f"{path.name}:{row}" for row in names.get("ROWS", ())]
    return found


def smoke(**changes):
    return changed(load_experiment(CONFIGS / "smoke.py"), **changes)


def losses(folder):
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [row["loss"] for row in rows]


@pytest.mark.parametrize("name", experiments())
def test_every_config_builds_an_experiment_named_after_its_file_and_row(name):
    built = load_experiment(CONFIGS / name)
    assert built.name == name.replace(".py", "").replace(":", "_")
    assert config_json.from_json(Experiment, config_json.to_json(built)) == built


@pytest.mark.parametrize("name", ["msrn_learns.py", "msrn_tables.py", "one2345_learns.py"])
def test_no_two_rows_of_a_table_are_the_same_experiment(name):
    rows = runpy.run_path(str(CONFIGS / name))["ROWS"]
    unnamed = {repr(dataclasses.replace(build(), name="")) for build in rows.values()}
    assert len(unnamed) == len(rows)


def whole(source="filtered", **changes):
    """The smoke run of the whole model, whose pass over the data may be shorter."""
    experiment = load_experiment(CONFIGS / "smoke.py:latent")
    model = experiment.task.model
    neighbours = dataclasses.replace(model.neighbours, source=source, recent=8)
    model = dataclasses.replace(model, neighbours=neighbours)
    return changed(experiment, **{"model": model} | changes)


@pytest.mark.parametrize(
    "experiment",
    [
        smoke(supervision="latent"),
        smoke(supervision="posed"),
        smoke(),
        whole(),
        whole("unicorn"),
    ],
    ids=["latent", "posed", "multiview", "filtered", "unicorn"],
)
def test_msrn_steps_agree_on_every_replica(experiment):
    objective, optimizer = experiment.task, optax.adam(1e-3)
    batch = objective.batches(0)[0]
    start = jax.eval_shape(lambda: fresh.initial(objective, optimizer, batch, seed=0))
    dealt = {name: x.reshape(2, 2, *x.shape[1:]) for name, x in batch.items()}
    for phase in objective.phases:
        step = make_train_step(objective, optimizer, phase=phase, seed=0)
        one_copy = jax.vmap(step, axis_name="batch", in_axes=(None, 0), out_axes=None)
        jax.eval_shape(one_copy, start, dealt)  # Raises if any output was left unreduced.


def test_smoke_continues_with_identical_losses_and_agrees_on_other_devices(tmp_path):
    one = jax.devices()[:1]
    loop.train(smoke(), tmp_path / "whole", devices=one)
    as_of(4, tmp_path / "whole", tmp_path / "parts")
    loop.train(smoke(), tmp_path / "parts", devices=one)
    assert losses(tmp_path / "parts") == losses(tmp_path / "whole")
    loop.train(smoke(steps=3), tmp_path / "two", devices=jax.devices()[:2])
    # Sums in another order; batch normalisation over 4 examples magnifies them.
    np.testing.assert_allclose(losses(tmp_path / "two"), losses(tmp_path / "whole")[:3], rtol=1e-3)


@pytest.mark.parametrize("source", ["filtered", "unicorn"])
def test_a_whole_run_continues_with_identical_losses_and_memory(tmp_path, source):
    tried, devices = whole(source, checkpoint_every=5), jax.devices()[:2]
    loop.train(tried, tmp_path / "whole", devices=devices)
    as_of(5, tmp_path / "whole", tmp_path / "parts")
    loop.train(tried, tmp_path / "parts", devices=devices)
    assert losses(tmp_path / "parts") == losses(tmp_path / "whole")
    one, other = (
        runs.open_run(tmp_path / name)[0].variables["memory"]["shape"]
        for name in ("whole", "parts")
    )
    jax.tree.map(np.testing.assert_array_equal, one, other)
    assert one.bank.writes.sum() == 32
    # Purified at step 3, when 12 codes had been written.
    assert one.prototypes.sizes.sum() == one.identities.sizes.sum() == 12


def test_sigterm_to_the_command_saves_and_exits_143(tmp_path):
    command = [sys.executable, "-m", "jaxrelic.cli.main", "train", str(CONFIGS / "smoke.py")]
    command += ["--workdir", str(tmp_path), "--steps", "100000"]
    one_device = os.environ["XLA_FLAGS"].replace("device_count=4", "device_count=1")
    environment = {**os.environ, "PYTHONPATH": str(CONFIGS.parent), "XLA_FLAGS": one_device}
    metrics = tmp_path / "metrics.jsonl"
    with subprocess.Popen(command, env=environment) as process:
        while process.poll() is None and not (metrics.exists() and metrics.stat().st_size):
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=120) == 143
    saved = max(int(path.name) for path in (tmp_path / "checkpoints").iterdir())
    assert saved == len(losses(tmp_path))
