"""How far a run has come: a bar on a terminal, a line now and then anywhere else."""

import contextlib
import logging
import sys
import time
from collections.abc import Iterator

from tqdm import tqdm

SECONDS_BETWEEN_LINES = 15.0

_log = logging.getLogger(__name__)


class _Bar:
    """A tqdm bar: rate and time left are its own."""

    def __init__(self, start: int, total: int):
        self._bar = tqdm(initial=start, total=total, unit="step", desc="train", smoothing=0.1)

    def update(self, step: int, loss: float | None) -> None:
        if loss is not None:
            self._bar.set_postfix_str(f"loss {loss:.4g}", refresh=False)
        self._bar.update(step - self._bar.n)

    def close(self) -> None:
        self._bar.close()


class _Lines:
    """Log lines; the rate counts from the first step, which is spent compiling."""

    def __init__(self, start: int, total: int):
        self._total = total
        self._first: tuple[int, float] | None = None
        self._last_line = time.monotonic()
        self._text = f"step {start} of {total}"

    def update(self, step: int, loss: float | None) -> None:
        now = time.monotonic()
        if self._first is None:
            self._first = (step, now)
        first_step, first_time = self._first
        rate = (step - first_step) / max(now - first_time, 1e-9)
        self._text = f"step {step} of {self._total}"
        if loss is not None:
            self._text += f", loss {loss:.4g}"
        if rate:
            left = tqdm.format_interval((self._total - step) / rate)
            self._text += f", {rate:.2g} steps/s, {left} left"
        if now - self._last_line >= SECONDS_BETWEEN_LINES:
            _log.info(self._text)
            self._last_line = now

    def close(self) -> None:
        _log.info(self._text)


@contextlib.contextmanager
def show_progress(start: int, total: int) -> Iterator[_Bar | _Lines]:
    """Shows steps `start` to `total`; call `update(step, loss)` after each."""
    kind = _Bar if sys.stderr.isatty() else _Lines
    with contextlib.closing(kind(start, total)) as shown:
        yield shown
