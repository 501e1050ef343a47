"""The state of a network as it is initialised, as one program."""

import functools

import jax
import jax.numpy as jnp
import optax

from jaxrelic.data.read_ahead import Batch
from jaxrelic.train.state import TrainState
from jaxrelic.train.tasks.task import Objective

_INIT_STREAM = 0
"""Folded into the seed for parameters; steps use streams of their own (`step.py`)."""


def initial(
    objective: Objective, optimizer: optax.GradientTransformation, batch: Batch, *, seed: int
) -> TrainState:
    """State at step 0; `batch` only gives shapes."""
    rng = jax.random.fold_in(jax.random.key(seed), _INIT_STREAM)
    # One example suffices for shapes.
    collections = dict(objective.init(rng, jax.tree.map(lambda array: array[:1], batch)))
    params = collections.pop("params")
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        params=params,
        opt_state=optimizer.init(params),
        collections=collections,
    )


def create(
    objective: Objective, optimizer: optax.GradientTransformation, batch: Batch, *, seed: int
) -> TrainState:
    """`initial` as one program, which starts sooner than its many operations.

    It runs once, so it is not worth optimising: for the demo's network XLA's CPU compiler takes
    8 s without and 27 s with.
    """
    options = {"xla_backend_optimization_level": 0} if jax.default_backend() == "cpu" else None
    start = functools.partial(initial, objective, optimizer, seed=seed)
    return jax.jit(start, compiler_options=options)(batch)
