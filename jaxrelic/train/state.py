"""The state of a run: arrays only, so that a checkpoint is pure data (docs/style.md)."""

from collections.abc import Mapping
from typing import Any

import flax.struct
import jax

Variables = Mapping[str, Any]
"""Arrays of a network by collection: `params`, and what is not trained."""


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
