"""Which published layout a folder has."""

import pathlib

from jaxrelic.data.archives.archive import Archive
from jaxrelic.data.archives.pascal3d import Pascal3d
from jaxrelic.data.archives.pascal3d_cars import Pascal3dCars
from jaxrelic.data.archives.pix3d import Pix3d, Pix3dProcessed
from jaxrelic.data.archives.shapenet_dvr import ShapeNetDvr
from jaxrelic.data.archives.shapenet_softras import ShapeNetSoftras
from jaxrelic.errors import UserError

LAYOUTS = {
    kind.layout: kind
    for kind in (ShapeNetDvr, ShapeNetSoftras, Pix3d, Pix3dProcessed, Pascal3d, Pascal3dCars)
}


def open_archive(path: pathlib.Path, layout: str | None = None) -> Archive:
    """Opens the archive at `path`, or in the one folder below it that has a known layout.

    Args:
        path: Where it is.
        layout: Its layout, if that is known; otherwise it is found out.
    """
    if not path.is_dir():
        raise UserError(f"{path}: no such directory; give the folder of an unpacked archive")
    kinds = LAYOUTS if layout is None else {layout: LAYOUTS[layout]}
    here = [kind(path) for kind in kinds.values() if kind.recognises(path)]
    below = [
        kind(folder)
        for folder in sorted(path.iterdir())
        if folder.is_dir()
        for kind in kinds.values()
        if kind.recognises(folder)
    ]
    found = here or below
    if not found:
        raise UserError(
            f"{path} has no layout that is known ({', '.join(kinds)}); give the folder of an "
            "unpacked archive"
        )
    if len(found) > 1:
        names = ", ".join(f"{each.layout} at {each.root}" for each in found)
        raise UserError(f"{path} may be read as {names}; give the folder of one, or its layout")
    return found[0]
