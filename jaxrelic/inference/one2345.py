"""A trained One-2-3-45 and posed views of an object to its field of distance and colour.

    model = One2345Predictor(config=config, image_size=256, num_sources=8, variables=variables)
    field = model.read(views)
    picture = field.draw(camera, size=256)

Everything is compiled once per configuration and number of views: points and rays go through in
blocks of one size, and objects and weights are arguments.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np

from jaxrelic import config_json
from jaxrelic.data.view_sets.posed_views import PosedViews
from jaxrelic.geometry import cameras, image_crops
from jaxrelic.inference import one2345_programs
from jaxrelic.inference.program import Program
from jaxrelic.inference.surface.fields import Drawn
from jaxrelic.models.one2345 import convert, frame, rays, render
from jaxrelic.models.one2345.config import One2345Config
from jaxrelic.models.one2345.model import EncodedViews, One2345, is_active
from jaxrelic.typing import Array, Bool, Float, typechecked

POINTS_PER_BLOCK = 32_768
"""Points that the network sees at once; with 32 views their colours take 0.8 GB."""
MOST_COLOURS = 16
"""Samples of a ray whose colours are looked up, those that weigh most; a surface has fewer."""
MIN_OPACITY = 1e-6


@dataclasses.dataclass(frozen=True, kw_only=True)
class One2345Predictor:
    """A trained network, ready to read views."""

    config: One2345Config
    """Sizes of the network."""
    image_size: int
    """Side of the views it was trained with, in pixels."""
    num_sources: int
    """Views it was trained with; it reads any number from two on."""
    variables: Any
    """Parameters and collections of the network."""
    points_per_block: int = POINTS_PER_BLOCK
    """Points in the network at once; a ray takes as many as it has samples."""

    @classmethod
    def described(cls, page: Mapping[str, Any]) -> tuple[dict[str, Any], Any]:
        """Arguments of a network without its variables, and their shapes, from an export's page."""
        config = config_json.from_json(One2345Config, page["config"])
        sizes = {name: int(page["views"][name]) for name in ("image_size", "num_sources")}
        return {"config": config, **sizes}, convert.abstract_variables(config)

    def description(self) -> dict[str, Any]:
        """What an export's page says beside `config`; `described` reads it."""
        return {"views": {"image_size": self.image_size, "num_sources": self.num_sources}}

    def programs(self) -> list[Program]:
        """What an export offers as StableHLO."""
        return one2345_programs.programs(
            self.config, self.variables, side=self.image_size, count=self.num_sources
        )

    def read(
        self, views: PosedViews, *, cube: frame.Cube | None = None, reference: int = 0
    ) -> "NetworkField":
        """Encodes the views of one object.

        Args:
            views: Two or more, of `image_size` pixels a side.
            cube: Where the object is; by default as in training.
            reference: Index of the view after which the cube of `frusta` is turned.
        """
        count, size = views.rgb.shape[:2]
        if count < 2:
            raise ValueError(f"{count} view; the network compares views, give two or more")
        if size != self.image_size:
            raise ValueError(
                f"views are {size} px a side, this network reads {self.image_size}; resize them"
            )
        camera = jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), views.camera)
        if cube is None:
            first = jax.tree.map(lambda x: x[reference], camera)
            cube = frame.choose_cube(self.config.cube, camera, first, (size, size))
        encoded = _programs(self.config).encode(
            self._on_device, jnp.asarray(views.rgb, jnp.float32), cube.cameras(camera)
        )
        return NetworkField(
            views=views,
            cube=cube,
            encoded=encoded,
            config=self.config,
            variables=self._on_device,
            points_per_block=self.points_per_block,
        )

    @functools.cached_property
    def _on_device(self) -> Any:
        return jax.tree.map(jnp.asarray, self.variables)


