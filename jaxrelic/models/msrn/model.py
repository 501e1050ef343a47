"""M-SRN's core: one photograph to a textured mesh and camera candidates.

The network of specification msrn A.1-A.7: encoders, codes that open progressively, shape codes that
a memory may compensate, a deformed template, a UV texture, and poses. Axes are ours (world z up):
the paper's objects are y-up and lie along x, hence its ellipsoid 0.4 * (1, 0.7, 0.7); a relic
stands, so the default is tall.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from jaxrelic.geometry import cameras
from jaxrelic.models.msrn.memory import Compensation, MemoryConfig, fresh_memory
from jaxrelic.models.msrn.milestones import Milestones, mask_code
from jaxrelic.models.msrn.neighbours import NeighbourConfig
from jaxrelic.models.msrn.pose import PoseConfig, PoseHead
from jaxrelic.models.msrn.shape import AxisScale, DeformationField
from jaxrelic.models.msrn.template import Template, ellipsoid
from jaxrelic.models.msrn.texture import TextureDecoder, TextureTricks
from jaxrelic.nn.mlp import Mlp
from jaxrelic.nn.resnet import ResNet
from jaxrelic.typing import Array, Float, Int, typechecked

SCALE_RANGE = (0.5, 0.5, 0.5)
"""How far the factor of each axis may leave 1."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class MsrnConfig:
    """Sizes of the network; the defaults are the full size of the paper."""

    RETIRED: ClassVar[Mapping[str, Any]] = {"code_head": "mlp", "scale_range": SCALE_RANGE}

    shared_encoder: bool = False
    """One trunk for shape, texture and pose instead of three."""
    encoder_widths: tuple[int, ...] = (64, 128, 256, 512)
    """Channels of the encoder's stages."""
    encoder_blocks: int = 2
    """Basic blocks per stage."""
    shape_code: int = 64
    """Entries of the shape code."""
    texture_code: int = 512
    """Entries of the texture code, which are also the texture decoder's first channels."""
    shape_milestones: Milestones = ((0, 1), (10_000, 64))
    """Pairs (training step, open entries of the shape code); at 0 entries the template keeps its
    form."""
    texture_milestones: Milestones = ((0, 2), (10_000, 512))
    """Pairs (training step, open entries of the texture code)."""
    icosphere_level: int = 3
    """Subdivisions of the template; 2 has 162 vertices, 3 has 642, 4 has 2562."""
    semi_axes: tuple[float, float, float] = (0.28, 0.28, 0.4)
    """Semi-axes of the template ellipsoid along world x, y and z, in world units."""
    seam_fix: bool = True
    """Unwrap texture coordinates at the seam; off for parity with Unicorn."""
    field_units: int = 512
    """Hidden width of the deformation field."""
    texture_size: int = 64
    """Side of the texture, in texels; a power of two."""
    texture_min_channels: int = 64
    """Fewest channels of the texture decoder."""
    texture_tricks: TextureTricks = dataclasses.field(default_factory=TextureTricks)
    """Plain colours in training, so that the mesh is not explained away by its texture."""
    pose: PoseConfig = dataclasses.field(default_factory=PoseConfig)
    """Cameras that the pose head can express."""
    memory: MemoryConfig = dataclasses.field(default_factory=MemoryConfig)
    """Banks of shape codes and what they are for."""
    neighbours: NeighbourConfig = dataclasses.field(default_factory=NeighbourConfig)
    """Photographs of like objects that the mesh must explain as well."""

    def __post_init__(self) -> None:
        if self.texture_size < 2 or self.texture_size & (self.texture_size - 1):
            raise ValueError(
                f"texture_size {self.texture_size} is not a power of two; use 32 or 64"
            )
        for name in ("shape", "texture"):
            last, size = getattr(self, f"{name}_milestones")[-1][1], getattr(self, f"{name}_code")
            if last != size:
                raise ValueError(
                    f"{name}_milestones end at {last} open entries of {size}; "
                    f"end them at {name}_code"
                )

    @property
    def keeps_banks(self) -> bool:
        """Whether shape codes are recorded: compensation and the neighbour filter read them."""
        return self.memory.compensation or self.neighbours.source == "filtered"

    @classmethod
    def compact(cls) -> Self:
        """A network that learns in minutes on two cores: one narrow encoder, small codes."""
        return cls(
            shared_encoder=True,
            encoder_widths=(16, 32, 64, 128),
            encoder_blocks=1,
            shape_code=32,
            texture_code=64,
            shape_milestones=((0, 32),),
            texture_milestones=((0, 64),),
            field_units=128,
            texture_size=32,
            texture_min_channels=16,
        )

    @classmethod
    def paper(cls) -> Self:
        """M-SRN as printed, for ShapeNet; what the paper leaves open is as Unicorn has it."""
        literal = MemoryConfig(
            compensation=True, categories=13, update="ema", first_visit="ema", noise_counts=True
        )
        neighbours = NeighbourConfig(source="filtered")
        return dataclasses.replace(cls.shapenet(), memory=literal, neighbours=neighbours)

    @classmethod
    def recommended(cls) -> Self:
        """The paper's network with banks that keep codes apart, used while the first pass lasts."""
        memory = MemoryConfig(compensation=True, categories=13, purify_at=(12_000,))
        return dataclasses.replace(cls.paper(), memory=memory, seam_fix=True)

    @classmethod
    def shapenet(cls) -> Self:
        """Full size with the paper's ellipsoid and cameras, for parity."""
        return cls(semi_axes=(0.4, 0.28, 0.28), seam_fix=False, pose=PoseConfig.shapenet())


