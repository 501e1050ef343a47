"""How far a stage is: a bar on a terminal, plain lines elsewhere; both with rate and refusals."""

import collections
import io
import sys
import time
from collections.abc import Iterable

import tqdm

from data_engine.text.quantities import duration, rate

LINE_INTERVAL_S = 30.0
"""Seconds between the lines of a log; a stage that is done sooner writes one."""


class Progress(tqdm.tqdm):
    """A bar that also counts what went wrong; iterate over it or call `update` inside `with`."""

    monitor_interval = 0  # No watcher thread: stages start child processes.

    def __init__(self, iterable: Iterable | None, total: int | None, *, stage: str, unit: str):
        """Use `progress`."""
        self._in_log = not sys.stderr.isatty()
        self._stage, self._noun, self._began = stage, unit, time.monotonic()
        self._refused: collections.Counter[str] = collections.Counter()
        super().__init__(
            iterable,
            total=total,
            desc=stage,
            unit=f" {unit}s",
            file=io.StringIO() if self._in_log else sys.stderr,
            mininterval=LINE_INTERVAL_S if self._in_log else 0.1,
            miniters=1,  # Otherwise tqdm learns to look rarely, and a slow stretch goes unsaid.
            dynamic_ncols=not self._in_log,
        )

    def refused(self, reason: str) -> None:
        """Counts a unit that failed or was rejected; `update` counts it among all."""
        self._refused[reason] += 1
        if not self._in_log:
            self.set_postfix_str(self._out(), refresh=False)

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        """Draws the bar, or writes a line to a log."""
        if not self._in_log:
            super().display(msg, pos)
        elif self.n:
            seconds = time.monotonic() - self._began
            of_total = f"/{self.total}" if self.total else ""
            words = [f"{self.n}{of_total} {self._noun}s", rate(self.n / seconds)]
            if self.total:
                words.append(f"{duration((self.total - self.n) * seconds / self.n)} left")
            self._say(", ".join([*words, *filter(None, [self._out()])]))

    def close(self) -> None:
        """Ends the bar; in a log this writes the last line. Closing twice is harmless."""
        if self.disable:
            return
        in_log, self._in_log = self._in_log, False  # tqdm's own last display goes nowhere in a log
        super().close()
        self._in_log = in_log
        if in_log:
            seconds = time.monotonic() - self._began
            plural = "" if self.n == 1 else "s"
            words = f"{self.n} {self._noun}{plural} in {seconds:.1f} s"
            speed = f" ({rate(self.n / seconds)})" if self.n and seconds else ""
            self._say(", ".join(filter(None, [words + speed, self._out()])))

    def _out(self) -> str:
        """`3 out: 2 timeout, 1 crash`, or nothing."""
        if not self._refused:
            return ""
        reasons = sorted(self._refused.items(), key=lambda item: (-item[1], item[0]))
        words = ", ".join(f"{count} {reason}" for reason, count in reasons)
        return f"{self._refused.total()} out: {words}"

    def _say(self, words: str) -> None:
        print(f"{self._stage}: {words}", file=sys.stderr, flush=True)


def progress(iterable_or_total: Iterable | int | None, *, stage: str, unit: str) -> Progress:
    """Shows how far a stage is.

    Args:
        iterable_or_total: What to walk, or how many units `update` will count (None: unknown).
        stage: Name at the start of the line.
        unit: Singular noun of one step, such as "relic".
    """
    if iterable_or_total is None or isinstance(iterable_or_total, int):
        return Progress(None, iterable_or_total, stage=stage, unit=unit)
    return Progress(iterable_or_total, None, stage=stage, unit=unit)
