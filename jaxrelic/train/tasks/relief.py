"""Relief as a task: the network joined with its losses, its data and the mean of its parameters."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import grain
import jax
import jax.numpy as jnp

from jaxrelic.data import relief_batches
from jaxrelic.data.read_ahead import Batch
from jaxrelic.data.relief_batches import ReliefData
from jaxrelic.inference.relief_predictor import ReliefPredictor
from jaxrelic.losses.relief import ReliefLossSettings, loss_terms
from jaxrelic.models.relief.inputs import INPUTS, abstract_inputs
from jaxrelic.models.relief.model import ReliefConfig, ReliefNet
from jaxrelic.train.state import TrainState, Variables
from jaxrelic.train.tasks.task import Logs, Terms
from jaxrelic.typing import Array

TRUTH = ("front", "back", "covered", "elevation")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReliefTask:
    """Relief: the first and the last surface behind every pixel of a photograph."""

    model: ReliefConfig
    """The network."""
    data: ReliefData
    """Views with both of their layers."""
    losses: ReliefLossSettings
    """How predictions are compared, and the weight of each term."""
    memory: float = 0.995
    """Part of the mean of the parameters that a step keeps; the mean is what is used."""

    phases = ("joint",)

    def batches(self, seed: int) -> grain.MapDataset[Batch]:
        """See `Task.batches`."""
        return relief_batches.batches(self.data, seed=seed)

    def init(self, rng: jax.Array, batch: Mapping[str, Array]) -> Variables:
        """See `Objective.init`."""
        first = (batch[name][:1] for name in INPUTS)
        params = ReliefNet(self.model).init(rng, *first)["params"]
        return {"params": params, "average": jax.tree.map(jnp.copy, params)}

    def begin(self, fresh: TrainState, *, seed: int) -> TrainState:
        """See `Task.begin`."""
        del seed
        return fresh

    def weights(self, phase: str) -> Mapping[str, float]:
        """See `Objective.weights`."""
        del phase
        return dataclasses.asdict(self.losses.weights)

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
        """See `Objective.loss`; nothing here is random."""
        del rng, phase, seed
        relief = ReliefNet(self.model).apply({"params": params}, *(batch[name] for name in INPUTS))
        terms = loss_terms(relief, *(batch[name] for name in TRUTH))
        # Early on the mean forgets faster, or it would hold the first random parameters.
        keep = jnp.minimum(self.memory, (step + 1) / (step + 10))
        average = jax.tree.map(
            lambda mean, now: keep * mean + (1 - keep) * jax.lax.stop_gradient(now),
            collections["average"],
            params,
        )
        return terms, {}, {"average": average}

    def abstract_variables(self) -> Variables:
        """See `Task.abstract_variables`."""
        return jax.eval_shape(self.init, jax.random.key(0), abstract_inputs())

    def predictor(self, variables: Variables, *, step: int) -> ReliefPredictor:
        """See `Task.predictor`; it is the mean of the parameters that works, in float32."""
        del step
        config = dataclasses.replace(self.model, precision="float32")
        return ReliefPredictor(config=config, variables={"params": variables["average"]})

    def facts(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """See `Task.facts`."""
        return {"learns_from": "both layers of rendered views"}, {"sets": list(self.data.sets)}
