"""Find the object in photographs and write its masks as PNG files."""

import dataclasses
import logging
import pathlib
from typing import Annotated, Any

import numpy as np
import tyro

from jaxrelic.data import picture_files
from jaxrelic.photos.masks.refinement import RefineSettings

logger = logging.getLogger(__name__)

TILE_PX = 160
"""Side of a picture in the sheet."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SegmentArguments:
    """The photographs, the models that find the object, and where the masks go."""

    photos: tyro.conf.Positional[tuple[pathlib.Path, ...]]
    """Photographs, or folders of photographs."""
    output: Annotated[pathlib.Path, tyro.conf.arg(aliases=["-o"])]
    """Folder for the masks: NAME.png of the photograph's size, white on the object."""
    onnx: pathlib.Path | None = None
    """ONNX file with U2-Net's interface, such as `u2net.onnx` of rembg. By default a transparent
    background is the mask, or U2-Net-p, which travels with the install, finds the object."""
    foreground: pathlib.Path | None = None
    """Folder of a foreground run, which removes false positives from the masks."""
    category: int | None = None
    """Category of the objects for the foreground run, counted in its training data from 0. By
    default the one that scores best."""
    refine: RefineSettings = dataclasses.field(default_factory=RefineSettings)
    """How masks and foregrounds are joined."""
    sheet: pathlib.Path | None = None
    """PNG to write with every photograph beside its masks."""


def run(args: SegmentArguments) -> int:
    """Writes a mask per photograph; a photograph that cannot be read does not stop the others."""
    from jaxrelic.errors import UserError
    from jaxrelic.photos import photo
    from jaxrelic.saved import mask_finders
    from jaxrelic.viz import grids

    photos = _photographs(args.photos, args.output)
    finder = mask_finders.open_mask_finder(args.onnx, args.foreground, args.refine, args.category)
    args.output.mkdir(parents=True, exist_ok=True)
    tiles, failed = [], 0
    for path in photos:
        try:
            picture = photo.read_picture(path).upright()
            rgb, alpha = picture.rgb, picture.alpha
        except UserError as error:
            failed += 1
            logger.error("%s", error)
            continue
        known = alpha if args.onnx is None and photo.shows_object(alpha) else None
        explained = finder.explain(rgb, known)
        mask = explained.refined.mask
        target = args.output / f"{path.stem}.png"
        grids.write_bytes(target, grids.png_bytes(mask))
        print(f"{target}: {_summary(explained)}")
        if args.sheet is not None:
            tiles += _tiles(rgb, explained)
    if tiles:
        columns = len(tiles) // (len(photos) - failed)
        grids.write_bytes(args.sheet, grids.png_bytes(grids.grid(tiles, columns)))
        print(args.sheet)
    if failed:
        raise UserError(f"{failed} of {len(photos)} photographs cannot be read; see above")
    return 0


def _photographs(paths: tuple[pathlib.Path, ...], output: pathlib.Path) -> list[pathlib.Path]:
    """The files that are meant; masks must overwrite neither them nor one another."""
    from jaxrelic.errors import UserError

    photos = []
    for path in paths:
        inside = sorted(path.iterdir()) if path.is_dir() else [path]
        photos += [each for each in inside if path == each or picture_files.is_picture(each)]
    if not photos:
        raise UserError(f"no photographs in {', '.join(map(str, paths)) or 'nothing'}; give some")
    first = {}
    for path in photos:
        if first.setdefault(path.stem, path) != path:
            raise UserError(
                f"{first[path.stem]} and {path} would both become {path.stem}.png; rename one, or "
                "segment them into two folders"
            )
    originals = {path.resolve() for path in photos}
    for stem, path in first.items():
        if (output / f"{stem}.png").resolve() in originals:
            raise UserError(f"the mask would replace {path}; choose another folder with -o")
    return photos


def _summary(explained: Any) -> str:
    """How much of the photograph the object covers, before and after refinement."""
    before, after = (np.mean(mask >= 0.5) for mask in (explained.coarse, explained.refined.mask))
    if explained.activation is None:
        return f"covers {after:.1%}"
    if explained.refined.fell_back:
        return f"covers {after:.1%}; too little was left of it, so it is not refined"
    return f"covers {after:.1%}, {before:.1%} before refinement"


def _tiles(rgb: np.ndarray, explained: Any) -> list[np.ndarray]:
    """The photograph, each mask, and the object over white, as squares of one size."""
    from jaxrelic.viz import grids

    mask = explained.refined.mask[..., None]
    masks = [explained.coarse, explained.activation, explained.refined.mask]
    shown = [rgb, *(each for each in masks if each is not None), rgb * mask + 1 - mask]
    if explained.activation is None:
        del shown[1]  # The coarse mask is the mask.
    return [grids.fitted(each, TILE_PX) for each in shown]
