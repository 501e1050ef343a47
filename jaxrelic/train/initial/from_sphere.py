"""An explicit start from a sphere: the deformation learns it for all codes.

Specification msrn E.6.

A network as initialised draws its template whatever the code, since the last layer is zero, so this
is off by default; the paper says that it pre-trains "on a sphere", as ShapeClipper and SDF-SRN do.
"""

import dataclasses
import logging
from typing import Any, Literal

import jax
import jax.numpy as jnp
import optax

from jaxrelic.models.msrn.model import MsrnConfig, template
from jaxrelic.models.msrn.shape import DeformationField
from jaxrelic.typing import Array, Key

_log = logging.getLogger(__name__)

_PRETRAIN_STREAM = 4
"""Folded into the seed for codes; initialisation, steps and banks use others."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PretrainConfig:
    """How long, and towards what."""

    steps: int = 0
    """Steps before training begins; 0 leaves it out. Others use 1000 to 2000."""
    target: Literal["sphere", "template"] = "sphere"
    """Form to learn. sphere: of `radius`. template: the ellipsoid, for weights that come from
    elsewhere."""
    radius: float = 0.35
    """Radius of the sphere, in world units."""
    batch_size: int = 16
    """Codes per step, drawn from N(0, 1)."""
    learning_rate: float = 1e-4
    """Adam's step size."""


def pretrained(config: PretrainConfig, model: MsrnConfig, params: Any, *, seed: int) -> Any:
    """Parameters whose deformation field gives the target for any code.

    A function of its arguments alone, so a run that is started again starts the same. Says what it
    changed: the root mean square distance of vertices to their target, before and after.
    """
    if not config.steps:
        return params
    rng = jax.random.fold_in(jax.random.key(seed), _PRETRAIN_STREAM)
    field, before, after = jax.jit(_fit, static_argnums=(0, 1))(
        config, model, params["deformation"], rng
    )
    _log.info(
        "pre-training on a %s, %d steps: vertices were %.2g off, now %.2g",
        config.target,
        config.steps,
        before,
        after,
    )
    return {**params, "deformation": field}


def _fit(
    config: PretrainConfig, model: MsrnConfig, field: Any, rng: Key[Array, ""]
) -> tuple[Any, Array, Array]:
    """The field after all steps, and its error on codes of its own before and after."""
    still = template(model).vertices
    target = still
    if config.target == "sphere":
        axes = jnp.asarray(model.semi_axes)
        target = config.radius * still / axes[None]
    optimizer = optax.adam(config.learning_rate)

    def loss(field: Any, rng: Key[Array, ""]) -> Array:
        codes = jax.random.normal(rng, (config.batch_size, model.shape_code))
        decoded = DeformationField(model.field_units).apply({"params": field}, still, codes)
        return jnp.mean(jnp.sum((decoded - target[None]) ** 2, axis=-1))

    def step(index: Array, carry: tuple[Any, Any]) -> tuple[Any, Any]:
        field, opt_state = carry
        gradient = jax.grad(loss)(field, jax.random.fold_in(rng, index))
        updates, opt_state = optimizer.update(gradient, opt_state)
        return optax.apply_updates(field, updates), opt_state

    trained, _ = jax.lax.fori_loop(0, config.steps, step, (field, optimizer.init(field)))
    unseen = jax.random.fold_in(rng, config.steps)
    return trained, jnp.sqrt(loss(field, unseen)), jnp.sqrt(loss(trained, unseen))
