"""Opens what users call a model: the folder of a training run, or an export."""

import dataclasses
import pathlib
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from jaxrelic.data.view_sets.batches import ViewSetData
from jaxrelic.errors import UserError
from jaxrelic.inference.msrn import MsrnPredictor
from jaxrelic.inference.one2345 import One2345Predictor
from jaxrelic.models.foreground.model import ForegroundConfig
from jaxrelic.models.msrn.model import MsrnConfig
from jaxrelic.models.msrn.progress import active_size
from jaxrelic.models.one2345 import convert
from jaxrelic.models.one2345.config import One2345Config
from jaxrelic.photos.masks import grabcut
from jaxrelic.photos.masks import onnx as onnx_masks
from jaxrelic.photos.masks.finder import MaskFinder, MaskPredictor
from jaxrelic.photos.masks.refinement import RefineSettings
from jaxrelic.photos.photo import Preprocessing
from jaxrelic.saved import export
from jaxrelic.train import checkpoint, optim, workdir
from jaxrelic.train.experiment import Experiment
from jaxrelic.train.state import TrainState
from jaxrelic.train.tasks.foreground import ForegroundObjective
from jaxrelic.train.tasks.msrn import fresh_recent
from jaxrelic.train.tasks.task import Variables

FINEST_LEVEL = 5
"""Of a template: 20,480 faces; the next would be four times as many."""


def open_model(path: pathlib.Path, icosphere_level: int | None = None) -> MsrnPredictor:
    """The network for single photographs of an export, or of a run's newest checkpoint.

    Args:
        path: Folder of either.
        icosphere_level: Subdivisions of its template; None keeps those of training.
    """
    if icosphere_level is not None and not 1 <= icosphere_level <= FINEST_LEVEL:
        raise UserError(f"icosphere level {icosphere_level} is not in 1..{FINEST_LEVEL}")
    if (path / export.PAGE).exists():
        return _exported(path, MsrnConfig).at_level(icosphere_level)
    return open_run(path)[0].at_level(icosphere_level)


def open_view_set_model(path: pathlib.Path) -> One2345Predictor:
    """The network for posed views of an export, or of a run's newest checkpoint."""
    if (path / export.PAGE).exists():
        return _exported(path, One2345Config)
    return open_scene_run(path)[0]


def _exported(path: pathlib.Path, kind: type) -> Any:
    """The model of an export, which has to be of one kind of network."""
    model = export.load(path)
    if not isinstance(model.config, kind):
        raise UserError(
            f"{path} is an export that {_KINDS[type(model.config)].purpose}; give one that "
            f"{_KINDS[kind].purpose}"
        )
    return model


def open_any_run(path: pathlib.Path) -> tuple[export.Model, Experiment, int]:
    """What can be exported of a run: its network, its settings, and the steps it has taken."""
    check_is_run(path)
    scenes = isinstance(workdir.read_config(path).model, One2345Config)
    return open_scene_run(path) if scenes else open_run(path)


def check_is_run(path: pathlib.Path) -> None:
    """Raises for a folder that is neither of what commands take as a model."""
    if not (path / workdir.CONFIG_FILE).exists():
        raise UserError(
            f"{path} is neither a run (no {workdir.CONFIG_FILE}) nor an export (no {export.PAGE}); "
            "give the folder of `jaxrelic train` or `jaxrelic export`"
        )


