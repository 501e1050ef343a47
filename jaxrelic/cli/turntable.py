"""Film a mesh turning once around its vertical axis."""

import dataclasses
import pathlib
from typing import Annotated

import tyro


@dataclasses.dataclass(frozen=True, kw_only=True)
class TurntableArguments:
    """The mesh, the film, and how long it is."""

    mesh: tyro.conf.Positional[pathlib.Path]
    """GLB file; with a texture, vertex colours or neither."""
    output: Annotated[pathlib.Path, tyro.conf.arg(aliases=["-o"])]
    """File to write: .gif, which every program shows, or .mp4, which is smaller."""
    size: int = 256
    """Side of the picture, in pixels."""
    frames: int = 48
    """Pictures in one turn."""
    seconds: float = 4.0
    """Duration of one turn."""


def run(args: TurntableArguments) -> int:
    """Writes the film; prints where."""
    from jaxrelic.mesh_files import glb_reader
    from jaxrelic.viz import turntable

    turntable.check(args.output, size=args.size, num_frames=args.frames, seconds=args.seconds)
    mesh = glb_reader.read_glb(args.mesh)
    turntable.write_turntable(
        args.output, mesh, size=args.size, num_frames=args.frames, seconds=args.seconds
    )
    print(args.output)
    return 0
