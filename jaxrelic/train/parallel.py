"""Devices: the only page that knows how many there are, and the only user of `jax.pmap`.

State is placed once, replicated, and no array of it grows a device axis; a batch gets one in front.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxrelic.errors import UserError
from jaxrelic.train.step import AXIS, TrainStep

Devices = Sequence[jax.Device]

_Tree = TypeVar("_Tree")


def check_batch_size(batch_size: int, devices: Devices) -> None:
    """Raises if the batch cannot be dealt out evenly."""
    if batch_size % len(devices):
        raise UserError(
            f"batch size {batch_size} is not a multiple of {len(devices)} devices; "
            "set data.batch_size"
        )


def replicated(devices: Devices) -> NamedSharding:
    """The placement of state: a whole copy on each device."""
    return NamedSharding(Mesh(np.asarray(devices), (AXIS,)), PartitionSpec())


def replicate(tree: _Tree, devices: Devices) -> _Tree:
    """Puts a copy on every device; placing it once also saves a second compilation."""
    return jax.device_put(tree, replicated(devices))


def deal(batch: dict[str, np.ndarray], devices: Devices) -> dict[str, np.ndarray]:
    """Splits [b, ...] into [devices, b / devices, ...]."""
    count = len(devices)
    return {
        name: array.reshape(count, len(array) // count, *array.shape[1:])
        for name, array in batch.items()
    }


def data_parallel(train_step: TrainStep, devices: Devices) -> Any:
    """Runs a step on every device with its share of the batch; the old state's memory is reused.

    `out_axes=None` believes that replicas agree; a test proves it without devices (docs/style.md).
    """
    return jax.pmap(
        train_step,
        axis_name=AXIS,
        in_axes=(None, 0),
        out_axes=None,
        donate_argnums=0,
        devices=devices,
    )
