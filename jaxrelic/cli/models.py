"""Opens what users call a model: the folder of a training run, or an export."""

import pathlib

import jax
import numpy as np

from jaxrelic.errors import UserError
from jaxrelic.inference import export
from jaxrelic.inference.photo import Preprocessing
from jaxrelic.inference.reconstruct import Reconstructor
from jaxrelic.models.msrn.progress import active_size
from jaxrelic.train import checkpoint, optim, workdir
from jaxrelic.train.experiment import Experiment
from jaxrelic.train.msrn_objective import fresh_recent
from jaxrelic.train.state import TrainState

FINEST_LEVEL = 5
"""Of a template: 20,480 faces; the next would be four times as many."""


def open_model(path: pathlib.Path, icosphere_level: int | None = None) -> Reconstructor:
    """The network of an export, or the newest checkpoint of a run.

    Args:
        path: Folder of either.
        icosphere_level: Subdivisions of its template; None keeps those of training.
    """
    if icosphere_level is not None and not 1 <= icosphere_level <= FINEST_LEVEL:
        raise UserError(f"icosphere level {icosphere_level} is not in 1..{FINEST_LEVEL}")
    if (path / export.PAGE).exists():
        return export.load(path).at_level(icosphere_level)
    if (path / workdir.CONFIG_FILE).exists():
        return open_run(path)[0].at_level(icosphere_level)
    raise UserError(
        f"{path} is neither a run (no {workdir.CONFIG_FILE}) nor an export (no {export.PAGE}); "
        "give the folder of `jaxrelic train` or `jaxrelic export`"
    )


def open_run(path: pathlib.Path) -> tuple[Reconstructor, Experiment, int]:
    """The network of a run's newest checkpoint, its settings, and the steps it has taken."""
    experiment = workdir.read_config(path)
    if not (path / checkpoint.DIRECTORY).is_dir():
        raise UserError(f"no checkpoint in {path}; run `jaxrelic train` until it saves one")
    with checkpoint.open_checkpoints(path, max_to_keep=experiment.keep_checkpoints) as saved:
        if saved.latest_step is None:
            raise UserError(f"no checkpoint in {path}; run `jaxrelic train` until it saves one")
        state = saved.restore(_abstract_state(experiment))
    model, step = experiment.model, int(state.step)
    reconstructor = Reconstructor(
        config=model,
        preprocessing=Preprocessing(
            image_size=experiment.data.image_size,
            crop_margin=experiment.data.crop_margin,
            background=experiment.data.background,
        ),
        variables={
            name: jax.tree.map(np.asarray, arrays)
            for name, arrays in state.variables.items()
            if name != "recent"  # Photographs that training alone reads.
        },
        shape_size=int(active_size(model.shape_milestones, np.int32(step))),
        texture_size=int(active_size(model.texture_milestones, np.int32(step))),
    )
    return reconstructor, experiment, step


def _abstract_state(experiment: Experiment) -> TrainState:
    """Shapes of the run's whole state, for one device: Orbax restores what it saved."""
    collections = dict(export.abstract_variables(experiment.model, experiment.data.image_size))
    params = collections.pop("params")
    collections |= jax.eval_shape(lambda: fresh_recent(experiment))
    state = TrainState(
        step=jax.ShapeDtypeStruct((), np.int32),
        params=params,
        opt_state=jax.eval_shape(optim.make_optimizer(experiment.optim).init, params),
        collections=collections,
    )
    device = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=device), state)
