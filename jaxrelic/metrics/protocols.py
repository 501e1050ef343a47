"""Named ways to compare a predicted surface with the true one.

A Chamfer distance means nothing without its alignment and unit (docs/style.md), so every figure is
a row that carries the name of the protocol that made it. `scoring` carries them out.
"""

import dataclasses
from collections.abc import Iterable
from typing import Literal

from jaxrelic.errors import UserError

ALL = "all"
"""Stands for every protocol where names are given."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Protocol:
    """What happens to two surfaces before their distance is taken, and which distance that is."""

    name: str
    """How rows refer to it."""
    frame: Literal["world", "camera"] = "world"
    """Where both are compared; `camera` is that of the input, as predicted and as it was."""
    normalisation: Literal["none", "unit_cube", "true_unit_cube", "image_extent"] = "none"
    """unit_cube: each by its own box, to [-0.5, 0.5]^3. true_unit_cube: both by the true box.
    image_extent: each by its mean and the larger of its x and y extents."""
    alignment: Literal[
        "none",
        "rigid_icp",
        "similarity_icp",
        "gradient_icp",
        "gradient_icp_isotropic",
        "gradient_icp_upstream_alias",
        "rotation_search",
        "averaged_boxes",
    ] = "none"
    """How the prediction is then moved onto the truth."""
    distance: Literal["unsquared", "squared_sum", "squared_mean"] = "unsquared"
    """What CD is made of."""
    voxels: bool = False
    """Solids are compared too."""
    unit: str
    """Unit of Chamfer distances and F-score thresholds, in words."""


_WORLD = "world units, longest side at most 0.8"
_CUBE = "CD = 100 x mean unsquared distance; true box fitted to the unit cube"
_IMAGE = "CD = 100 x mean unsquared distance; wider of image width and height is 1"
_ICP_CUBE = {"normalisation": "true_unit_cube", "alignment": "rigid_icp"}

PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        Protocol(name="unicorn", normalisation="unit_cube", alignment="gradient_icp", unit=_CUBE),
        Protocol(
            name="unicorn_isotropic",
            normalisation="unit_cube",
            alignment="gradient_icp_isotropic",
            unit=_CUBE,
        ),
        Protocol(
            name="unicorn_upstream",
            normalisation="unit_cube",
            alignment="gradient_icp_upstream_alias",
            unit=_CUBE,
        ),
        Protocol(name="p3d_icp", normalisation="unit_cube", alignment="similarity_icp", unit=_CUBE),
        Protocol(
            name="p3d_icp_rigid", normalisation="unit_cube", alignment="rigid_icp", unit=_CUBE
        ),
        Protocol(name="sdf-srn", **_ICP_CUBE, unit=_CUBE),
        Protocol(
            name="zeroshape",
            frame="camera",
            normalisation="image_extent",
            alignment="rotation_search",
            unit=_IMAGE,
        ),
        Protocol(name="view_centric", frame="camera", normalisation="image_extent", unit=_IMAGE),
        Protocol(
            name="ucmr",
            alignment="averaged_boxes",
            voxels=True,
            unit="CD = 100 x mean unsquared distance; " + _WORLD + "; 3D IoU on 32^3 voxels",
        ),
        Protocol(
            name="eq46",
            **_ICP_CUBE,
            distance="squared_sum",
            unit="CD = sum of squared distances (M-SRN eq. 46); true box fitted to the unit cube",
        ),
        Protocol(
            name="eq46_mean",
            **_ICP_CUBE,
            distance="squared_mean",
            unit="CD = sum of both mean squared distances; true box fitted to the unit cube",
        ),
        Protocol(
            name="rigid_icp",
            alignment="rigid_icp",
            unit="CD = 100 x mean unsquared distance; " + _WORLD,
        ),
        Protocol(name="none", unit="CD = 100 x mean unsquared distance; " + _WORLD),
    )
}


def named(names: Iterable[str]) -> list[Protocol]:
    """Protocols by name, each once, in the order given.

    Args:
        names: Names, or several joined by commas; `all` stands for every protocol.
    """
    chosen = [part.strip() for name in names for part in name.split(",")]
    chosen = list(PROTOCOLS) if ALL in chosen else list(dict.fromkeys(chosen))
    for name in chosen:
        if name not in PROTOCOLS:
            raise UserError(f"no protocol {name!r}; choose one of {', '.join(PROTOCOLS)}, or {ALL}")
    return [PROTOCOLS[name] for name in chosen]