@dataclasses.dataclass(frozen=True, kw_only=True)
class NetworkField:
    """The `SurfaceField` of a network."""

    views: PosedViews
    """What the field was made of."""
    cube: frame.Cube
    """Where the cube lies in the world."""
    encoded: EncodedViews
    """What the network keeps of the views."""
    config: One2345Config
    """Settings of the network."""
    variables: Any
    """Parameters and collections of the network."""
    points_per_block: int
    """See `One2345Predictor`."""

    @typechecked
    def distances(self, points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, " n"]:
        """See `SurfaceField`."""
        program = _programs(self.config).distances
        return self._by_blocks(program, np.zeros(0, np.float32), points)

    @typechecked
    def known(self, points: Float[np.ndarray, "n 3"]) -> Bool[np.ndarray, " n"]:
        """See `SurfaceField`."""
        program = _programs(self.config).known
        return self._by_blocks(program, np.zeros(0, bool), points)

    @typechecked
    def normals(self, points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
        """See `SurfaceField`."""
        program = _programs(self.config).normals
        return self._by_blocks(program, np.zeros((0, 3), np.float32), points)

    @typechecked
    def colours(
        self,
        points: Float[np.ndarray, "n 3"],
        normals: Float[np.ndarray, "n 3"],
        *,
        hidden: Bool[np.ndarray, "v n"] | None = None,
    ) -> tuple[Float[np.ndarray, "n 3"], Bool[np.ndarray, "v n"]]:
        """See `SurfaceField`; the normal takes the place of the direction to a camera.

        Specification one2345 C.16.
        """
        views = len(self.views)
        nothing = np.zeros((0, 3), np.float32), np.zeros((0, views), bool)
        hidden = np.zeros((views, len(points)), bool) if hidden is None else hidden
        rgb, visible = self._by_blocks(
            _programs(self.config).colours, nothing, points, normals, hidden.T
        )
        return rgb, visible.T

    def draw(self, camera: cameras.Camera, size: int) -> Drawn:
        """See `SurfaceField`."""
        camera = jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), camera)
        in_cube = self.cube.cameras(camera)
        program = _programs(self.config).pixels
        count = max(1, self.points_per_block // self._samples_per_ray)
        numbers = np.arange(-(-(size**2) // count) * count, dtype=np.int32).reshape(-1, count)
        blocks = [
            program(self.variables, self.encoded, in_cube, np.minimum(block, size**2 - 1), size)
            for block in numbers
        ]
        seen = jax.tree.map(lambda *x: np.concatenate(x)[: size**2], *blocks)
        opacity = seen.opacity.reshape(size, size)
        depth = (seen.planar_depth / np.maximum(seen.opacity, MIN_OPACITY)).reshape(size, size)
        half_side = np.asarray(self.cube.half_side)
        world_from_cube = np.asarray(self.cube.world_from_cube)[:3, :3] / half_side
        return Drawn(
            rgb=seen.rgb.reshape(size, size, 3),
            mask=opacity,
            depth=np.where(opacity >= image_crops.OPAQUE, depth * half_side, np.float32(0)),
            normals=(seen.normals @ world_from_cube.T).reshape(size, size, 3),
        )

    @property
    def _samples_per_ray(self) -> int:
        return self.config.coarse_samples + self.config.fine_samples

    def _by_blocks(self, program: Callable, nothing: Any, *arrays: np.ndarray) -> Any:
        """A program of [n, ...] arrays on blocks of one size, the last one filled up with zeros."""
        count, size = len(arrays[0]), self.points_per_block
        padded = [
            np.pad(x if x.dtype == bool else np.float32(x), ((0, -count % size), (0, 0)))
            for x in arrays
        ]
        blocks = [
            program(self.variables, self.encoded, *(x[start : start + size] for x in padded))
            for start in range(0, count, size)
        ]
        return jax.tree.map(lambda *x: np.concatenate(x)[:count], nothing, *blocks)


@flax.struct.dataclass
class _Pixels:
    """Pixels as the network draws them, all in cube units."""

    rgb: jax.Array
    """[r, 3]."""
    opacity: jax.Array
    """[r]."""
    planar_depth: jax.Array
    """Along the optical axis, times the opacity, [r]."""
    normals: jax.Array
    """Along the axes of the cube, times the opacity, [r, 3]."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Programs:
    """The compiled parts of one configuration; variables and encoded views come first."""

    encode: Callable
    distances: Callable
    known: Callable
    normals: Callable
    colours: Callable
    pixels: Callable


@functools.lru_cache(maxsize=8)
def _programs(config: One2345Config) -> _Programs:
    """One set for all objects and weights."""
    model = One2345(config)

    def distances(variables: Any, encoded: EncodedViews, points: Array) -> Array:
        return model.apply(variables, encoded, points, method="sdf")[0]

    def known(variables: Any, encoded: EncodedViews, points: Array) -> Array:
        del variables
        return is_active(encoded.active, points, aligned=config.aligned_mask)

    def normals(variables: Any, encoded: EncodedViews, points: Array) -> Array:
        gradient = render.sdf_and_normals(model, variables, encoded, points)[1]
        length = jnp.linalg.norm(gradient, axis=-1, keepdims=True)
        return gradient / jnp.maximum(length, jnp.finfo(gradient.dtype).tiny)

    def colours(
        variables: Any, encoded: EncodedViews, points: Array, towards: Array, hidden: Array
    ) -> tuple[Array, Array]:
        rgb, visible = model.apply(variables, encoded, points, towards, hidden.T, method="blend")
        return rgb, visible.T

    def pixels(
        variables: Any, encoded: EncodedViews, camera: cameras.Camera, index: Array, size: Array
    ) -> _Pixels:
        chosen = rays.pixel_rays(
            camera,
            jnp.stack([index // size, index % size], axis=-1),
            pixel_centre=config.pixel_centre,
            limits=config.ray_limits,
        )
        drawn = render.render_rays(model, variables, encoded, chosen, most_colours=MOST_COLOURS)
        cosine = jnp.sum(chosen.directions * camera.cam_from_world[2:3, :3], axis=-1)
        return _Pixels(
            rgb=drawn.rgb,
            opacity=drawn.opacity,
            planar_depth=cosine * drawn.depth,
            normals=drawn.normals,
        )

    return _Programs(
        encode=jax.jit(lambda variables, *x: model.apply(variables, *x, method="encode")),
        distances=jax.jit(distances),
        known=jax.jit(known),
        normals=jax.jit(normals),
        colours=jax.jit(colours),
        pixels=jax.jit(pixels),
    )
