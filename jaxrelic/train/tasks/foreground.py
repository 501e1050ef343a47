"""Foreground perception as the trainer sees it: the network joined with its losses and bank."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax

from jaxrelic.losses import foreground as losses
from jaxrelic.models.foreground import memory
from jaxrelic.models.foreground.model import Foreground
from jaxrelic.train.experiment import Experiment
from jaxrelic.train.step import AXIS
from jaxrelic.train.tasks.task import Variables
from jaxrelic.typing import Array

_BANK_STREAM = 1
"""Folded into the key of initialisation for the noise that the bank starts from."""


class ForegroundObjective:
    """An `Objective` built from an experiment's model and losses."""

    phases = ("joint",)

    def __init__(self, experiment: Experiment):
        self._config, self._settings = experiment.model, experiment.losses
        self._model = Foreground(experiment.model)

    def init(self, rng: jax.Array, batch: Mapping[str, Array]) -> Variables:
        variables = self._model.init(rng, batch["image"], batch["category"], train=False)
        noise = jax.random.fold_in(rng, _BANK_STREAM)
        bank = memory.fresh_bank(noise, self._config.memory, self._config.features)
        return {**variables, "memory": {"pairs": bank}}

    def weights(self, phase: str) -> Mapping[str, float]:
        return dataclasses.asdict(self._settings.weights)

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
        """See `Objective.loss`; nothing here is random, so `rng` is unused."""
        bank, category = collections["memory"]["pairs"], batch["category"]
        output, statistics = self._model.apply(
            {"params": params, "batch_stats": collections["batch_stats"]},
            batch["image"],
            category,
            train=True,
            mutable=["batch_stats"],
        )
        terms = losses.loss_terms(output, category, *memory.halves(bank), settings=self._settings)
        terms = losses.opened(terms, self._settings, step)
        bank = memory.record(
            bank,
            self._config.memory,
            output.foreground,
            output.background,
            output.scores,
            category,
            axis_name=AXIS,
        )
        logs = {"remembered": bank.writes[0].astype("float32")}
        return terms, logs, {**statistics, "memory": {"pairs": bank}}
