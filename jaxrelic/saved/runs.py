"""Networks of runs: settings and arrays of the newest checkpoint."""

import pathlib
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from jaxrelic.errors import UserError
from jaxrelic.saved.page import PAGE
from jaxrelic.train import checkpoint, workdir
from jaxrelic.train.experiment import Experiment
from jaxrelic.train.state import Variables
from jaxrelic.train.tasks import kinds
from jaxrelic.train.tasks.kinds import Kind


def is_run(path: pathlib.Path) -> bool:
    """Whether a folder is that of a run."""
    return (path / workdir.CONFIG_FILE).exists()


def check_is_run(path: pathlib.Path) -> None:
    """Raises for a folder that is neither of what commands take as a model."""
    if not is_run(path):
        raise UserError(
            f"{path} is neither a run (no {workdir.CONFIG_FILE}) nor an export (no {PAGE}); "
            "give the folder of `jaxrelic train` or `jaxrelic export`"
        )


def open_run(path: pathlib.Path) -> tuple[Any, Experiment, int]:
    """The network of a run's newest checkpoint, its settings, and the steps it has taken."""
    check_is_run(path)
    experiment = workdir.read_config(path)
    step, variables = _newest(path, experiment)
    return experiment.task.predictor(variables, step=step), experiment, step


def _newest(path: pathlib.Path, experiment: Experiment) -> tuple[int, Variables]:
    """Step and arrays of the newest checkpoint; the optimizer's are not read."""
    step = None
    if (path / checkpoint.DIRECTORY).is_dir():
        with checkpoint.open_checkpoints(path, max_to_keep=experiment.keep_checkpoints) as saved:
            step = saved.latest_step
    if step is None:
        raise UserError(f"no checkpoint in {path}; run `jaxrelic train` until it saves one")
    abstract = dict(experiment.task.abstract_variables())
    wanted = {"params": abstract.pop("params"), "collections": abstract}
    found = _restore(path / checkpoint.DIRECTORY / str(step) / checkpoint.STATE, wanted)
    return step, {"params": found["params"], **found["collections"]}


def _restore(folder: pathlib.Path, wanted: Any) -> Any:
    """Some arrays of a checkpoint, on the host."""
    device = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    like = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=device), dict(wanted)
    )
    arguments = ocp.args.PyTreeRestore(
        item=like,
        restore_args=ocp.checkpoint_utils.construct_restore_args(like),
        partial_restore=True,
    )
    try:
        with ocp.PyTreeCheckpointer() as checkpointer:
            found = checkpointer.restore(folder.absolute(), args=arguments)
    except (OSError, KeyError, ValueError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise UserError(f"cannot read the arrays of {folder} ({reason})") from error
    # Orbax hands an array that the checkpoint lacks back as it was asked for.
    for name, leaf in jax.tree_util.tree_leaves_with_path(found):
        if isinstance(leaf, jax.ShapeDtypeStruct):
            raise UserError(
                f"{folder} lacks {jax.tree_util.keystr(name, simple=True, separator='/')}; "
                f"its {workdir.CONFIG_FILE} describes another network"
            )
    return jax.tree.map(np.asarray, found)


def kind_of(path: pathlib.Path) -> Kind:
    """The kind of a run's network, without opening its arrays."""
    check_is_run(path)
    return kinds.of_task(workdir.read_config(path).task)
