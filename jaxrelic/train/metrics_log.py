"""The numbers of a run: one JSON object per line, and the same for TensorBoard."""

import contextlib
import json
import os
import pathlib
from collections.abc import Iterator, Mapping

import jax
import tensorboardX

METRICS_FILE = "metrics.jsonl"
TENSORBOARD_DIRECTORY = "tensorboard"


class MetricsLog:
    """Appends rows; use it through `open_metrics_log`."""

    def __init__(self, workdir: pathlib.Path, start: int):
        path = workdir / METRICS_FILE
        if path.exists():
            _forget_after(path, start)
        self._file = path.open("a")
        self._board = tensorboardX.SummaryWriter(
            str(workdir / TENSORBOARD_DIRECTORY), purge_step=start + 1
        )

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Records `values` as of `step`."""
        self._file.write(json.dumps({"step": step, **values}) + "\n")
        self._file.flush()
        for name, value in values.items():
            self._board.add_scalar(name, value, step)

    def close(self) -> None:
        self._file.close()
        self._board.close()


@contextlib.contextmanager
def open_metrics_log(workdir: pathlib.Path, *, start: int) -> Iterator[MetricsLog | None]:
    """Opens the log of a run that goes on after step `start`; None on all processes but the first.

    Rows past `start` come from steps that were taken but not saved; they are about to be repeated
    and are dropped, together with a line that a crash cut short.
    """
    if jax.process_index() != 0:
        yield None
        return
    with contextlib.closing(MetricsLog(workdir, start)) as log:
        yield log


def _forget_after(path: pathlib.Path, start: int) -> None:
    rows = [line for line in path.read_text().splitlines() if _step(line) <= start]
    partial = path.with_suffix(".partial")
    partial.write_text("".join(f"{row}\n" for row in rows))
    os.replace(partial, path)


def _step(line: str) -> float:
    """Step of a row; past every step when a crash cut the line short."""
    try:
        return json.loads(line)["step"]
    except json.JSONDecodeError:
        return float("inf")
