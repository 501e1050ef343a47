"""Opens what users call a model: the folder of a training run, or an export."""

import functools
import pathlib
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from jaxrelic.errors import UserError
from jaxrelic.photos.masks import onnx as onnx_masks
from jaxrelic.photos.masks import salient
from jaxrelic.photos.masks.finder import CoarseMasks, MaskFinder
from jaxrelic.photos.masks.refinement import RefineSettings
from jaxrelic.saved import export, one_file
from jaxrelic.train import checkpoint, workdir
from jaxrelic.train.experiment import Experiment
from jaxrelic.train.state import Variables
from jaxrelic.train.tasks import kinds
from jaxrelic.train.tasks.kinds import Kind, Role


def load(path: str | pathlib.Path, *, role: Role | None = None) -> Any:
    """The trained network of a run's newest checkpoint, or of an export.

    Args:
        path: Folder of `jaxrelic train` or `jaxrelic export`, or a network in one file.
        role: What it has to turn into what; None takes any network.

    Returns:
        The predictor of its kind: `MsrnPredictor`, `ReliefPredictor`, `One2345Predictor` or
        `MaskPredictor`.

    Raises:
        UserError: The folder is neither, or its network has another role.
    """
    path = pathlib.Path(path)
    check_role(path, role)
    if one_file.is_one(path):
        return one_file.load(path)
    return export.load(path) if is_export(path) else open_run(path)[0]


def is_export(path: pathlib.Path) -> bool:
    """Whether a folder is an export."""
    return (path / export.PAGE).exists()


def kind_of(path: pathlib.Path) -> Kind:
    """The kind of a run's or an export's network, without opening its arrays."""
    if one_file.is_one(path):
        return kinds.named(one_file.read_page(path).get("model"))
    if is_export(path):
        return export.kind_of(path)
    check_is_run(path)
    return kinds.of_task(workdir.read_config(path).task)


def check_role(path: pathlib.Path, role: Role | None) -> None:
    """Raises if a network of another role is wanted than the one at `path`."""
    kind = kind_of(path)
    if role is not None and kind.role != role:
        what = "a run" if (path / workdir.CONFIG_FILE).exists() else "an export"
        raise UserError(f"{path} is {what} that {kind.purpose}; give one that turns {role}")


def check_is_run(path: pathlib.Path) -> None:
    """Raises for a folder that is neither of what commands take as a model."""
    if not (path / workdir.CONFIG_FILE).exists():
        raise UserError(
            f"{path} is neither a run (no {workdir.CONFIG_FILE}) nor an export (no {export.PAGE}); "
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


def open_mask_finder(
    onnx: pathlib.Path | None,
    foreground_run: pathlib.Path | None,
    settings: RefineSettings | None = None,
    category: int | None = None,
) -> MaskFinder:
    """How masks are found: coarse ones by U2-Net-p or an ONNX file, refined by a run or not."""
    coarse = salient.find if onnx is None else onnx_masks.OnnxSegmenter(onnx).find
    if onnx is not None and foreground_run is None:
        coarse = functools.partial(_cleaned, coarse)
    predictor = None
    if foreground_run is not None:
        predictor = load(foreground_run, role="a photograph into a mask")
    return MaskFinder(
        coarse=coarse,
        mask_predictor=predictor,
        settings=settings or RefineSettings(),
        category=category,
    )


def _cleaned(coarse: CoarseMasks, rgb: np.ndarray) -> np.ndarray:
    """A soft mask cleaned as that of the network that travels with the install."""
    return salient.sharpened(rgb, coarse(rgb))
