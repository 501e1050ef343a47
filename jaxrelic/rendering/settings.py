"""What a soft rasterization is asked for and what it returns."""

import dataclasses
import functools
import math
from collections.abc import Mapping
from typing import Any, ClassVar

import flax.struct
import jax


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
    """

    RETIRED: ClassVar[Mapping[str, Any]] = {"background_eps": 1e-3}

    sigma: float = 1e-4
    """Edge softness, in squared NDC units: coverage is sigmoid(+-distance^2 / sigma)."""
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
