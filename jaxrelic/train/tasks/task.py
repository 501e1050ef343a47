"""What the trainer needs to know of a model: how it starts and what its loss is."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import jax

from jaxrelic.typing import Array

Variables = Mapping[str, Any]


class Objective(Protocol):
    """A model joined with its losses; the trainer sees nothing else of either."""

    phases: Sequence[str]
    """Kinds of step, taken in turn; each is compiled as a program of its own."""

    def init(self, rng: jax.Array, batch: Mapping[str, Array]) -> Variables:
        """Variables at step 0: `params` and any untrained collections."""

    def weights(self, phase: str) -> Mapping[str, float]:
        """Factor of each loss term in one kind of step."""

    def loss(
        self,
        params: Any,
        collections: Variables,
        batch: Mapping[str, Array],
        rng: jax.Array,
        *,
        step: jax.Array,
        phase: str,
    ) -> tuple[dict[str, jax.Array], dict[str, jax.Array], Variables]:
        """One replica's losses.

        Returns:
            terms: Per-example values [b] by name, to be weighted and summed.
            logs: Scalars to record beside them; averaged over replicas.
            collections: The untrained collections after this step, equal on every replica.
        """