def open_run(path: pathlib.Path) -> tuple[MsrnPredictor, Experiment, int]:
    """The network of a run's newest checkpoint, its settings, and the steps it has taken."""
    experiment, state = _newest(path, MsrnConfig)
    model, step = experiment.model, int(state.step)
    predictor = MsrnPredictor(
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
    return predictor, experiment, step


def open_scene_run(path: pathlib.Path) -> tuple[One2345Predictor, Experiment, int]:
    """The One-2-3-45 of a run's newest checkpoint, its settings, and the steps it has taken."""
    experiment, state = _newest(path, One2345Config)
    model = One2345Predictor(
        config=experiment.model,
        image_size=experiment.data.image_size,
        num_sources=experiment.data.num_sources,
        variables=jax.tree.map(np.asarray, state.variables),
    )
    return model, experiment, int(state.step)


def sees_posed_views(path: pathlib.Path) -> bool:
    """Whether a run or an export is of a model that sees several posed views."""
    if (path / export.PAGE).exists():
        return export.holds_scenes(path)
    if not (path / workdir.CONFIG_FILE).exists():
        return False
    return isinstance(workdir.read_config(path).model, One2345Config)


def scene_training(path: pathlib.Path) -> ViewSetData:
    """Which views a One-2-3-45 run or export was trained on."""
    if not (path / export.PAGE).exists():
        return workdir.read_config(path).data
    views, data = (export.read_page(path)[name] for name in ("views", "data"))
    return ViewSetData(
        path=data["path"] or "",
        image_size=views["image_size"],
        num_sources=views["num_sources"],
        selection=data.get("selection", "auto"),
    )


def open_mask_predictor(path: pathlib.Path) -> MaskPredictor:
    """The foreground perception of a run's newest checkpoint."""
    experiment, state = _newest(path, ForegroundConfig)
    variables = {name: x for name, x in state.variables.items() if name != "memory"}
    return MaskPredictor(
        config=experiment.model,
        image_size=experiment.data.image_size,
        variables=jax.tree.map(np.asarray, variables),
    )


def _abstract_msrn(experiment: Experiment) -> Variables:
    variables = export.abstract_variables(experiment.model, experiment.data.image_size)
    return {**variables, **jax.eval_shape(lambda: fresh_recent(experiment))}


def _abstract_foreground(experiment: Experiment) -> Variables:
    side = experiment.data.image_size
    example = {
        "image": jax.ShapeDtypeStruct((1, side, side, 3), np.float32),
        "category": jax.ShapeDtypeStruct((1,), np.int32),
    }
    return jax.eval_shape(ForegroundObjective(experiment).init, jax.random.key(0), example)


def open_mask_finder(
    onnx: pathlib.Path | None,
    foreground_run: pathlib.Path | None,
    settings: RefineSettings | None = None,
    category: int | None = None,
) -> MaskFinder:
    """How masks are found: coarse ones by an ONNX file or GrabCut, refined by a run or not."""
    coarse = grabcut.find if onnx is None else onnx_masks.OnnxSegmenter(onnx).find
    return MaskFinder(
        coarse=coarse,
        mask_predictor=None if foreground_run is None else open_mask_predictor(foreground_run),
        settings=settings or RefineSettings(),
        category=category,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Kind:
    """What the commands know of a kind of model."""

    purpose: str
    """What a run of it does, after "a run that"."""
    abstract_variables: Callable[[Experiment], Variables]
    """Names, shapes and types of its arrays."""


_KINDS = {
    MsrnConfig: _Kind(purpose="reconstructs meshes", abstract_variables=_abstract_msrn),
    ForegroundConfig: _Kind(
        purpose="finds foregrounds (for `jaxrelic segment --foreground`)",
        abstract_variables=_abstract_foreground,
    ),
    One2345Config: _Kind(
        purpose="reconstructs objects from posed views",
        abstract_variables=lambda experiment: convert.abstract_variables(experiment.model),
    ),
}


def _newest(path: pathlib.Path, kind: type) -> tuple[Experiment, TrainState]:
    """Settings and newest checkpoint of a run of one kind of model."""
    check_is_run(path)
    experiment = workdir.read_config(path)
    if not isinstance(experiment.model, kind):
        raise UserError(
            f"{path} is a run that {_KINDS[type(experiment.model)].purpose}; give one that "
            f"{_KINDS[kind].purpose}"
        )
    if not (path / checkpoint.DIRECTORY).is_dir():
        raise UserError(f"no checkpoint in {path}; run `jaxrelic train` until it saves one")
    with checkpoint.open_checkpoints(path, max_to_keep=experiment.keep_checkpoints) as saved:
        if saved.latest_step is None:
            raise UserError(f"no checkpoint in {path}; run `jaxrelic train` until it saves one")
        return experiment, saved.restore(_abstract_state(experiment))


def _abstract_state(experiment: Experiment) -> TrainState:
    """Shapes of the run's whole state, for one device: Orbax restores what it saved."""
    collections = dict(_KINDS[type(experiment.model)].abstract_variables(experiment))
    params = collections.pop("params")
    state = TrainState(
        step=jax.ShapeDtypeStruct((), np.int32),
        params=params,
        opt_state=jax.eval_shape(optim.make_optimizer(experiment.optim).init, params),
        collections=collections,
    )
    device = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=device), state)
