"""The run: from a folder, which may hold a part of it already, to the last step."""

import dataclasses
import logging
import pathlib
import signal
from collections.abc import Callable, Iterator, Mapping

import jax

from jaxrelic.data.read_ahead import read_ahead
from jaxrelic.train import interrupt, optim, parallel, workdir
from jaxrelic.train.checkpoint import Checkpoints, open_checkpoints
from jaxrelic.train.experiment import Experiment
from jaxrelic.train.initial import fresh
from jaxrelic.train.metrics_log import MetricsLog, open_metrics_log
from jaxrelic.train.monitor import Monitor
from jaxrelic.train.progress_bar import show_progress
from jaxrelic.train.state import Variables
from jaxrelic.train.step import make_train_step
from jaxrelic.train.tasks.task import Objective

Validator = Callable[[int, Variables], Mapping[str, float]]
"""Called with the step number and the variables (as host arrays); returns validation figures."""

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a run ended; its state is saved either way."""

    step: int
    """Steps taken and saved."""
    stopped_by: signal.Signals | None
    """The signal that ended it early, None when all steps were taken."""


def train(
    experiment: Experiment,
    folder: pathlib.Path,
    *,
    objective: Objective | None = None,
    devices: parallel.Devices | None = None,
    validate: Validator | None = None,
) -> Outcome:
    """Takes the steps that the run in `folder` still lacks.

    SIGTERM and Ctrl-C end it after the current step, saved. The same call then goes on where it
    stopped, with the losses it would have had.

    Args:
        experiment: All settings.
        folder: Folder of the run.
        objective: Model and losses to train on the task's batches; None takes the task's own.
        devices: Devices to use; None for all of this process.
        validate: Called every `experiment.validate_every` steps and after the last one, on the
            first process; its values are recorded as `validation_...`.

    Raises:
        DivergedError: A loss or gradient is not finite; nothing of it is saved.
        UserError: The folder holds another run, or a setting cannot work.
    """
    devices = jax.local_devices() if devices is None else devices
    parallel.check_batch_size(experiment.task.data.batch_size, devices)
    workdir.prepare(folder)
    with (
        workdir.alone(folder),
        open_checkpoints(folder, max_to_keep=experiment.keep_checkpoints) as checkpoints,
    ):
        start = checkpoints.latest_step
        if start is not None:
            workdir.check_same_run(folder, experiment)
            if start >= experiment.steps:
                _log.info("nothing to do: %s has taken %d steps", folder, start)
                return Outcome(start, None)
            _log.info("continuing %s after step %d", folder, start)
        run = _Run(experiment, objective or experiment.task, checkpoints, devices, validate)
        workdir.write_config(folder, experiment)
        return run.finish(folder)


class _Run:
    """A run that is ready to step: batches, state and one program per phase."""

    def __init__(
        self,
        experiment: Experiment,
        objective: Objective,
        checkpoints: Checkpoints,
        devices: parallel.Devices,
        validate: Validator | None,
    ):
        self._experiment, self._checkpoints, self._devices = experiment, checkpoints, devices
        self._validate_every = experiment.validate_every if validate else 0
        self._validate = validate
        self._batches = experiment.task.batches(experiment.seed)
        optimizer = optim.make_optimizer(experiment.optim)
        state = fresh.create(objective, optimizer, self._batches[0], seed=experiment.seed)
        if checkpoints.latest_step is None:
            state = experiment.task.begin(state, seed=experiment.seed)
        self._state = parallel.replicate(state, devices)
        if checkpoints.latest_step is not None:
            self._state = checkpoints.restore(self._state)
        self._programs = [
            parallel.data_parallel(
                make_train_step(objective, optimizer, phase=phase, seed=experiment.seed), devices
            )
            for phase in objective.phases
        ]
        self._learning_rate = optim.make_schedule(experiment.optim)

    def finish(self, folder: pathlib.Path) -> Outcome:
        """Takes the remaining steps, saving now and then and at the end."""
        start, total = int(self._state.step), self._experiment.steps
        with (
            interrupt.stop_on_signals() as stop,
            open_metrics_log(folder, start=start) as log,
            show_progress(start, total) as progress,
        ):
            monitor = Monitor(self._recorder(log), every=self._experiment.log_every)
            for step in self._steps(start, stop):
                monitor.add(step, self._logs)
                progress.update(step, monitor.latest.get("loss"))
                due = step < total and self._validation_due(step)
                if due or step % self._experiment.checkpoint_every == 0:
                    monitor.settle()
                    self._checkpoints.save(self._state)
                if due:
                    with monitor.paused():
                        self._record_validation(step, log)
            step = int(self._state.step)
            monitor.finish(step)
            self._checkpoints.save(self._state)
            if step == total and self._validate_every:
                self._record_validation(step, log)
        return Outcome(step, stop.signal if step < total else None)

    def _validation_due(self, step: int) -> bool:
        return self._validate_every > 0 and step % self._validate_every == 0

    def _record_validation(self, step: int, log: MetricsLog | None) -> None:
        """Writes what the validator says, on the first process."""
        if log is not None:
            values = self._validate(step, jax.device_get(self._state.variables))
            log.write(step, {f"validation_{name}": float(x) for name, x in values.items()})

    def _steps(self, start: int, stop: interrupt.StopRequest) -> Iterator[int]:
        """Takes steps until the last one or a request to stop; yields how many have been taken."""
        threads = self._experiment.task.data.threads
        batches = read_ahead(self._batches, start, threads=threads)
        for step in range(start, self._experiment.steps):
            if stop:
                return
            program = self._programs[step % len(self._programs)]
            batch = parallel.deal(next(batches), self._devices)
            self._state, self._logs = program(self._state, batch)
            yield step + 1

    def _recorder(self, log: MetricsLog | None) -> Callable[[int, dict[str, float]], None]:
        """Where averaged logs go: nowhere, on all processes but the first."""

        def record(step: int, means: dict[str, float]) -> None:
            if log is not None:
                rate = float(self._learning_rate(step - 1))
                log.write(step, {**means, "learning_rate": rate})

        return record
