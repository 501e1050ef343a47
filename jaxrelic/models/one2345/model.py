"""One-2-3-45's network: posed views of one relic to a field of distance and colour.

    encoded = model.apply(variables, images, camera, method="encode")
    sdf, feature = model.apply(variables, encoded, points, method="sdf")

Encoded views have no batch axis: the views are the batch of the original's normalisation. Several
view sets are `jax.vmap`. Points live in the cube [-1, 1]^3 (frame.py); render.py draws rays.
"""

import dataclasses
from typing import Any, Literal

import flax.struct
import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxrelic.geometry import cameras, transforms
from jaxrelic.models.one2345.blending import BlendingNetwork, angles_between, damped_unit
from jaxrelic.models.one2345.config import One2345Config
from jaxrelic.models.one2345.cost import cost_volume, look_up
from jaxrelic.models.one2345.pyramid import FeaturePyramid, Unit
from jaxrelic.models.one2345.regularization import Regularization
from jaxrelic.models.one2345.sdf import SdfNetwork
from jaxrelic.rendering.volume import grids
from jaxrelic.typing import Array, Bool, Float, Key, typechecked

COMPRESSED = 16
"""Channels of the image features of which the cost volume is made."""
SMALL = 8
"""Voxels and pixels that suffice for the shapes of the parameters."""

Remat = Literal["nothing", "volume", "encoding"]


@flax.struct.dataclass
class EncodedViews:
    """What the source views say."""

    maps: jax.Array
    """RGB, then features of each source pixel, [v, h, w, 59]."""
    camera: cameras.Camera
    """Cameras of the sources, [v], in the frame of the cube."""
    volume: jax.Array
    """Geometry volume by x, y, z, [s, s, s, c]."""
    active: jax.Array
    """Voxels that two views see, [s, s, s]."""


class One2345(nn.Module):
    """Pyramid, cost volume, regularisation, distance and colour; 430 912 parameters."""

    config: One2345Config
    remat: Remat = "nothing"
    """What is computed again for the gradient instead of being kept: nothing, the regularisation,
    or that and the image features, each by itself."""

    def setup(self) -> None:
        config = self.config
        again = {"nothing": (), "volume": (Regularization,)}.get(
            self.remat, (Regularization, FeaturePyramid, Unit)
        )
        pyramid, unit_of, regularization = (
            nn.remat(kind) if kind in again else kind
            for kind in (FeaturePyramid, Unit, Regularization)
        )
        self.pyramid = pyramid(config.norm)
        self.compression = unit_of(COMPRESSED, config.norm)
        self.regularization = regularization(config.norm, config.bounded_below)
        self.sdf_network = SdfNetwork(config.hidden, config.frequencies)
        self.blending = BlendingNetwork(
            config.visible_minimum,
            None if config.blend_dtype == "float32" else jnp.dtype(config.blend_dtype),
        )
        self.log_sharpness = self.param(
            "log_sharpness", nn.initializers.constant(config.start_log_sharpness), ()
        )

    def __call__(
        self, images: Array, camera: cameras.Camera, points: Array
    ) -> tuple[Array, Array, Array]:
        """Everything once, for `init`: distances, colours, and the sharpness."""
        encoded = self.encode(images, camera)
        towards = jnp.zeros_like(points)
        return (
            self.sdf(encoded, points)[0],
            self.blend(encoded, points, towards)[0],
            self.sharpness(),
        )

    @typechecked
    def encode(
        self,
        images: Float[Array, "v h w 3"],
        camera: cameras.Camera,
        target: Float[Array, "1 h w 3"] | None = None,
    ) -> EncodedViews:
        """Reads the source views.

        Args:
            images: Source views over white, in [0, 1].
            camera: Cameras of the source views, in the frame of the cube.
            target: The image to be predicted, in training; used for statistics, and for those
                only with `target_in_statistics`.
        """
        config = self.config
        if target is not None and config.target_in_statistics:
            features = self.pyramid(jnp.concatenate([target, images]))[1:]
        else:
            features = self.pyramid(images)
        cost, active = cost_volume(
            self.compression(features),
            camera,
            size=config.volume_size,
            pixel_centre=config.pixel_centre,
            masked=config.masked_aggregation,
        )
        volume = self.regularization(cost, active)
        return EncodedViews(
            maps=jnp.concatenate([images, features], axis=-1),
            camera=camera,
            volume=smooth(volume) if config.smooth_volume else volume,
            active=active,
        )

    @typechecked
    def sdf(
        self, encoded: EncodedViews, points: Float[Array, "n 3"]
    ) -> tuple[Float[Array, " n"], Float[Array, "n d"]]:
        """Signed distance in cube units, negative inside, and a feature."""
        return self.sdf_network(points, sample_volume(encoded.volume, points))

    @typechecked
    def blend(
        self,
        encoded: EncodedViews,
        points: Float[Array, "n 3"],
        towards: Float[Array, "n 3"],
        hidden: Bool[Array, "v n"] | None = None,
    ) -> tuple[Float[Array, "n 3"], Bool[Array, "v n"]]:
        """Colour of points, and which source sees which.

        Args:
            encoded: Encoded views from `encode`.
            points: In the cube.
            towards: Unit vectors to the target camera; outward normals for a surface as such.
            hidden: Sources that must not be used although they show the point.
        """
        samples, visible = sample_views(encoded, points, self.config.pixel_centre)
        visible = visible if hidden is None else visible & ~hidden
        world_from_cam = transforms.invert_rigid(encoded.camera.cam_from_world)
        angles = angles_between(towards, world_from_cam[:, :3, 3], points)
        geometry = sample_volume(encoded.volume, points)
        return self.blending(geometry, samples, angles, visible), visible

    def sharpness(self) -> Array:
        """Inverse width of the surface in cube units."""
        return jnp.clip(jnp.exp(10 * self.log_sharpness), 1e-6, 1e6)


