"""Foreground perception as a task: the network joined with its losses, its bank and its data."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import grain
import jax
import numpy as np

from jaxrelic import weights
from jaxrelic.data.foreground import batches
from jaxrelic.data.foreground.batches import BackgroundData
from jaxrelic.data.read_ahead import Batch
from jaxrelic.errors import UserError
from jaxrelic.losses import foreground as losses
from jaxrelic.losses.foreground import ForegroundLossSettings
from jaxrelic.models.foreground import convert, memory
from jaxrelic.models.foreground.model import Foreground, ForegroundConfig
from jaxrelic.photos.masks.finder import MaskPredictor
from jaxrelic.train.state import TrainState, Variables
from jaxrelic.train.tasks.task import AXIS, Logs, Terms
from jaxrelic.typing import Array

_BANK_STREAM = 1
"""Folded into the key of initialisation for the noise that the bank starts from."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ForegroundTask:
    """Foreground perception: the pixels of the object, learned from category labels alone."""

    model: ForegroundConfig
    """The network."""
    data: BackgroundData
    """Photographs with their background, and how examples are made of them."""
    losses: ForegroundLossSettings
    """How predictions are compared, and the weight of each term."""
    initial_weights: str = ""
    """File of published weights to start from: ResNet-50 in torchvision's layout, .safetensors or
    .pth. Empty starts at random."""

    phases = ("joint",)

    def batches(self, seed: int) -> grain.MapDataset[Batch]:
        """See `Task.batches`."""
        found = batches.open_photographs(self.data).categories
        if len(found) != self.model.categories:
            raise UserError(
                f"{self.data.path} holds {len(found)} categories ({', '.join(found)}) and "
                f"model.categories is {self.model.categories}; set it to {len(found)}"
            )
        return batches.batches(self.data, seed=seed)

    def init(self, rng: jax.Array, batch: Mapping[str, Array]) -> Variables:
        """See `Objective.init`."""
        network = Foreground(self.model)
        variables = network.init(rng, batch["image"], batch["category"], train=False)
        noise = jax.random.fold_in(rng, _BANK_STREAM)
        bank = memory.fresh_bank(noise, self.model.memory, self.model.features)
        return {**variables, "memory": {"pairs": bank}}

    def begin(self, fresh: TrainState, *, seed: int) -> TrainState:
        """`fresh` with the published weights of `initial_weights`, if it names any."""
        del seed
        if not self.initial_weights:
            return fresh
        filled = convert.fill(
            fresh.variables,
            weights.read_weights(self.initial_weights),
            tap=self.model.tap,
            source=self.initial_weights,
        )
        params = filled.pop("params")
        return fresh.replace(params=params, collections=filled)

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
        bank, category = collections["memory"]["pairs"], batch["category"]
        output, statistics = Foreground(self.model).apply(
            {"params": params, "batch_stats": collections["batch_stats"]},
            batch["image"],
            category,
            train=True,
            mutable=["batch_stats"],
        )
        terms = losses.loss_terms(output, category, *memory.halves(bank), settings=self.losses)
        terms = losses.opened(terms, self.losses, step)
        bank = memory.record(
            bank,
            self.model.memory,
            output.foreground,
            output.background,
            output.scores,
            category,
            axis_name=AXIS,
        )
        logs = {"remembered": bank.writes[0].astype("float32")}
        return terms, logs, {**statistics, "memory": {"pairs": bank}}

    def abstract_variables(self) -> Variables:
        """See `Task.abstract_variables`; the bank serves training alone."""
        side = self.data.image_size
        example = {
            "image": jax.ShapeDtypeStruct((1, side, side, 3), np.float32),
            "category": jax.ShapeDtypeStruct((1,), np.int32),
        }
        variables = jax.eval_shape(self.init, jax.random.key(0), example)
        return {name: x for name, x in variables.items() if name != "memory"}

    def predictor(self, variables: Variables, *, step: int) -> MaskPredictor:
        """See `Task.predictor`."""
        del step
        return MaskPredictor(
            config=self.model, image_size=self.data.image_size, variables=variables
        )

    def facts(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """See `Task.facts`."""
        return {"learns_from": "category labels"}, {}
