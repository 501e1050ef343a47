"""The folder of a run: `config.json`, `checkpoints/`, `metrics.jsonl`, `tensorboard/`."""

import contextlib
import fcntl
import json
import os
import pathlib
from collections.abc import Iterator

import jax

from jaxrelic import config_json
from jaxrelic.errors import UserError
from jaxrelic.train import former_config
from jaxrelic.train.experiment import Experiment

CONFIG_FILE = "config.json"

FREE_SETTINGS = (
    *("steps", "log_every", "checkpoint_every", "validate_every", "keep_checkpoints"),
    "task.data.threads",
)
"""Settings that may change when a run is continued: they do not change what it computes."""


def prepare(workdir: pathlib.Path) -> None:
    """Makes sure that `workdir` is a folder we can write to."""
    try:
        workdir.mkdir(parents=True, exist_ok=True)
        probe = workdir / f".writable-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UserError(f"cannot write to {workdir}: {error.strerror}; set --workdir") from error


@contextlib.contextmanager
def alone(workdir: pathlib.Path) -> Iterator[None]:
    """Keeps a second run out of `workdir` while this one writes to it; ends with the process."""
    if jax.process_index() != 0:
        yield
        return
    with open(workdir / ".lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(
                f"another process is training in {workdir}; wait for it, or set another --workdir"
            ) from error
        yield


def check_same_run(workdir: pathlib.Path, experiment: Experiment) -> None:
    """Raises if the run in `workdir` was started with settings that compute something else."""
    path = workdir / CONFIG_FILE
    if not path.exists():
        return
    # Through `Experiment`, so that a setting younger than the run has its default.
    before, now = (config_json.to_json(each) for each in (read_config(workdir), experiment))
    changed = [n for n in config_json.differences(before, now) if n not in FREE_SETTINGS]
    if changed:
        raise UserError(
            f"{workdir} holds a run with another {_as_options(changed)}; set the value in "
            f"{path} again, or start a new run with another --workdir"
        )


def _as_options(changed: list[str]) -> str:
    """Names of settings as the command line has them: those of the task stand at the top."""
    return ", ".join(name.removeprefix("task.") for name in changed)


def write_config(workdir: pathlib.Path, experiment: Experiment) -> None:
    """Writes the resolved settings, whole or not at all."""
    if jax.process_index() == 0:
        partial = workdir / f"{CONFIG_FILE}.partial"
        partial.write_text(json.dumps(config_json.to_json(experiment), indent=2) + "\n")
        os.replace(partial, workdir / CONFIG_FILE)


def read_config(workdir: pathlib.Path) -> Experiment:
    """The settings of the run in `workdir`."""
    path = workdir / CONFIG_FILE
    if not path.exists():
        raise UserError(f"no run in {workdir}: no {CONFIG_FILE}; train one first")
    plain = former_config.upgraded(json.loads(path.read_text()))
    return config_json.from_json(Experiment, plain)
