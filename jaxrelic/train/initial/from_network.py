"""Starting from another run's network, as the paper's real data sets start from ShapeNet.

Encoders, decoders and fusion are taken over with their batch statistics. Banks begin anew, because
categories differ, and so do the optimizer and the count of steps.
"""

import pathlib
from typing import Any

import jax
import orbax.checkpoint as ocp

from jaxrelic.errors import UserError
from jaxrelic.train import checkpoint
from jaxrelic.train.state import TrainState

_EXPORTED_ARRAYS = "variables"
"""Folder of the arrays in what `jaxrelic export` writes."""

_OPTIONAL = "params/compensation/"
"""A network that learned without compensation lacks these; they start as the identity."""


def from_network(state: TrainState, path: str) -> TrainState:
    """The state with the parameters and statistics of a run's newest checkpoint, or of an export.

    Args:
        state: At step 0.
        path: Folder of either.
    """
    theirs = _by_name(_read(pathlib.Path(path)))
    kept = {"params": state.params, "batch_stats": state.collections.get("batch_stats", {})}
    misfits = [
        f"{name} is {theirs[name].shape if name in theirs else 'missing'} there and {ours.shape}"
        for name, ours in _by_name(kept).items()
        if name in theirs or not name.startswith(_OPTIONAL)
        if name not in theirs or theirs[name].shape != ours.shape
    ]
    if misfits:
        more = f" here, and {len(misfits) - 1} more" if len(misfits) > 1 else " here"
        raise UserError(f"cannot start from {path}: {misfits[0]}{more}; set another --initial")
    taken = jax.tree_util.tree_map_with_path(lambda at, ours: theirs.get(_name(at), ours), kept)
    collections = dict(state.collections)
    if "batch_stats" in collections:
        collections["batch_stats"] = taken["batch_stats"]
    return state.replace(params=taken["params"], collections=collections)


def _read(folder: pathlib.Path) -> dict[str, Any]:
    """`params` and untrained collections, as nested dicts of arrays."""
    exported = folder / _EXPORTED_ARRAYS
    if exported.is_dir():
        return _restore(exported)
    if (folder / checkpoint.DIRECTORY).is_dir():
        with checkpoint.open_checkpoints(folder, max_to_keep=1) as saved:
            step = saved.latest_step
        if step is not None:
            tree = _restore(folder / checkpoint.DIRECTORY / str(step) / "state")
            return {"params": tree["params"], **tree["collections"]}
    raise UserError(
        f"nothing to start from in {folder}: neither a run with a checkpoint nor an export; "
        "set --initial"
    )


def _restore(folder: pathlib.Path) -> dict[str, Any]:
    """The arrays of a checkpoint whatever their names, on the first device."""
    device = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    folder = folder.absolute()
    try:
        with ocp.StandardCheckpointer() as checkpointer:
            saved = checkpointer.metadata(folder).item_metadata.tree
            like = jax.tree.map(
                lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=device), saved
            )
            return checkpointer.restore(folder, like)
    except (OSError, KeyError, ValueError, AttributeError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise UserError(f"cannot start from {folder}: {reason}; set another --initial") from error


def _by_name(tree: Any) -> dict[str, jax.Array]:
    return {_name(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}


def _name(path: Any) -> str:
    return jax.tree_util.keystr(path, simple=True, separator="/")
