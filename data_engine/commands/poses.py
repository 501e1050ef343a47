"""`data-engine poses`: a set of cameras by rule, written as a pose file."""

import dataclasses
import pathlib
from typing import Annotated

import tyro

from data_engine.errors import UserError
from data_engine.rendering import poses as pose_rules
from data_engine.rendering.pose_files import MAX_SIZE_PX, write_poses


@dataclasses.dataclass(frozen=True, kw_only=True)
class Poses:
    """Write a set of cameras as a pose file, for `data-engine render --poses FILE`."""

    kind: tyro.conf.Positional[str]
    """Set of cameras: one2345 (40 views), one2345_eval (24), ring:N@ELEVATION, sphere:N,
    random:N@SEED, shell:N@SEED (radius 1.5 to 2.2), zero123:ELEVATION (40), or a pose file to
    rewrite."""
    output: Annotated[pathlib.Path, tyro.conf.arg(aliases=["-o"])]
    """File to write (schema jaxrelic.poses/1)."""
    size: int = 256
    """Width and height of a view, in pixels."""
    radius: float | None = None
    """Distance of every camera from the origin, in world units; none: as the kind has it."""
    fx: float | None = None
    """Focal length in pixels of a view of `size`; none: 280 px at 256 px, or the file's."""
    fy: float | None = None
    """Vertical focal length, in pixels; none: the same as fx."""


def run(args: Poses) -> None:
    """Writes the file and says what it holds."""
    if not 8 <= args.size <= MAX_SIZE_PX:
        raise UserError(f"size = {args.size} is not in 8..{MAX_SIZE_PX}")
    for name in ("radius", "fx", "fy"):
        value = getattr(args, name)
        if value is not None and not 0 < value < 1e6:
            raise UserError(f"{name} = {value} must be positive")
    poses = pose_rules.load_poses(args.kind).scaled(args.size)
    if args.radius is not None:
        poses = poses.at_radius(args.radius)
    if args.fx is not None or args.fy is not None:
        k = poses.pixel_from_cam
        fx = args.fx or float(k[0, 0])
        poses = poses.with_focal(fx, args.fy or (fx if args.fx else float(k[1, 1])))
    args.output.parent.mkdir(parents=True, exist_ok=True)
    write_poses(args.output, poses)
    print(f"{args.output}: {len(poses)} views of {poses.size} x {poses.size} px")
