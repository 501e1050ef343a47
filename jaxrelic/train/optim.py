"""Adam, SGD or Muon with a learning-rate schedule, rates of groups and an optional clip."""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import jax
import jax.numpy as jnp
import optax

from jaxrelic.errors import UserError
from jaxrelic.train.muon import muon


@dataclasses.dataclass(frozen=True, kw_only=True)
class OptimConfig:
    """How parameters follow their gradients."""

    RETIRED: ClassVar[Mapping[str, Any]] = {"b1": 0.9, "b2": 0.999, "eps": 1e-8}

    optimizer: Literal["adam", "sgd", "muon"] = "adam"
    """Optimizer: adam; sgd with Nesterov's momentum; or muon, which makes the momentum of matrices
    orthogonal and leaves all else to adam."""
    learning_rate: float = 1e-4
    """Step size after warm-up."""
    schedule: Literal["constant", "piecewise", "cosine", "root"] = "constant"
    """Shape of the learning rate after warm-up. root: it falls with the root of the step from
    `decay_steps` on, so that a run has no end that must be known."""
    warmup_steps: int = 0
    """Steps over which the rate rises linearly from zero."""
    boundaries: tuple[int, ...] = ()
    """Steps at which `piecewise` multiplies the rate by `decay`."""
    decay: float = 0.2
    """Factor at each boundary of `piecewise`; final share of the rate for `cosine`."""
    decay_steps: int = 0
    """Step at which `cosine` ends or `root` begins to fall, counted from the start of the run."""
    clip_norm: float = 0.0
    """Largest global norm of the gradient; 0 leaves it as it is."""
    momentum: float = 0.9
    """SGD's memory of the gradient."""
    weight_decay: float = 0.0
    """Share of each parameter that SGD adds to its gradient."""
    heads: tuple[str, ...] = ()
    """Modules that start untrained beside a trained trunk."""
    head_factor: float = 1.0
    """Learning rate of the heads over that of the trunk."""
    bias_factor: float = 1.0
    """Learning rate of biases over that of the other parameters of their module."""


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
    elif config.schedule == "root":
        after = _root_schedule(peak, config.decay_steps, warmup)
    else:
        after = optax.constant_schedule(peak)
    if not warmup:
        return after
    return optax.join_schedules([optax.linear_schedule(0.0, peak, warmup), after], [warmup])


def _root_schedule(peak: float, level: int, warmup: int) -> optax.Schedule:
    """`peak` until step `level` of the run, then falling with the root of the step."""
    if level < 1:
        raise UserError(f"optim.decay_steps is {level}; a root schedule falls from there on")
    return lambda count: peak * jnp.sqrt(jnp.minimum(1.0, level / (count + warmup + 1)))


def make_optimizer(config: OptimConfig) -> optax.GradientTransformation:
    """The optimizer that `config` describes."""
    rate = make_schedule(config)
    if config.weight_decay and config.optimizer != "sgd":
        raise UserError("optim.weight_decay is for SGD; set --optim.optimizer sgd")
    if config.optimizer == "adam":
        step = optax.adam(rate)
    elif config.optimizer == "muon":
        step = muon(rate)
    else:
        step = optax.chain(
            optax.add_decayed_weights(config.weight_decay),
            optax.sgd(rate, momentum=config.momentum, nesterov=True),
        )
    if config.clip_norm:
        step = optax.chain(optax.clip_by_global_norm(config.clip_norm), step)
    if config.head_factor == config.bias_factor == 1.0:
        return step
    return optax.chain(step, _scale_groups(config))


def _scale_groups(config: OptimConfig) -> optax.GradientTransformation:
    """Factors of heads and biases, which multiply where a bias belongs to a head."""
    head, bias = config.head_factor, config.bias_factor
    factors = {"trunk": 1.0, "trunk bias": bias, "head": head, "head bias": head * bias}

    def group(path: tuple[jax.tree_util.DictKey, ...], _: Any) -> str:
        names = [each.key for each in path]
        module = "trunk" if set(names).isdisjoint(config.heads) else "head"
        return f"{module} bias" if names[-1] == "bias" else module

    return optax.multi_transform(
        {name: optax.scale(factor) for name, factor in factors.items()},
        lambda params: jax.tree_util.tree_map_with_path(group, params),
    )
