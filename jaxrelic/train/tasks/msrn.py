"""M-SRN as a task: the network joined with its losses, its memory and its neighbours."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import grain
import jax
import jax.numpy as jnp
import numpy as np

from jaxrelic.data.read_ahead import Batch
from jaxrelic.data.single_view import batches
from jaxrelic.data.single_view.batches import SingleViewData, Supervision
from jaxrelic.errors import UserError
from jaxrelic.inference.msrn import MsrnPredictor
from jaxrelic.losses import msrn as msrn_losses
from jaxrelic.losses.msrn import MsrnLossSettings
from jaxrelic.models.msrn import memory, unicorn_memory
from jaxrelic.models.msrn.milestones import active_size
from jaxrelic.models.msrn.model import Msrn, MsrnConfig, MsrnOutput, abstract_variables, template
from jaxrelic.models.msrn.template import Template
from jaxrelic.models.msrn.texture import simplified
from jaxrelic.photos.photo import Preprocessing
from jaxrelic.train.initial import from_network, from_sphere
from jaxrelic.train.initial.from_sphere import PretrainConfig
from jaxrelic.train.state import TrainState, Variables
from jaxrelic.train.tasks import msrn_neighbours, msrn_phases
from jaxrelic.train.tasks.msrn_neighbours import NeighbourStep
from jaxrelic.train.tasks.msrn_phases import SoftnessSchedule
from jaxrelic.train.tasks.task import AXIS, Logs, Terms
from jaxrelic.typing import Array

_PURIFY_STREAM = 2
"""Folded into the seed for k-means; initialisation and steps use others (`state`, `step`)."""

_TEXTURE_STREAM = 3
"""Folded into the key of a step for what is random of its textures."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class MsrnTask:
    """M-SRN: a mesh from one photograph, learned from as much as `supervision` allows."""

    model: MsrnConfig
    """The network."""
    supervision: Supervision = "latent"
    """Supervision: what the network may know. latent: image and mask only. posed: also the camera.
    multiview: also other posed views."""
    data: SingleViewData
    """The relics, and how examples are made of them."""
    losses: MsrnLossSettings = dataclasses.field(default_factory=MsrnLossSettings)
    """How predictions are compared, and the weight of each term."""
    softness: SoftnessSchedule = dataclasses.field(default_factory=SoftnessSchedule)
    """Softness of the edges of drawings in the first steps."""
    initial: str = ""
    """Folder of a run or an export to start from; empty starts at random."""
    pretrain: PretrainConfig = dataclasses.field(default_factory=PretrainConfig)
    """Lessons of the deformation before the first step; none by default."""

    def __post_init__(self) -> None:
        if self.losses.background != self.data.background:
            raise UserError(
                f"losses.background is {self.losses.background} and data.background is "
                f"{self.data.background}; drawings and photographs need the same"
            )
        if self.initial and self.pretrain.steps:
            raise UserError("initial and pretrain.steps are set; a run can start in one way only")
        msrn_neighbours.check(self.model.neighbours, self.supervision)

    @property
    def phases(self) -> tuple[str, ...]:
        """See `Objective.phases`."""
        return msrn_phases.phases(self.supervision, alternate=self.model.pose.alternate)

    @functools.cached_property
    def _network(self) -> Msrn:
        return Msrn(self.model)

    @functools.cached_property
    def _template(self) -> Template:
        return template(self.model)

    @functools.cached_property
    def _steps_per_pass(self) -> int:
        return batches.steps_per_pass(self.data)

    def batches(self, seed: int) -> grain.MapDataset[Batch]:
        """See `Task.batches`."""
        if self.model.keeps_banks:
            self._check_categories()
        return batches.batches(self.data, supervision=self.supervision, seed=seed)

    def _check_categories(self) -> None:
        """Raises if a category of the data has no bank."""
        names, banks = batches.categories(self.data), self.model.memory.categories
        if len(names) > banks:
            raise UserError(
                f"{self.data.path} has {len(names)} categories and the memory {banks} banks; "
                f"set --model.memory.categories {len(names)}"
            )

    def init(self, rng: jax.Array, batch: Mapping[str, Array]) -> Variables:
        """See `Objective.init`."""
        msrn_neighbours.check_batch(self.model.neighbours, batch)
        variables = self._network.init(rng, batch["image"], train=False)
        return {**variables, **self._fresh_recent()}

    def _fresh_recent(self) -> Variables:
        """The collection `recent`, which training alone reads; only source unicorn has one."""
        neighbours = self.model.neighbours
        if neighbours.source != "unicorn":
            return {}
        photographs = unicorn_memory.fresh_recent(
            neighbours, self.model.shape_code, self.data.image_size
        )
        return {"recent": {"photographs": photographs}}

    def begin(self, fresh: TrainState, *, seed: int) -> TrainState:
        """`fresh`, or the state of another network, or one that has learned a sphere."""
        if self.initial:
            fresh = from_network.from_network(fresh, self.initial)
        params = from_sphere.pretrained(self.pretrain, self.model, fresh.params, seed=seed)
        return fresh.replace(params=params)

    def weights(self, phase: str) -> Mapping[str, float]:
        """See `Objective.weights`."""
        return msrn_losses.loss_weights(
            self.losses,
            supervision=self.supervision,
            phase=phase,
            neighbours=self.model.neighbours.source != "none",
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
        seed: int = 0,
    ) -> tuple[Terms, Logs, Variables]:
        """See `Objective.loss`; `rng` draws neighbours, all else is the same on every replica."""
        sizes = {
            "shape_size": active_size(self.model.shape_milestones, step),
            "texture_size": active_size(self.model.texture_milestones, step),
        }
        collections = self._advanced(collections, step, seed)

        def see(image: Array) -> tuple[MsrnOutput, Variables]:
            variables = {"params": params, **collections}
            mutable = list(collections)
            return self._network.apply(variables, image, **sizes, train=True, mutable=mutable)

        output, following = see(batch["image"])
        tricks = jax.random.fold_in(rng, _TEXTURE_STREAM)
        shown = simplified(tricks, output.texture, self.model.texture_tricks, step)
        output = output.replace(texture=shown)
        sigma = msrn_phases.sigma_at(self.softness, self.losses.raster.sigma, step)
        terms = msrn_losses.loss_terms(
            output,
            batch,
            self._template,
            supervision=self.supervision,
            phase=phase,
            settings=self.losses,
            # A constant stays one: the fast rasterizer sizes its work by it.
            sigma=sigma,
            axis_name=AXIS,
        )
        if phase != "pose" and self.model.neighbours.source != "none":
            neighbours = NeighbourStep(
                config=self.model.neighbours,
                batch=batch,
                output=output,
                collections=collections,
                see=lambda image: see(image)[0],
                template=self._template,
                settings=msrn_losses.with_sigma(self.losses, sigma),
            )
            terms |= neighbours.terms(rng, step)
        following, logs = self._recorded(following, output, batch, terms["mask_iou"], sizes)
        return terms, {"sigma": sigma, **sizes, **logs}, following

    def _advanced(self, collections: Variables, step: jax.Array, seed: int) -> Variables:
        """The collections as this step uses them, banks purified if it is time."""
        if not self.model.keeps_banks:
            return collections
        stream = jax.random.fold_in(jax.random.key(seed), _PURIFY_STREAM)
        shape = memory.advance(
            jax.random.fold_in(stream, step),
            collections["memory"]["shape"],
            self.model.memory,
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
        config, logs = self.model, {}
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

    def abstract_variables(self) -> Variables:
        """See `Task.abstract_variables`; recent photographs serve training alone."""
        return abstract_variables(self.model, self.data.image_size)

    def predictor(self, variables: Variables, *, step: int) -> MsrnPredictor:
        """See `Task.predictor`; codes are as open as they were at that step."""
        return MsrnPredictor(
            config=self.model,
            preprocessing=Preprocessing(
                image_size=self.data.image_size,
                crop_margin=self.data.crop_margin,
                background=self.data.background,
            ),
            variables=variables,
            shape_size=int(active_size(self.model.shape_milestones, np.int32(step))),
            texture_size=int(active_size(self.model.texture_milestones, np.int32(step))),
        )

    def facts(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """See `Task.facts`."""
        return {"supervision": self.supervision}, {}
