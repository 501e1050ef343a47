"""One-2-3-45 as a task: view sets to a field, whose rays are compared with a target view."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import grain
import jax
import jax.numpy as jnp

from jaxrelic.data.read_ahead import Batch
from jaxrelic.data.view_sets import batches
from jaxrelic.data.view_sets.batches import ViewSetData
from jaxrelic.errors import UserError
from jaxrelic.geometry import transforms
from jaxrelic.geometry.cameras import Camera
from jaxrelic.geometry.depth_normals import depth_normals
from jaxrelic.inference.one2345 import One2345Predictor
from jaxrelic.losses import distance_bounds
from jaxrelic.losses import one2345 as losses
from jaxrelic.losses.one2345 import One2345LossSettings
from jaxrelic.models.one2345 import convert, frame, render
from jaxrelic.models.one2345.config import One2345Config
from jaxrelic.models.one2345.frame import Cube
from jaxrelic.models.one2345.model import EncodedViews, One2345, fresh_variables, nearest_views
from jaxrelic.models.one2345.rays import Rays, RayTargets, choose_pixels, pixel_rays, read_targets
from jaxrelic.train.state import TrainState, Variables
from jaxrelic.train.tasks.one2345_rays import RaysConfig
from jaxrelic.train.tasks.task import Logs, Terms
from jaxrelic.typing import Array

SCHEDULED = "scheduled_{}"
"""Name of a term times its part at this step; the plain name is that of the whole term."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class One2345Task:
    """One-2-3-45's reconstruction: a surface from several posed views."""

    model: One2345Config
    """The network."""
    data: ViewSetData
    """The relics, and how view sets are made of them."""
    losses: One2345LossSettings
    """How predictions are compared, and the weight of each term."""
    rays: RaysConfig = dataclasses.field(default_factory=RaysConfig)
    """Rays that a step draws, and what of them is kept in memory."""

    phases = ("joint",)

    def __post_init__(self) -> None:
        asked, sources = self.rays.views_per_ray, self.data.num_sources
        if asked is not None and asked > sources:
            raise UserError(
                f"rays.views_per_ray is {asked} and data.num_sources is {sources}; set it to "
                f"{sources} or less"
            )

    @functools.cached_property
    def _network(self) -> One2345:
        return One2345(self.model, remat=self.rays.remat)

    def batches(self, seed: int) -> grain.MapDataset[Batch]:
        """See `Task.batches`."""
        return batches.batches(self.data, seed=seed)

    def init(self, rng: jax.Array, batch: Mapping[str, Array]) -> Variables:
        """See `Objective.init`."""
        del batch
        return fresh_variables(self.model, rng)

    def begin(self, fresh: TrainState, *, seed: int) -> TrainState:
        """`fresh` as it is: random."""
        del seed
        return fresh

    def weights(self, phase: str) -> Mapping[str, float]:
        """See `Objective.weights`."""
        del phase
        weights = dataclasses.asdict(self.losses.weights)
        late = losses.schedule(self.losses, 0)
        return {SCHEDULED.format(n) if n in late else n: value for n, value in weights.items()}

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
        """See `Objective.loss`; each example has a key of its own."""
        del phase, seed
        variables = {"params": params}
        keys = jax.random.split(rng, len(batch["target_rgb"]))
        terms = jax.vmap(functools.partial(self._terms, variables, step))(batch, keys)
        for name, part in losses.schedule(self.losses, step).items():
            terms[SCHEDULED.format(name)] = part * terms[name]
        logs = {"sharpness": self._network.apply(variables, method="sharpness")}
        return terms, logs, collections

    def abstract_variables(self) -> Variables:
        """See `Task.abstract_variables`."""
        return convert.abstract_variables(self.model)

    def predictor(self, variables: Variables, *, step: int) -> One2345Predictor:
        """See `Task.predictor`."""
        del step
        return One2345Predictor(
            config=self.model,
            image_size=self.data.image_size,
            num_sources=self.data.num_sources,
            variables=variables,
        )

    def facts(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """See `Task.facts`."""
        return {"learns_from": "posed views"}, {"selection": self.data.selection}

    def _terms(
        self, variables: Variables, step: Array, example: Mapping[str, Array], rng: Array
    ) -> dict[str, Array]:
        """Terms of one view set, whose arrays have no batch axis."""
        pixel_rng, jitter_rng, free_rng, background_rng, bound_rng = jax.random.split(rng, 5)
        config, image = self.model, example["target_rgb"]
        sources, reference = (_camera(example, name) for name in ("sources", "reference"))
        cube = frame.choose_cube(config.cube, sources, reference, image.shape[:2])
        target = cube.cameras(_camera(example, "target"))
        encoded = self._network.apply(
            variables, example["sources_rgb"], cube.cameras(sources), image[None], method="encode"
        )
        background = losses.draw_background(background_rng, self.losses)
        pixels = choose_pixels(pixel_rng, example["target_mask"] > 0.5, self.rays.count)
        chosen, wanted = self._along(pixels, example, target, cube)
        drawn = render.render_rays(
            self._network,
            variables,
            self._blended(encoded, target),
            chosen,
            anneal=losses.anneal_at(self.losses, step),
            background=background,
            rng=jitter_rng,
            chunk=self.rays.chunk,
        )
        shape = (self.rays.free_points, 3)
        free = jax.random.uniform(free_rng, shape, image.dtype, minval=-1, maxval=1)
        free_sdf, _ = self._network.apply(variables, encoded, free, method="sdf")
        wanted = losses.over(wanted, background)
        terms = losses.loss_terms(drawn, wanted, free_sdf, self.losses)
        return terms | self._bound_terms(variables, encoded, bound_rng, example, target, cube)

    def _along(
        self, pixels: Array, example: Mapping[str, Array], target: Camera, cube: Cube
    ) -> tuple[Rays, RayTargets]:
        """Rays through pixels of the target view, and what it says along them."""
        config = self.model
        chosen = pixel_rays(
            target, pixels, pixel_centre=config.pixel_centre, limits=config.ray_limits
        )
        depth = example["target_depth"] / cube.half_side
        images = example["target_rgb"], example["target_mask"], depth
        return chosen, read_targets(*images, target.pixel_from_cam, pixels)

    def _bound_terms(
        self,
        variables: Variables,
        encoded: EncodedViews,
        rng: Array,
        example: Mapping[str, Array],
        target: Camera,
        cube: Cube,
    ) -> dict[str, Array]:
        """Terms of `distance_bounds`; 0 without a look where nothing is learned from them."""
        if not self.losses.weights.bounds:
            return dict.fromkeys(("surface", "normal", "empty"), jnp.zeros(()))
        pixel_rng, point_rng = jax.random.split(rng)
        mask = example["target_mask"] > 0.5
        pixels = choose_pixels(pixel_rng, mask, self.rays.bound_rays)
        seen = self._along(pixels, example, target, cube)
        normals = _normals(example["target_depth"] / cube.half_side, target)
        normals = normals[pixels[:, 0], pixels[:, 1]]
        return distance_bounds.field_terms(
            self._network, variables, encoded, point_rng, *seen, normals
        )

    def _blended(self, encoded: EncodedViews, target: Camera) -> EncodedViews:
        """The encoded views with the sources whose colours are mixed."""
        if self.rays.views_per_ray is None:
            return encoded
        centre = transforms.invert_rigid(target.cam_from_world)[:3, 3]
        return nearest_views(encoded, centre, self.rays.views_per_ray)


def _camera(example: Mapping[str, Array], name: str) -> Camera:
    return Camera(example[f"{name}_cam_from_world"], example[f"{name}_pixel_from_cam"])


def _normals(depth: Array, camera: Camera) -> Array:
    """Normals [h, w, 3] of a depth map in the frame of the cube, 0 where unknown."""
    normals = depth_normals(depth, camera.pixel_from_cam)
    return normals @ camera.cam_from_world[:3, :3]
