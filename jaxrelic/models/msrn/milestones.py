"""Progressive conditioning: codes open a few entries first, all of them later."""

import jax.numpy as jnp

from jaxrelic.typing import Array, Float, Int, typechecked

Milestones = tuple[tuple[int, int], ...]
"""(first training step, active entries), in ascending order of step, the first at step 0."""


def active_size(milestones: Milestones, step: Int[Array, ""] | int) -> Int[Array, ""]:
    """How many entries of a code are open at a training step."""
    starts, sizes = zip(*milestones, strict=True)
    if starts[0] != 0 or list(starts) != sorted(starts):
        raise ValueError(f"milestones {milestones} must start at step 0 and ascend in step")
    index = jnp.searchsorted(jnp.asarray(starts), step, side="right") - 1
    return jnp.asarray(sizes)[index]


@typechecked
def mask_code(code: Float[Array, "b q"], size: Int[Array, ""]) -> Float[Array, "b q"]:
    """Keeps the first `size` entries; the others are zero, and so is their gradient."""
    return jnp.where(jnp.arange(code.shape[-1])[None] < size, code, 0.0)
