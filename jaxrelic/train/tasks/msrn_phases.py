"""What changes on the way, as functions of the step (code sizes: `models.msrn.milestones`)."""

import dataclasses

import jax.numpy as jnp

from jaxrelic.data.single_view.batches import Supervision
from jaxrelic.errors import UserError
from jaxrelic.typing import Array, Float, Int, typechecked


@dataclasses.dataclass(frozen=True, kw_only=True)
class SoftnessSchedule:
    """Sigma of the rasterizer falls to its final value, `losses.raster.sigma`, as training begins.

    Soft edges reach farther: at 64 px a gradient reaches 1 px for sigma 1e-4 and 3 px for 1e-3.
    """

    start_sigma: float = 1e-3
    """Sigma at step 0, in squared NDC units."""
    steps: int = 0
    """Steps until the final value; 0 uses it throughout."""

    def __post_init__(self) -> None:
        if self.start_sigma <= 0:
            raise UserError(f"softness.start_sigma is {self.start_sigma}; set it above 0")


@typechecked
def sigma_at(
    schedule: SoftnessSchedule, final_sigma: float, step: Int[Array, ""]
) -> Float[Array, ""]:
    """Sigma at a step: geometric from start to end, so that edges sharpen at an even pace."""
    if not schedule.steps:
        return jnp.asarray(final_sigma, jnp.float32)
    part = jnp.clip(step / schedule.steps, 0.0, 1.0)
    return schedule.start_sigma * (final_sigma / schedule.start_sigma) ** part


def phases(supervision: Supervision, *, alternate: bool = True) -> tuple[str, ...]:
    """Kinds of step, taken in turn.

    With latent poses camera and shape explain each other away, so they take turns, the pose first,
    as in Unicorn (arXiv:2204.10310), unless it is switched off; with known cameras all is learned
    at once.
    """
    return ("pose", "shape") if supervision == "latent" and alternate else ("joint",)
