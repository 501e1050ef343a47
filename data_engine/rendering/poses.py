"""Camera poses by rule: the sets that have a name, and how a request becomes a `PoseSet`."""

import pathlib
import re
from collections.abc import Callable, Sequence

import numpy as np

from data_engine.errors import UserError
from data_engine.rendering.pose_files import read_poses, write_poses
from data_engine.rendering.pose_set import (
    FOCAL_PX,
    RADIUS,
    SIZE_PX,
    PoseSet,
    camera_conventions,
    depth_bounds,
    orbit_pose,
)

__all__ = ["RADIUS", "PoseSet", "load_poses", "orbit_pose", "read_poses", "write_poses"]

KINDS = (
    "one2345, one2345_eval, ring:N@ELEVATION, sphere:N, random:N@SEED, shell:N@SEED, "
    "zero123:ELEVATION (N from 1, angles in degrees)"
)
SPHERE_ELEVATIONS_DEG = (-10.0, 50.0)
"""Band of `sphere:N`: photographs of relics are taken from eye level and above."""
SHELL_RADII = (1.5, 2.2)
"""Distances between which Zero123's training renders were taken."""
STEEPEST_POLAR_DEG = 75.0
"""Up to this polar angle of the photograph, One-2-3-45 puts its second ring 30 degrees lower."""

ONE2345_ANCHORS_DEG = (
    *((30.0, azimuth) for azimuth in (300.0, 30.0, 120.0, 210.0)),
    *((0.0, azimuth) for azimuth in (330.0, 60.0, 150.0, 240.0)),
)
"""(elevation, azimuth) of view_0 .. view_7."""
ONE2345_OFFSETS_DEG = ((10.0, 0.0), (-10.0, 0.0), (0.0, -10.0), (0.0, 10.0))
"""(elevation, azimuth) steps from an anchor to its four neighbours."""


def one2345() -> PoseSet:
    """The 40 training cameras of One-2-3-45: 8 anchors, then 4 neighbours of each."""
    return with_neighbours(ONE2345_ANCHORS_DEG)


def zero123(elevation_deg: float) -> PoseSet:
    """The 40 views One-2-3-45 has Zero123 predict from a photograph of that elevation.

    One ring at the photograph's elevation and one 30 degrees lower, or higher when the photograph
    is taken from below 15 degrees; at 30 degrees these are the training cameras.
    """
    polar = 90.0 - elevation_deg
    second = elevation_deg + (-30.0 if polar <= STEEPEST_POLAR_DEG else 30.0)
    elevations = (*[elevation_deg] * 4, *[second] * 4)
    azimuths = [azimuth for _, azimuth in ONE2345_ANCHORS_DEG]
    return with_neighbours(list(zip(elevations, azimuths, strict=True)))


def with_neighbours(anchors_deg: Sequence[tuple[float, float]]) -> PoseSet:
    """Anchors at (elevation, azimuth), then the four neighbours of each, 10 degrees away."""
    anchors = list(enumerate(anchors_deg))
    views = [(f"view_{i}", e, a, i, -1) for i, (e, a) in anchors] + [
        (f"view_{i}_{j}_10", e + de, a + da, i, j)
        for i, (e, a) in anchors
        for j, (de, da) in enumerate(ONE2345_OFFSETS_DEG)
    ]
    names, elevations, azimuths, anchor, neighbour = zip(*views, strict=True)
    return _generated(names, elevations, azimuths, anchor, neighbour)


def one2345_evaluation() -> PoseSet:
    """The 24 views One-2-3-45 evaluates with: every 30 degrees at elevation 30, then at 0."""
    azimuths = np.tile(np.arange(0.0, 360.0, 30.0), 2)
    return from_angles(np.repeat([30.0, 0.0], 12), azimuths)


def ring(num_views: int, elevation_deg: float) -> PoseSet:
    """A turntable: views at one elevation and equal steps of azimuth."""
    return from_angles([elevation_deg] * num_views, 360.0 * np.arange(num_views) / num_views)