def fresh_variables(config: One2345Config, rng: Key[Array, ""]) -> dict[str, Any]:
    """Variables before training; they depend on no image or volume size, so these are small."""
    model = One2345(dataclasses.replace(config, volume_size=SMALL))
    camera = cameras.Camera(jnp.zeros((2, 4, 4)), jnp.zeros((2, 3, 3)))
    return model.init(rng, jnp.zeros((2, SMALL, SMALL, 3)), camera, jnp.zeros((1, 3)))


@typechecked
def nearest_views(encoded: EncodedViews, centre: Float[Array, "3"], count: int) -> EncodedViews:
    """The encoded views with the sources that look at it from the directions nearest to `centre`'s.

    Distances are still those that all sources agree on; colours mix these few.

    Args:
        encoded: Encoded views from `One2345.encode`.
        centre: Centre of the camera to be drawn, in the frame of the cube.
        count: Sources that are kept, in the order in which they were.
    """
    centres = transforms.invert_rigid(encoded.camera.cam_from_world)[:, :3, 3]
    cosine = jnp.sum(damped_unit(centres) * damped_unit(centre[None]), axis=-1)
    kept = jnp.sort(jax.lax.top_k(cosine, count)[1])
    maps, camera = jax.tree.map(lambda x: x[kept], (encoded.maps, encoded.camera))
    return encoded.replace(maps=maps, camera=camera)


@typechecked
def smooth(volume: Float[Array, "s s s c"]) -> Float[Array, "s s s c"]:
    """Means with weights 1-2-1 along each axis; outer voxels stand for those beyond them."""
    for axis in range(3):
        width = [(1, 1) if each == axis else (0, 0) for each in range(4)]
        padded = jnp.pad(volume, width, mode="edge")
        size = volume.shape[axis]
        before, behind = (
            jax.lax.slice_in_dim(padded, start, start + size, axis=axis) for start in (0, 2)
        )
        volume = (before + 2 * volume + behind) / 4
    return volume


@typechecked
def sample_volume(
    volume: Float[Array, "s s s c"], points: Float[Array, "n 3"]
) -> Float[Array, "n c"]:
    """Trilinear reading between voxel centres; zero outside the cube."""
    return grids.sample_linear(volume, (points + 1) / 2 * (volume.shape[0] - 1))


@typechecked
def is_active(
    active: Bool[Array, "s s s"], points: Float[Array, "n 3"], *, aligned: bool
) -> Bool[Array, " n"]:
    """Whether the voxel of each point is active; see `One2345Config.aligned_mask`."""
    size = active.shape[0]
    index = (points + 1) / 2 * (size - 1) if aligned else ((points + 1) * size - 1) / 2
    return grids.sample_nearest(active, index)


@typechecked
def sample_views(
    encoded: EncodedViews, points: Float[Array, "n 3"], pixel_centre: float
) -> tuple[Float[Array, "v n c"], Bool[Array, "v n"]]:
    """Colour and features of each source at each point, and whether they may be used."""
    index, shown = look_up(encoded.camera, points, encoded.maps.shape[1:3], pixel_centre)
    samples = jax.vmap(grids.sample_linear)(encoded.maps, index)
    return jnp.where(shown[..., None], samples, 0), shown & _usable(encoded, points)[None]


@typechecked
def visible_views(
    encoded: EncodedViews, points: Float[Array, "n 3"], pixel_centre: float
) -> Bool[Array, "v n"]:
    """Which source may be used at which point: it shows it, and it is among active voxels."""
    _, shown = look_up(encoded.camera, points, encoded.maps.shape[1:3], pixel_centre)
    return shown & _usable(encoded, points)[None]


def _usable(encoded: EncodedViews, points: Array) -> Bool[Array, " n"]:
    near_active = sample_volume(encoded.active[..., None].astype(points.dtype), points)[:, 0] > 0
    return near_active & jnp.all(jnp.abs(points) < 1, axis=-1)
