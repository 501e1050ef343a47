"""Adam with a learning-rate schedule and an optional gradient clip."""

import dataclasses
from typing import Literal

import optax

from jaxrelic.errors import UserError


@dataclasses.dataclass(frozen=True, kw_only=True)
class OptimConfig:
    """How parameters follow their gradients."""

    learning_rate: float = 1e-4
    """Adam's step size after warm-up."""
    schedule: Literal["constant", "piecewise", "cosine"] = "constant"
    """Shape of the learning rate after warm-up."""
    warmup_steps: int = 0
    """Steps over which the rate rises linearly from zero."""
    boundaries: tuple[int, ...] = ()
    """Steps at which `piecewise` multiplies the rate by `decay`."""
    decay: float = 0.2
    """Factor at each boundary of `piecewise`; final share of the rate for `cosine`."""
    decay_steps: int = 0
    """Step at which `cosine` ends, counted from the start of the run."""
    clip_norm: float = 0.0
    """Largest global norm of the gradient; 0 leaves it as it is."""
    b1: float = 0.9
    """Adam's memory of the gradient."""
    b2: float = 0.999
    """Adam's memory of its square."""
    eps: float = 1e-8
    """Adam's guard against division by zero."""


def make_schedule(config: OptimConfig) -> optax.Schedule:
    """Learning rate as a function of the step."""
    peak, warmup = config.learning_rate, config.warmup_steps
    if config.schedule == "cosine":
        if config.decay_steps <= warmup:
            raise UserError(
                f"optim.decay_steps is {config.decay_steps}; a cosine schedule ends after "
                f"its warm-up of {warmup} steps, so set it higher"
            )
        after = optax.cosine_decay_schedule(peak, config.decay_steps - warmup, config.decay)
    elif config.schedule == "piecewise":
        factors = {boundary - warmup: config.decay for boundary in config.boundaries}
        after = optax.piecewise_constant_schedule(peak, factors)
    else:
        after = optax.constant_schedule(peak)
    if not warmup:
        return after
    return optax.join_schedules([optax.linear_schedule(0.0, peak, warmup), after], [warmup])


def make_optimizer(config: OptimConfig) -> optax.GradientTransformation:
    """Adam as `config` says."""
    adam = optax.adam(make_schedule(config), b1=config.b1, b2=config.b2, eps=config.eps)
    if not config.clip_norm:
        return adam
    return optax.chain(optax.clip_by_global_norm(config.clip_norm), adam)
