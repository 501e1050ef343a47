"""Turn one photograph into a textured GLB, and pictures of it."""

import dataclasses
import logging
import pathlib
from typing import Annotated

import tyro

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReconstructArguments:
    """The photograph, the model, and where the results go."""

    photo: tyro.conf.Positional[pathlib.Path]
    """Picture of one object (PNG, JPEG, WebP, TIFF or BMP; at least 16 px a side)."""
    model: pathlib.Path
    """Export, or folder of a run."""
    output: Annotated[pathlib.Path, tyro.conf.arg(aliases=["-o"])]
    """GLB file to write."""
    mask: pathlib.Path | None = None
    """Picture of the photograph's size, white on the object. By default the photograph's
    transparency is used, or the object is found automatically."""
    segment_onnx: pathlib.Path | None = None
    """ONNX file that finds the object if nobody has: `u2net.onnx` or another of its interface."""
    foreground: pathlib.Path | None = None
    """Folder of a foreground run, which cleans the mask that was found."""
    icosphere_level: int | None = None
    """Subdivisions of the mesh, 1 to 5; the field that deforms it is continuous, so it may be finer
    than in training. By default as in training."""
    previews: pathlib.Path | None = None
    """Folder for PNGs (input, mask, render, depth) and a turntable GIF."""


def run(args: ReconstructArguments) -> int:
    """Writes the GLB and, if asked for, previews."""
    from jaxrelic.cli import models
    from jaxrelic.errors import UserError
    from jaxrelic.inference import mesh, photo, previews

    if args.output.suffix.lower() != ".glb":
        raise UserError(f"{args.output} is no .glb file; name the output with -o NAME.glb")
    # The photograph first: a bad one should not cost the time to load a model.
    finder = models.open_mask_finder(args.segment_onnx, args.foreground)
    picture = photo.read_photo(args.photo, args.mask, find=finder.find)
    reconstruction = models.open_model(args.model, args.icosphere_level).reconstruct(picture)
    mesh.write_glb(reconstruction.mesh, args.output)
    print(args.output)
    if args.previews is not None:
        previews.write(
            reconstruction, args.previews, photo_name=args.photo.name, glb_name=args.output.name
        )
        print(args.previews)
    return 0
