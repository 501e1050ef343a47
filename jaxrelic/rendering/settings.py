"""What a soft rasterization is asked for and what it returns."""

import dataclasses
import functools
import math
from collections.abc import Mapping
from typing import Any, ClassVar

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np

SIGMA_PX = 0.25
"""Softness of the edges by default, in pixels: the square root of sigma."""

SHARPEST_PX = 1e-3
"""Sharper edges than this have gradients that overflow, and no pixel tells them apart."""

SOFT_PX = 1.0
"""Softness from which a silhouette is larger than its outline by more than a pixel."""


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=["sigma"],
    meta_fields=["gamma", "dist_eps", "near", "far", "bary_grad"],
)
@dataclasses.dataclass(frozen=True, kw_only=True)
class RasterSettings:
    """Constants of Soft Rasterizer (Liu et al., arXiv:1904.01786).

    Lengths are in NDC, whose longer image side spans [-1, 1]; a pixel of a 64 px image is 1/32.
    Sigma may be a traced scalar, so that a compiled training step can anneal it.

    Example:
        >>> [float(RasterSettings().sigma_at(size)) * size**2 for size in (64, 1024)]
        [0.25, 0.25]
    """

    RETIRED: ClassVar[Mapping[str, Any]] = {"background_eps": 1e-3}

    sigma: float | None = None
    """Edge softness, in squared NDC units: coverage is sigmoid(+-distance^2 / sigma). None is the
    square of a quarter of a pixel, at which an outline keeps its place at every size; the paper has
    1e-4, the square of a third of a pixel at 64 px and of five pixels at 1024 px."""
    gamma: float = 1e-4
    """Depth softness: a face `gamma * (far - near)` farther away weighs e times less."""
    dist_eps: float = 1e-4
    """Coverage below which a face is ignored at a pixel outside it, in (0, 0.5)."""
    near: float = 0.1
    """Fragments nearer than this get no colour or depth, in world units."""
    far: float = 100.0
    """Fragments farther than this get no colour or depth, in world units."""
    bary_grad: bool = False
    """Differentiate colour and depth through the barycentric weights too. The released kernel
    holds them constant (False), which keeps gradients small where sigma is."""

    def sigma_at(self, height: int, width: int | None = None) -> Any:
        """Sigma for a picture of this size, in squared NDC; 0 is as sharp as stays finite."""
        longer = max(height, width or height)
        pixel = 2 / longer
        if self.sigma is None:
            return (SIGMA_PX * pixel) ** 2
        sharpest = (SHARPEST_PX * pixel) ** 2
        if isinstance(self.sigma, jax.core.Tracer):
            return jnp.maximum(self.sigma, sharpest)
        # A constant stays one: the fast path sizes its work by it.
        if not np.all(np.asarray(self.sigma) >= 0):
            raise ValueError(f"sigma is {self.sigma}; it is a squared length, 0 or more")
        return np.maximum(self.sigma, sharpest)

    @property
    def cutoff(self) -> float:
        """Squared distance beyond which a face no longer covers a pixel outside it."""
        return self.cutoff_per_sigma * self.sigma

    @property
    def cutoff_per_sigma(self) -> float:
        """The cut-off as the distance at which a pixel outside has coverage `dist_eps`."""
        return math.log(1.0 / self.dist_eps - 1.0)


@flax.struct.dataclass
class SoftImage:
    """A rendered image; every field carries the batch axes of the faces."""

    rgb: jax.Array
    """Colour, [*b, h, w, 3]."""
    alpha: jax.Array
    """Probability that some face covers the pixel, [*b, h, w]."""
    depth: jax.Array
    """Mean depth of the faces at a pixel under the colour weights, [*b, h, w]; 0 = no face."""
    dropped: jax.Array
    """Faces left out for lack of room, summed over pixels, [*b] int32: `layered_rasterize` keeps a
    bounded number at a pixel; the paths of `soft_rasterize` keep all, which is 0."""
