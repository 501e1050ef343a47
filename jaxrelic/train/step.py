"""One training step: a pure function of state and batch, the same for every model."""

from collections.abc import Callable, Mapping

import jax
import optax

from jaxrelic import losses
from jaxrelic.train.state import TrainState
from jaxrelic.train.tasks.task import AXIS, Logs, Objective
from jaxrelic.typing import Array

TrainStep = Callable[[TrainState, Mapping[str, Array]], tuple[TrainState, Logs]]

_STEP_STREAM = 1
"""Folded into the seed for steps; initialisation uses another (`state.py`)."""


def make_train_step(
    objective: Objective,
    optimizer: optax.GradientTransformation,
    *,
    phase: str,
    seed: int,
) -> TrainStep:
    """The step of one phase, to be run under an axis named `task.AXIS`.

    Its logs are `loss` (weighted sum), every term's unweighted mean, the objective's own logs and
    `grad_norm`, all reduced over replicas.
    """
    stream = jax.random.fold_in(jax.random.key(seed), _STEP_STREAM)

    def train_step(state: TrainState, batch: Mapping[str, Array]) -> tuple[TrainState, Logs]:
        rng = jax.random.fold_in(jax.random.fold_in(stream, state.step), jax.lax.axis_index(AXIS))

        def loss_fn(params):
            terms, logs, collections = objective.loss(
                params, state.collections, batch, rng, step=state.step, phase=phase, seed=seed
            )
            loss, means = losses.combine(terms, objective.weights(phase))
            return loss, (collections, {"loss": loss, **means, **logs})

        grads, (collections, logs) = jax.grad(loss_fn, has_aux=True)(state.params)
        grads, logs = jax.lax.pmean((grads, logs), AXIS)
        updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
        following = TrainState(
            step=state.step + 1,
            params=optax.apply_updates(state.params, updates),
            opt_state=opt_state,
            collections=collections,
        )
        return following, {**logs, "grad_norm": optax.tree.norm(grads)}

    return train_step
