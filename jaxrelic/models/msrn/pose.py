"""From image features to camera candidates with probabilities (specification msrn A.6).

A single regressed pose trained without labels stays in bad minima; several candidates, each bound
to its own sector of azimuth, together see the object from all sides.
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
from jaxrelic.nn.mlp import Mlp
from jaxrelic.typing import Array, Float, typechecked


@dataclasses.dataclass(frozen=True, kw_only=True)
class PoseConfig:
    """The cameras that the pose head can express; the defaults cover the relic renders.

    Angles follow `geometry.cameras.orbit`: azimuth counter-clockwise about world z from the x axis.
    """

    RETIRED: ClassVar[Mapping[str, Any]] = {"translation_start": 0}

    candidates: int = 6
    """Sectors of azimuth, each with one camera."""
    alternate: bool = True
    """Alternation of camera and mesh in learning, with latent cameras; off, with one candidate, is
    the plain regression that the paper prints."""
    azimuth_offset_deg: float = 0.0
    """Middle of the first sector, in degrees."""
    elevation_deg: float = 15.0
    """Middle elevation, in degrees above the horizon."""
    elevation_range_deg: float = 45.0
    """How far elevation may leave its middle, in degrees."""
    roll_range_deg: float = 0.0
    """How far the camera may tilt either way, in degrees."""
    distance: float = 1.2
    """Distance from the camera to the world origin along the optical axis, in world units."""
    translation_range: tuple[float, float, float] = (0.2, 0.2, 0.0)
    """How far the origin may leave (0, 0, distance) in the camera frame, in world units."""
    focal_widths: float = 280 / 256
    """Focal length in image widths."""

    @classmethod
    def shapenet(cls) -> Self:
        """The cameras of the ShapeNet renders that the paper trains on (specification msrn A.7).

        Their azimuth 0 looks at the object from our +y, hence the offset.
        """
        return cls(
            azimuth_offset_deg=90.0,
            elevation_deg=30.0,
            elevation_range_deg=0.0,
            distance=2.732,
            focal_widths=3.732050895690918 / 2,
        )

    @classmethod
    def real_images(cls) -> Self:
        """Cameras of hand-held photographs, at Unicorn's ranges (specification msrn A.6)."""
        return dataclasses.replace(
            cls.shapenet(),
            elevation_deg=10.0,
            elevation_range_deg=0.52 * 40,
            roll_range_deg=0.52 * 60,
            translation_range=(0.3, 0.3, 0.3),
        )


@flax.struct.dataclass
class PoseCandidates:
    """Cameras that may have taken the photograph."""

    cam_from_world: jax.Array
    """[b, k, 4, 4]."""
    logits: jax.Array
    """Unnormalised log probabilities, [b, k]."""
    sector_azimuth: jax.Array
    """Middle of each candidate's sector, in radians, [k]."""


class PoseHead(nn.Module):
    """One rotation and one translation network per candidate, and one for the probabilities."""

    config: PoseConfig

    @nn.compact
    @typechecked
    def __call__(self, features: Float[Array, "b d"]) -> PoseCandidates:
        k = self.config.candidates
        angles = per_candidate(k, "rotation")(features)
        shift = per_candidate(k, "translation")(features)
        logits = Mlp(k, zero_last=False, name="probability")(features)
        cam_from_world = candidate_cameras(self.config, jnp.tanh(angles), jnp.tanh(shift))
        middle = jnp.asarray(sector_azimuth(self.config))
        return PoseCandidates(jnp.swapaxes(cam_from_world, 0, 1), logits, middle)


def per_candidate(candidates: int, name: str) -> nn.Module:
    """Independent networks [b, d] -> [k, b, 3], their parameters stacked along the first axis."""
    stacked = nn.vmap(
        Mlp,
        in_axes=None,
        out_axes=0,
        axis_size=candidates,
        variable_axes={"params": 0},
        split_rngs={"params": True},
    )
    return stacked(3, name=name)


def sector_azimuth(config: PoseConfig) -> np.ndarray:
    """Middle of each sector, in radians, [k] float32."""
    turns = np.arange(config.candidates) / config.candidates
    return np.float32(np.deg2rad(config.azimuth_offset_deg + 360 * turns))


@typechecked
def candidate_cameras(
    config: PoseConfig, angles: Float[Array, "k b 3"], shift: Float[Array, "k b 3"]
) -> Float[Array, "k b 4 4"]:
    """cam_from_world from network outputs in [-1, 1].

    Args:
        config: Centres and ranges.
        angles: Elevation, azimuth and roll, in Unicorn's order of outputs.
        shift: Along the camera's x, y and z.
    """
    # Neighbouring sectors overlap by a little, so that no azimuth lies on a border.
    sector = 360 / config.candidates * (0.52 if config.candidates > 1 else 0.5)
    elevation, azimuth, roll = jnp.moveaxis(angles, -1, 0)
    origin = jnp.asarray([0.0, 0.0, config.distance])
    reach = jnp.asarray(config.translation_range)
    return cameras.orbit(
        jnp.asarray(sector_azimuth(config))[:, None] + np.deg2rad(sector) * azimuth,
        np.deg2rad(config.elevation_deg) + np.deg2rad(config.elevation_range_deg) * elevation,
        np.deg2rad(config.roll_range_deg) * roll,
        origin[None, None] + reach[None, None] * shift,
    )
