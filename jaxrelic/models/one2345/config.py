"""Settings of the network: what the released weights need, and what we would rather have."""

import dataclasses
from typing import Literal, Self

from jaxrelic.config_json import FORMERLY

NormKind = Literal["batch", "group"]
CubeKind = Literal["frusta", "object"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class One2345Config:
    """Sizes and departures from the original; the defaults are those of `modern`.

    Numbers in brackets are rows of a table of defects (specification one2345 G).
    """

    volume_size: int = 96
    """Voxels per side of the cube [-1, 1]^3."""
    hidden: int = 128
    """Width of the signed distance network."""
    frequencies: int = 6
    """Octaves of the positional encoding."""
    coarse_samples: int = 64
    """Evenly spaced samples per ray."""
    fine_samples: int = 64
    """Samples per ray placed where the surface seems to be."""
    fine_rounds: int = 4
    """Rounds in which they are placed."""
    min_ray_samples: int = 8
    """Number of samples seen by two views above which a ray counts."""
    norm: NormKind = "group"
    """Statistics of one view and eight channels ("group"), or of all views of the scene and one
    channel ("batch"), for training and inference alike [1]."""
    target_in_statistics: bool = False
    """Let the image to be predicted take part in the pyramid's statistics; with "batch" only."""
    cube: CubeKind = "object"
    """Content of the cube: the object, or everything that any camera sees [2]."""
    masked_aggregation: bool = True
    """Only views that see a voxel contribute to it; else points behind a camera leak in [3]."""
    pixel_centre: float = dataclasses.field(default=0.5, metadata={FORMERLY: "pixel_center"})
    """Place of a pixel's centre, in pixels from its corner; 0 for the original's rays and lookups
    [5]."""
    aligned_mask: bool = True
    """Look the mask of a point up in the voxel nearest to it; else in a grid half a voxel off
    [6]."""
    bounded_below: bool = False
    """Drop coarse sites below the first active voxel per axis, as torchsparse does."""
    visible_minimum: bool = True
    """Blend weights are counted from the least of the views that see the point, not of all."""
    ray_limits: Literal["cube", "sphere"] = "cube"
    """Sample a ray inside the cube, or between planes about the unit sphere (near at least 0.019)
    [14]."""
    smooth_volume: bool = True
    """Average neighbouring voxels of the geometry volume, 1-2-1 along each axis: the transposed
    convolutions that make it leave a pattern of every second voxel, which surfaces show."""
    start_log_sharpness: float = 0.35
    """A tenth of the logarithm of the inverse width of the surface, in cube units, at the start."""
    blend_dtype: Literal["float32", "bfloat16"] = "float32"
    """Arithmetic of the colour network; bfloat16 halves its memory."""

    def __post_init__(self) -> None:
        if self.fine_samples % self.fine_rounds:
            raise ValueError(
                f"fine_samples {self.fine_samples} is no multiple of fine_rounds "
                f"{self.fine_rounds}; set fine_samples"
            )
        if self.target_in_statistics and self.norm != "batch":
            raise ValueError("target_in_statistics needs statistics of all views; set norm 'batch'")

    @classmethod
    def modern(cls) -> Self:
        """Settings for new training."""
        return cls()

    @classmethod
    def compat(cls) -> Self:
        """What the released weights were trained with, digit by digit."""
        return cls(
            norm="batch",
            target_in_statistics=True,
            cube="frusta",
            masked_aggregation=False,
            pixel_centre=0.0,
            aligned_mask=False,
            bounded_below=True,
            visible_minimum=False,
            ray_limits="sphere",
            smooth_volume=False,
            start_log_sharpness=0.2,
        )
