"""One-2-3-45 as the trainer sees it: view sets to a field, its rays compared with a target view."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from jaxrelic.geometry import transforms
from jaxrelic.geometry.cameras import Camera
from jaxrelic.geometry.depth_normals import depth_normals
from jaxrelic.losses import distance_bounds
from jaxrelic.losses import one2345 as losses
from jaxrelic.models.one2345 import frame, rays, render
from jaxrelic.models.one2345.frame import Cube
from jaxrelic.models.one2345.model import EncodedViews, One2345, fresh_variables, nearest_views
from jaxrelic.train.experiment import Experiment
from jaxrelic.train.tasks.task import Variables
from jaxrelic.typing import Array

SCHEDULED = "scheduled_{}"
"""Name of a term times its part at this step; the plain name is that of the whole term."""


class One2345Objective:
    """An `Objective` built from an experiment's model, losses and rays."""

    phases = ("joint",)

    def __init__(self, experiment: Experiment):
        self._settings, self._rays = experiment.losses, experiment.rays
        self._model = One2345(experiment.model, remat=experiment.rays.remat)

    def init(self, rng: jax.Array, batch: Mapping[str, Array]) -> Variables:
        del batch
        return fresh_variables(self._model.config, rng)

    def weights(self, phase: str) -> Mapping[str, float]:
        weights = dataclasses.asdict(self._settings.weights)
        late = losses.schedule(self._settings, 0)
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
    ) -> tuple[dict[str, jax.Array], dict[str, jax.Array], Variables]:
        """See `Objective.loss`; each example has a key of its own."""
        variables = {"params": params}
        keys = jax.random.split(rng, len(batch["target_rgb"]))
        terms = jax.vmap(functools.partial(self._terms, variables, step))(batch, keys)
        for name, part in losses.schedule(self._settings, step).items():
            terms[SCHEDULED.format(name)] = part * terms[name]
        logs = {"sharpness": self._model.apply(variables, method="sharpness")}
        return terms, logs, collections

    def _terms(
        self, variables: Variables, step: Array, example: Mapping[str, Array], rng: Array
    ) -> dict[str, Array]:
        """Terms of one view set, whose arrays have no batch axis."""
        pixel_rng, jitter_rng, free_rng, background_rng, bound_rng = jax.random.split(rng, 5)
        config, image = self._model.config, example["target_rgb"]
        sources, reference = (_camera(example, name) for name in ("sources", "reference"))
        cube = frame.choose_cube(config.cube, sources, reference, image.shape[:2])
        target = cube.cameras(_camera(example, "target"))
        encoded = self._model.apply(
            variables, example["sources_rgb"], cube.cameras(sources), image[None], method="encode"
        )
        background = losses.draw_background(background_rng, self._settings)
        pixels = rays.choose_pixels(pixel_rng, example["target_mask"] > 0.5, self._rays.count)
        chosen, wanted = self._along(pixels, example, target, cube)
        drawn = render.render_rays(
            self._model,
            variables,
            self._blended(encoded, target),
            chosen,
            anneal=losses.anneal_at(self._settings, step),
            background=background,
            rng=jitter_rng,
            chunk=self._rays.chunk,
        )
        shape = (self._rays.free_points, 3)
        free = jax.random.uniform(free_rng, shape, image.dtype, minval=-1, maxval=1)
        free_sdf, _ = self._model.apply(variables, encoded, free, method="sdf")
        wanted = losses.over(wanted, background)
        terms = losses.loss_terms(drawn, wanted, free_sdf, self._settings)
        return terms | self._bound_terms(variables, encoded, bound_rng, example, target, cube)

    def _along(
        self, pixels: Array, example: Mapping[str, Array], target: Camera, cube: Cube
    ) -> tuple[rays.Rays, rays.RayTargets]:
        """Rays through pixels of the target view, and what it says along them."""
        config = self._model.config
        chosen = rays.pixel_rays(
            target, pixels, pixel_centre=config.pixel_centre, limits=config.ray_limits
        )
        depth = example["target_depth"] / cube.half_side
        images = example["target_rgb"], example["target_mask"], depth
        return chosen, rays.read_targets(*images, target.pixel_from_cam, pixels)

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
        if not self._settings.weights.bounds:
            return dict.fromkeys(("surface", "normal", "empty"), jnp.zeros(()))
        pixel_rng, point_rng = jax.random.split(rng)
        mask = example["target_mask"] > 0.5
        pixels = rays.choose_pixels(pixel_rng, mask, self._rays.bound_rays)
        seen = self._along(pixels, example, target, cube)
        normals = _normals(example["target_depth"] / cube.half_side, target)
        normals = normals[pixels[:, 0], pixels[:, 1]]
        return distance_bounds.field_terms(
            self._model, variables, encoded, point_rng, *seen, normals
        )

    def _blended(self, encoded: EncodedViews, target: Camera) -> EncodedViews:
        """The encoded views with the sources whose colours are mixed."""
        if self._rays.views_per_ray is None:
            return encoded
        centre = transforms.invert_rigid(target.cam_from_world)[:3, 3]
        return nearest_views(encoded, centre, self._rays.views_per_ray)


def _camera(example: Mapping[str, Array], name: str) -> Camera:
    return Camera(example[f"{name}_cam_from_world"], example[f"{name}_pixel_from_cam"])


def _normals(depth: Array, camera: Camera) -> Array:
    """Normals [h, w, 3] of a depth map in the frame of the cube, 0 where unknown."""
    normals = depth_normals(depth, camera.pixel_from_cam)
    return normals @ camera.cam_from_world[:3, :3]