def sphere(num_views: int) -> PoseSet:
    """Well-spread views between -10 and 50 degrees of elevation: a Fibonacci spiral on the band.

    Equal steps of height give equal areas (Archimedes) and golden-angle steps of azimuth keep
    neighbours apart for every number of views.
    """
    low, high = np.sin(np.radians(SPHERE_ELEVATIONS_DEG))
    heights = low + (high - low) * (np.arange(num_views) + 0.5) / num_views
    golden_deg = 180.0 * (3.0 - np.sqrt(5.0))
    return from_angles(np.degrees(np.arcsin(heights)), golden_deg * np.arange(num_views) % 360.0)


def random(num_views: int, seed: int) -> PoseSet:
    """Views from directions drawn uniformly over the whole sphere."""
    heights, turns = np.random.default_rng(seed).random((2, num_views))
    return from_angles(np.degrees(np.arcsin(2 * heights - 1)), 360.0 * turns)


def shell(num_views: int, seed: int) -> PoseSet:
    """Random directions from random distances of 1.5 to 2.2, as Zero123 was trained with."""
    heights, turns, shares = np.random.default_rng(seed).random((3, num_views))
    radii = SHELL_RADII[0] + shares * (SHELL_RADII[1] - SHELL_RADII[0])
    return from_angles(np.degrees(np.arcsin(2 * heights - 1)), 360.0 * turns, radii)


def from_angles(
    elevations: Sequence[float], azimuths: Sequence[float], radii: Sequence[float] | None = None
) -> PoseSet:
    """Cameras in the given directions, in degrees, at radius 1.2 or `radii`; each is an anchor."""
    n = len(elevations)
    names = tuple(f"view_{i:03d}" for i in range(n))
    return _generated(names, elevations, azimuths, range(n), [-1] * n, radii)


def _generated(names, elevations, azimuths, anchor, neighbour, radii=None) -> PoseSet:
    radii = [RADIUS] * len(names) if radii is None else radii
    places = zip(elevations, azimuths, radii, strict=True)
    return PoseSet(
        names=tuple(names),
        world_from_cam=np.stack([orbit_pose(*place) for place in places]),
        anchor=tuple(anchor),
        neighbour=tuple(neighbour),
        pixel_from_cam=camera_conventions().intrinsics(FOCAL_PX, SIZE_PX, SIZE_PX).astype(float),
        near_far=depth_bounds(min(radii), max(radii)),
    )


_COUNT, _SEED = r"([1-9]\d{0,3})", r"(\d{1,9})"
_ANGLE = r"(-?\d{1,3}(?:\.\d{1,6})?)"
_RULES: tuple[tuple[str, Callable[..., PoseSet]], ...] = (
    ("one2345", one2345),
    ("one2345_eval", one2345_evaluation),
    (f"ring:{_COUNT}@{_ANGLE}", lambda n, elevation: ring(int(n), float(elevation))),
    (f"sphere:{_COUNT}", lambda n: sphere(int(n))),
    (f"random:{_COUNT}@{_SEED}", lambda n, seed: random(int(n), int(seed))),
    (f"shell:{_COUNT}@{_SEED}", lambda n, seed: shell(int(n), int(seed))),
    (f"zero123:{_ANGLE}", lambda elevation: zero123(float(elevation))),
)


def load_poses(spec: str) -> PoseSet:
    """Poses by name (`KINDS`), or from the file of that path.

    Example:
        >>> poses = load_poses("ring:12@20")
        >>> len(poses), poses.names[0], poses.cam_from_world().shape
        (12, 'view_000', (12, 4, 4))
    """
    for pattern, rule in _RULES:
        if match := re.fullmatch(pattern, spec):
            return rule(*match.groups())
    path = pathlib.Path(spec)
    if not path.is_file():
        raise UserError(f"poses '{spec}': no such file; write {KINDS} or the path of a pose file")
    return read_poses(path)
