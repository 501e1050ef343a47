"""M-SRN as the trainer sees it: the network joined with its losses."""

from collections.abc import Mapping
from typing import Any

import jax

from jaxrelic.losses import msrn as msrn_losses
from jaxrelic.models.msrn.model import Msrn, template
from jaxrelic.models.msrn.progress import active_size
from jaxrelic.train import schedule
from jaxrelic.train.experiment import Experiment
from jaxrelic.train.objective import Variables
from jaxrelic.train.step import AXIS
from jaxrelic.typing import Array


class MsrnObjective:
    """An `Objective` built from an experiment's model, losses, supervision and softness."""

    def __init__(self, experiment: Experiment):
        self._experiment = experiment
        self._model = Msrn(experiment.model)
        self._template = template(experiment.model)
        self.phases = schedule.phases(experiment.supervision)

    def init(self, rng: jax.Array, batch: Mapping[str, Array]) -> Variables:
        return self._model.init(rng, batch["image"], train=False)

    def weights(self, phase: str) -> Mapping[str, float]:
        return msrn_losses.loss_weights(
            self._experiment.losses, supervision=self._experiment.supervision, phase=phase
        )

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
        """See `Objective.loss`; nothing in M-SRN's core is random, so `rng` goes unused."""
        config, settings = self._experiment.model, self._experiment.losses
        sizes = {
            "shape_size": active_size(config.shape_milestones, step),
            "texture_size": active_size(config.texture_milestones, step),
        }
        output, collections = self._model.apply(
            {"params": params, **collections},
            batch["image"],
            **sizes,
            train=True,
            mutable=list(collections),
        )
        sigma = schedule.sigma_at(self._experiment.softness, settings.raster.sigma, step)
        terms = msrn_losses.loss_terms(
            output,
            batch,
            self._template,
            supervision=self._experiment.supervision,
            phase=phase,
            settings=settings,
            # A constant stays one: the fast rasterizer sizes its work by it.
            sigma=sigma,
            axis_name=AXIS,
        )
        return terms, {"sigma": sigma, **sizes}, collections
