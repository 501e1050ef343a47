"""The state of a run: arrays only, so that a checkpoint is pure data (STYLE 7)."""

from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import optax

from jaxrelic.data.loader import Batch
from jaxrelic.train.objective import Objective

_INIT_STREAM = 0
"""Folded into the seed for parameters; steps use streams of their own (`step.py`)."""


@flax.struct.dataclass
class TrainState:
    """Everything that a step changes."""

    step: jax.Array
    """Steps taken, int32 []."""
    params: Any
    """Trained arrays."""
    opt_state: Any
    """The optimizer's arrays."""
    collections: Any
    """Untrained arrays by collection: `batch_stats`, `memory`."""

    @property
    def variables(self) -> dict[str, Any]:
        """What a Flax module is applied to."""
        return {"params": self.params, **self.collections}


def create(
    objective: Objective, optimizer: optax.GradientTransformation, batch: Batch, *, seed: int
) -> TrainState:
    """State at step 0; `batch` only gives shapes."""
    # One example suffices for shapes, and one program starts faster than its many operations.
    example = jax.tree.map(lambda array: array[:1], batch)
    rng = jax.random.fold_in(jax.random.key(seed), _INIT_STREAM)

    @jax.jit
    def initialise(rng, example):
        collections = dict(objective.init(rng, example))
        params = collections.pop("params")
        return TrainState(
            step=jnp.zeros((), jnp.int32),
            params=params,
            opt_state=optimizer.init(params),
            collections=collections,
        )

    return initialise(rng, example)
