"""A progress bar with rate and time left on a terminal, one summary line elsewhere."""

import io
import sys
import time
from collections.abc import Iterable

import tqdm

QUIET_INTERVAL_S = 3600.0


class Progress(tqdm.tqdm):
    """`tqdm` that stays quiet in logs; use it as an iterator or call `update` inside `with`."""

    monitor_interval = 0  # No watcher thread: stages start child processes.

    def __init__(self, iterable: Iterable | None, total: int | None, *, stage: str, unit: str):
        """Use `progress`."""
        self._quiet = not sys.stderr.isatty()
        self._stage, self._noun, self._began = stage, unit, time.monotonic()
        super().__init__(
            iterable,
            total=total,
            desc=stage,
            unit=f" {unit}s",
            file=io.StringIO() if self._quiet else sys.stderr,
            mininterval=QUIET_INTERVAL_S if self._quiet else 0.1,
            dynamic_ncols=not self._quiet,
        )

    def close(self) -> None:
        """Ends the bar; in a log this writes the one line. Closing twice is harmless."""
        if self.disable:
            return
        super().close()
        if self._quiet:
            seconds = time.monotonic() - self._began
            plural = "" if self.n == 1 else "s"
            print(f"{self._stage}: {self.n} {self._noun}{plural} in {seconds:.1f} s",
                  file=sys.stderr)  # fmt: skip


def progress(iterable_or_total: Iterable | int | None, *, stage: str, unit: str) -> Progress:
    """Shows how far a stage is.

    Args:
        iterable_or_total: What to walk, or how many units `update` will be told of (None: unknown).
        stage: Name at the start of the line.
        unit: Singular noun of one step, such as "relic".
    """
    if iterable_or_total is None or isinstance(iterable_or_total, int):
        return Progress(None, iterable_or_total, stage=stage, unit=unit)
    return Progress(iterable_or_total, None, stage=stage, unit=unit)
