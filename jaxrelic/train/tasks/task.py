"""What is trained: the settings of one kind of model, and what the trainer and its users ask of it.

A kind of model is one row of `kinds.KINDS`; nothing else in the library tells kinds apart.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import grain
import jax

from jaxrelic.data.read_ahead import Batch
from jaxrelic.train.state import TrainState, Variables
from jaxrelic.typing import Array

AXIS = "batch"
"""Name of the device axis, for reductions inside models too."""

Terms = dict[str, jax.Array]
Logs = dict[str, jax.Array]


class Objective(Protocol):
    """A model joined with its losses: all that a step sees of a task."""

    @property
    def phases(self) -> Sequence[str]:
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
        seed: int = 0,
    ) -> tuple[Terms, Logs, Variables]:
        """One replica's losses.

        Args:
            params: Trained arrays.
            collections: Untrained arrays.
            batch: The replica's examples.
            rng: A key of this step and this replica.
            step: Steps taken before this one, int32 [].
            phase: One of `phases`.
            seed: Seed of the run, for what has to be equal on every replica.

        Returns:
            terms: Per-example values [b] by name, to be weighted and summed.
            logs: Scalars to record beside them; averaged over replicas.
            collections: The untrained collections after this step, equal on every replica.
        """


class BatchSettings(Protocol):
    """What the trainer reads of any task's data settings."""

    batch_size: int
    threads: int
    path: str
    split: str


class Task(Objective, Protocol):
    """Settings of a run of one kind: a frozen dataclass with `model`, `data` and `losses`."""

    model: Any
    """Settings of the network."""

    @property
    def data(self) -> BatchSettings:
        """What it learns from."""

    def batches(self, seed: int) -> grain.MapDataset[Batch]:
        """All batches of a run, endless: item k is batch k."""

    def begin(self, fresh: TrainState, *, seed: int) -> TrainState:
        """`fresh` as the settings want to begin; a continued run does not come here."""

    def abstract_variables(self) -> Variables:
        """Names, shapes and types of the arrays that `predictor` needs."""

    def predictor(self, variables: Variables, *, step: int) -> Any:
        """The network at work, after `step` steps."""

    def facts(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """What an export says of the training and of the data, beside what it says of any."""