def template(config: MsrnConfig) -> Template:
    """The mesh that `Msrn` deforms."""
    return ellipsoid(config.icosphere_level, config.semi_axes, config.seam_fix)


@flax.struct.dataclass
class MsrnOutput:
    """What one photograph gives."""

    vertices: jax.Array
    """Deformed and scaled template, world frame, [b, v, 3]."""
    texture: jax.Array
    """RGB in [0, 1], [b, t, t, 3]."""
    cam_from_world: jax.Array
    """Camera candidates, [b, k, 4, 4]."""
    pose_logits: jax.Array
    """Unnormalised log probabilities of the candidates, [b, k]."""
    sector_azimuth: jax.Array
    """Middle of each candidate's range of azimuth, in radians, [k]."""
    pixel_from_cam: jax.Array
    """Intrinsics assumed for the photograph, in its pixels, [b, 3, 3]."""
    scale: jax.Array
    """Factor per world axis, already in `vertices`, [b, 3]."""
    shape_code: jax.Array
    """Masked shape code before compensation, [b, q]; what a memory bank stores."""
    texture_code: jax.Array
    """Masked texture code, [b, q]."""


class Msrn(nn.Module):
    """Encoders, codes and decoders of single-view reconstruction."""

    config: MsrnConfig

    @nn.compact
    @typechecked
    def __call__(
        self,
        image: Float[Array, "b s s 3"],
        *,
        shape_size: Int[Array, ""] | int | None = None,
        texture_size: Int[Array, ""] | int | None = None,
        train: bool,
    ) -> MsrnOutput:
        """Reconstructs a batch of photographs.

        Args:
            image: The object over the background of training, in [0, 1].
            shape_size: Open entries of the shape code; None opens all. Below that the per-axis
                scale is held at 1 as well: it would otherwise do the work of the first entries.
            texture_size: Open entries of the texture code; None opens all.
            train: Normalise by the batch, over all replicas of the axis "batch".
        """
        config = self.config
        shape_size = jnp.asarray(config.shape_code if shape_size is None else shape_size)
        texture_size = jnp.asarray(config.texture_code if texture_size is None else texture_size)
        for_shape, for_texture, for_pose = self._encode(image, train=train)

        shape_code = mask_code(Mlp(config.shape_code, name="shape_code")(for_shape), shape_size)
        field = DeformationField(config.field_units, name="deformation")
        still = template(config).vertices
        deformed = field(still, self._compensated(shape_code, shape_size))
        deformed = jnp.where(shape_size > 0, deformed, still[None])
        scale = AxisScale(SCALE_RANGE, name="scale")(
            for_shape, active=shape_size >= config.shape_code
        )

        texture_code = Mlp(config.texture_code, name="texture_code")(for_texture)
        texture_code = mask_code(texture_code, texture_size)
        decoder = TextureDecoder(config.texture_size, config.texture_min_channels, name="texture")
        poses = PoseHead(config.pose, name="pose")(for_pose)
        return MsrnOutput(
            vertices=deformed * scale[:, None],
            texture=decoder(texture_code),
            cam_from_world=poses.cam_from_world,
            pose_logits=poses.logits,
            sector_azimuth=poses.sector_azimuth,
            pixel_from_cam=assumed_intrinsics(config.pose, image),
            scale=scale,
            shape_code=shape_code,
            texture_code=texture_code,
        )

    def _encode(self, image: Array, *, train: bool) -> list[Array]:
        """Features for shape, texture and pose, each [b, d]."""

        def encode(name: str) -> Array:
            config = self.config
            trunk = ResNet(config.encoder_widths, config.encoder_blocks, name=name)
            return trunk(image, train=train)

        if self.config.shared_encoder:
            return [encode("encoder")] * 3
        return [encode(f"{subject}_encoder") for subject in ("shape", "texture", "pose")]

    def _compensated(self, shape_code: Array, shape_size: Array) -> Array:
        """The shape code as the decoder gets it; the trainer updates the memory it leans on."""
        config = self.config.memory
        if not self.config.keeps_banks:
            return shape_code
        memory = self.variable(
            "memory",
            "shape",
            lambda: fresh_memory(self.make_rng("params"), config, self.config.shape_code),
        ).value
        if not config.compensation:
            return shape_code
        fuse = Compensation(config, name="compensation")
        return fuse(shape_code, memory.prototypes, shape_size, active=memory.compensates)


@typechecked
def likeliest_camera(output: MsrnOutput) -> Float[Array, "b 4 4"]:
    """cam_from_world of the candidate with the highest probability."""
    best = jnp.argmax(output.pose_logits, axis=-1)
    return jnp.take_along_axis(output.cam_from_world, best[:, None, None, None], axis=1)[:, 0]


@typechecked
def assumed_intrinsics(pose: PoseConfig, image: Float[Array, "b s s 3"]) -> Float[Array, "b 3 3"]:
    """pixel_from_cam of the camera that the pose head has in mind."""
    side = image.shape[1]
    matrix = cameras.intrinsics(pose.focal_widths * side, side, side)
    return jnp.broadcast_to(matrix, (image.shape[0], 3, 3))


def abstract_variables(config: MsrnConfig, side: int) -> Any:
    """Names, shapes and types of the network's arrays for inputs of `side` pixels."""
    network = Msrn(config)
    image = jax.ShapeDtypeStruct((1, side, side, 3), np.float32)
    return jax.eval_shape(
        lambda rng, image: network.init(rng, image, train=False), jax.random.key(0), image
    )
