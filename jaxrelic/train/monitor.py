"""Watches the losses: stops a run that diverged, and averages what is recorded."""

import contextlib
import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping

import jax

logger = logging.getLogger(__name__)

SUMMARY_LOGS = ("loss", "grad_norm")
"""Logs made of all terms: they are only named when no term of its own is at fault."""

Write = Callable[[int, dict[str, float]], None]


class DivergedError(Exception):
    """A loss or gradient stopped being a finite number."""


class Monitor:
    """Takes each step's logs one step late, so that the device never waits for the host."""

    def __init__(self, write: Write, *, every: int):
        """Calls `write(step, means)` at multiples of `every` with means since the last call."""
        self._write, self._every = write, every
        self._pending: tuple[int, Mapping[str, jax.Array]] | None = None
        self._window: list[dict[str, float]] = []
        self._since = time.monotonic()
        self.latest: dict[str, float] = {}
        """Logs of the last step that was looked at."""

    def add(self, step: int, logs: Mapping[str, jax.Array]) -> None:
        """Hands over the logs of `step`, which may still be computed; looks at those before."""
        previous, self._pending = self._pending, (step, logs)
        if previous:
            self._take(*previous)

    def settle(self) -> None:
        """Looks at everything handed over: a state that passes this is worth saving."""
        previous, self._pending = self._pending, None
        if previous:
            self._take(*previous)

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Keeps what is done meanwhile out of the steps per second."""
        start = time.monotonic()
        yield
        self._since += time.monotonic() - start

    def finish(self, step: int) -> None:
        """Writes what has gathered since the last row, so that no step is missing from the log."""
        self.settle()
        if self._window:
            self._record(step)

    def _take(self, step: int, logs: Mapping[str, jax.Array]) -> None:
        self.latest = {name: float(value) for name, value in jax.device_get(logs).items()}
        check_finite(step, self.latest)
        self._window.append(self.latest)
        if step % self._every == 0:
            self._record(step)

    def _record(self, step: int) -> None:
        names = {name: None for row in self._window for name in row}
        means = {}
        for name in names:
            values = [row[name] for row in self._window if name in row]
            means[name] = sum(values) / len(values)
        if means.get("dropped_faces", 0) > 0:
            logger.warning(
                "step %d: the renderer left out %.1f faces per image for lack of room; "
                "losses and gradients are incomplete",
                step,
                means["dropped_faces"],
            )
        now = time.monotonic()
        means["steps_per_second"] = len(self._window) / max(now - self._since, 1e-9)
        self._write(step, means)
        self._window, self._since = [], now


def check_finite(step: int, logs: Mapping[str, float]) -> None:
    """Raises `DivergedError` naming the step and the terms that are not finite."""
    broken = sorted(name for name, value in logs.items() if not math.isfinite(value))
    culprits = [name for name in broken if name not in SUMMARY_LOGS] or broken
    if culprits:
        values = ", ".join(f"{name} = {logs[name]}" for name in culprits)
        raise DivergedError(
            f"step {step} is not finite: {values}; the last checkpoint is from before it. "
            "Lower optim.learning_rate or the term's weight, or set optim.clip_norm"
        )
