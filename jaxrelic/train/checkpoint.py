"""Checkpoints under `<workdir>/checkpoints/<step>/`, written whole or not at all (Orbax)."""

import contextlib
import pathlib
from collections.abc import Iterator

import jax
import orbax.checkpoint as ocp

from jaxrelic.train.state import TrainState

DIRECTORY, STATE = "checkpoints", "state"


class Checkpoints:
    """The saved states of one run; use it through `open_checkpoints`."""

    def __init__(self, manager: ocp.CheckpointManager):
        self._manager = manager

    @property
    def latest_step(self) -> int | None:
        """Newest saved step, None in a new run."""
        return self._manager.latest_step()

    def save(self, state: TrainState) -> None:
        """Saves `state`; a step that is saved already is kept."""
        step = int(state.step)
        if step != self.latest_step:
            items = ocp.args.Composite(state=ocp.args.StandardSave(state))
            with _full_disks_as_os_errors():
                self._manager.save(step, args=items, force=True)

    def restore(self, like: TrainState) -> TrainState:
        """The newest state, placed like `like`: any number of devices may have written it."""
        placed = jax.tree.map(
            lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding), like
        )
        items = ocp.args.Composite(state=ocp.args.StandardRestore(placed))
        return self._manager.restore(self.latest_step, args=items)["state"]


@contextlib.contextmanager
def _full_disks_as_os_errors() -> Iterator[None]:
    """Tensorstore, which writes the arrays, reports what the system said as a ValueError."""
    try:
        yield
    except ValueError as error:
        if "os_error_code" not in str(error):
            raise
        raise OSError(str(error)) from error


@contextlib.contextmanager
def open_checkpoints(workdir: pathlib.Path, *, max_to_keep: int) -> Iterator[Checkpoints]:
    """Opens the checkpoints of a run, keeping the newest `max_to_keep`."""
    # Saving in the background would read arrays whose memory the next step has been given.
    options = ocp.CheckpointManagerOptions(
        max_to_keep=max_to_keep, enable_async_checkpointing=False, cleanup_tmp_directories=True
    )
    directory = (workdir / DIRECTORY).absolute()
    with ocp.CheckpointManager(directory, options=options) as manager:
        yield Checkpoints(manager)
