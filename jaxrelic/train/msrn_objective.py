"""M-SRN as the trainer sees it: the network joined with its losses."""

from collections.abc import Mapping
from typing import Any

import jax

from jaxrelic.data import loader
from jaxrelic.losses import msrn as msrn_losses
from jaxrelic.models.msrn import memory
from jaxrelic.models.msrn.model import Msrn, MsrnOutput, template
from jaxrelic.models.msrn.progress import active_size
from jaxrelic.train import schedule
from jaxrelic.train.experiment import Experiment
from jaxrelic.train.objective import Variables
from jaxrelic.train.step import AXIS
from jaxrelic.typing import Array

_PURIFY_STREAM = 2
"""Folded into the seed for k-means; initialisation and steps use others (`state`, `step`)."""


class MsrnObjective:
    """An `Objective` built from an experiment's model, losses, supervision and softness."""

    def __init__(self, experiment: Experiment):
        self._experiment = experiment
        self._model = Msrn(experiment.model)
        self._template = template(experiment.model)
        self.phases = schedule.phases(experiment.supervision)
        if experiment.model.memory.compensation:
            self._steps_per_pass = loader.steps_per_pass(experiment.data)

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
        """See `Objective.loss`; what is random is the same on every replica, so `rng` is unused."""
        config, settings = self._experiment.model, self._experiment.losses
        sizes = {
            "shape_size": active_size(config.shape_milestones, step),
            "texture_size": active_size(config.texture_milestones, step),
        }
        collections = self._purified(collections, step)
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
        collections = self._recorded(collections, output, batch, terms["mask_iou"], sizes)
        return terms, {"sigma": sigma, **sizes}, collections

    def _purified(self, collections: Variables, step: jax.Array) -> Variables:
        """The collections with new prototypes at the start of a pass over the data."""
        settings = self._experiment.model.memory
        if not settings.compensation:
            return collections
        stream = jax.random.fold_in(jax.random.key(self._experiment.seed), _PURIFY_STREAM)
        shape = memory.purify_at_pass(
            jax.random.fold_in(stream, step),
            collections["memory"]["shape"],
            settings,
            step,
            steps_per_pass=self._steps_per_pass,
        )
        return {**collections, "memory": {"shape": shape}}

    def _recorded(
        self,
        collections: Variables,
        output: MsrnOutput,
        batch: Mapping[str, Array],
        mask_iou: jax.Array,
        sizes: Mapping[str, jax.Array],
    ) -> Variables:
        """The collections with the shape codes of this step written to the banks."""
        config = self._experiment.model
        if not config.memory.compensation:
            return collections
        shape = memory.record(
            collections["memory"]["shape"],
            config.memory,
            output.shape_code,
            batch["category"],
            mask_iou,
            complete=sizes["shape_size"] >= config.shape_code,
            axis_name=AXIS,
        )
        return {**collections, "memory": {"shape": shape}}
