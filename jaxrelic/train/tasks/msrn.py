"""M-SRN as the trainer sees it: the network joined with its losses, its memory and neighbours."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from jaxrelic.data.single_view import batches
from jaxrelic.errors import UserError
from jaxrelic.losses import msrn as msrn_losses
from jaxrelic.models.msrn import memory, unicorn_memory
from jaxrelic.models.msrn.model import Msrn, MsrnOutput, template
from jaxrelic.models.msrn.progress import active_size
from jaxrelic.models.msrn.texture import simplified
from jaxrelic.train.experiment import Experiment
from jaxrelic.train.step import AXIS
from jaxrelic.train.tasks import msrn_neighbours, msrn_phases
from jaxrelic.train.tasks.msrn_neighbours import NeighbourStep
from jaxrelic.train.tasks.task import Variables
from jaxrelic.typing import Array

_PURIFY_STREAM = 2
"""Folded into the seed for k-means; initialisation and steps use others (`state`, `step`)."""

_TEXTURE_STREAM = 3
"""Folded into the key of a step for what is random of its textures."""

Logs = dict[str, jax.Array]


class MsrnObjective:
    """An `Objective` built from an experiment's model, losses, supervision and softness."""

    def __init__(self, experiment: Experiment):
        msrn_neighbours.check(experiment)
        self._experiment = experiment
        self._config = experiment.model
        self._model = Msrn(experiment.model)
        self._template = template(experiment.model)
        self.phases = msrn_phases.phases(
            experiment.supervision, alternate=self._config.pose.alternate
        )
        if self._config.keeps_banks:
            _check_categories(experiment)
            self._steps_per_pass = batches.steps_per_pass(experiment.data)

    def init(self, rng: jax.Array, batch: Mapping[str, Array]) -> Variables:
        msrn_neighbours.check_batch(self._config.neighbours, batch)
        variables = self._model.init(rng, batch["image"], train=False)
        return {**variables, **fresh_recent(self._experiment)}

    def weights(self, phase: str) -> Mapping[str, float]:
        return msrn_losses.loss_weights(
            self._experiment.losses,
            supervision=self._experiment.supervision,
            phase=phase,
            neighbours=self._config.neighbours.source != "none",
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
        """See `Objective.loss`; `rng` draws neighbours, all else is the same on every replica."""
        sizes = {
            "shape_size": active_size(self._config.shape_milestones, step),
            "texture_size": active_size(self._config.texture_milestones, step),
        }
        translate = step >= self._config.pose.translation_start
        collections = self._advanced(collections, step)

        def see(image: Array) -> tuple[MsrnOutput, Variables]:
            variables = {"params": params, **collections}
            mutable = list(collections)
            return self._model.apply(
                variables, image, **sizes, translate=translate, train=True, mutable=mutable
            )

        output, following = see(batch["image"])
        tricks = jax.random.fold_in(rng, _TEXTURE_STREAM)
        shown = simplified(tricks, output.texture, self._config.texture_tricks, step)
        output = output.replace(texture=shown)
        sigma = msrn_phases.sigma_at(
            self._experiment.softness, self._experiment.losses.raster.sigma, step
        )
        terms = msrn_losses.loss_terms(
            output,
            batch,
            self._template,
            supervision=self._experiment.supervision,
            phase=phase,
            settings=self._experiment.losses,
            # A constant stays one: the fast rasterizer sizes its work by it.
            sigma=sigma,
            axis_name=AXIS,
        )
        if phase != "pose" and self._config.neighbours.source != "none":
            neighbours = NeighbourStep(
                config=self._config.neighbours,
                batch=batch,
                output=output,
                collections=collections,
                see=lambda image: see(image)[0],
                template=self._template,
                settings=msrn_losses.with_sigma(self._experiment.losses, sigma),
            )
            terms |= neighbours.terms(rng, step)
        following, logs = self._recorded(following, output, batch, terms["mask_iou"], sizes)
        return terms, {"sigma": sigma, **sizes, **logs}, following

    def _advanced(self, collections: Variables, step: jax.Array) -> Variables:
        """The collections as this step uses them, banks purified if it is time."""
        if not self._config.keeps_banks:
            return collections
        stream = jax.random.fold_in(jax.random.key(self._experiment.seed), _PURIFY_STREAM)
        shape = memory.advance(
            jax.random.fold_in(stream, step),
            collections["memory"]["shape"],
            self._config.memory,
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
    ) -> tuple[Variables, Logs]:
        """The collections with what this step saw written to them, and how that went."""
        config, logs = self._config, {}
        if config.keeps_banks:
            complete = sizes["shape_size"] >= config.shape_code
            accepted = memory.explains(config.memory, mask_iou, complete=complete)
            shape = memory.record(
                collections["memory"]["shape"],
                config.memory,
                output.shape_code,
                batch["category"],
                accepted,
                axis_name=AXIS,
            )
            collections = {**collections, "memory": {"shape": shape}}
            logs |= {"bank_fill": memory.fill(shape), "bank_accepted": jnp.mean(accepted)}
        if config.neighbours.source == "unicorn":
            recent = unicorn_memory.remember(
                collections["recent"]["photographs"],
                output.shape_code,
                batch["image"],
                batch["mask"],
                msrn_neighbours.rotations(output),
                batch["relic_index"],
                axis_name=AXIS,
            )
            collections = {**collections, "recent": {"photographs": recent}}
        return collections, logs


def _check_categories(experiment: Experiment) -> None:
    """Raises if a category of the data has no bank."""
    names, banks = batches.categories(experiment.data), experiment.model.memory.categories
    if len(names) > banks:
        raise UserError(
            f"{experiment.data.path} has {len(names)} categories and the memory {banks} banks; "
            f"set --model.memory.categories {len(names)}"
        )


def fresh_recent(experiment: Experiment) -> Variables:
    """The collection `recent`, which training alone reads; there is none without source unicorn."""
    config = experiment.model
    if config.neighbours.source != "unicorn":
        return {}
    photographs = unicorn_memory.fresh_recent(
        config.neighbours, config.shape_code, experiment.data.image_size
    )
    return {"recent": {"photographs": photographs}}
