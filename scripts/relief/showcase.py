"""Photographs beside what `jaxrelic reconstruct` makes of each: README's first picture.

python scripts/relief/showcase.py photo.png other.jpg --out sheet.png
"""

import argparse
import pathlib

import numpy as np
from PIL import Image

import jaxrelic
from jaxrelic.geometry import image_crops
from jaxrelic.viz import grids, turntable

TILE_PX = 200
FRAMES = (0, 1, 2, 4, 6)
"""Eighths of a turn."""


def row(path: pathlib.Path, model) -> list[np.ndarray]:
    """The photograph on white, and the mesh from the front, the sides and behind."""
    result = jaxrelic.reconstruct(path, model)
    photo = result.photo
    left, top, side = image_crops.whole_square(*image_crops.object_square(photo.mask, 1.15))
    whole = np.concatenate([photo.rgb, np.ones_like(photo.mask)[..., None]], axis=-1)
    if photo.mask_source == "alpha":
        whole = np.concatenate([photo.rgb * photo.mask[..., None], photo.mask[..., None]], axis=-1)
    cut = image_crops.resized(image_crops.cut(whole, left, top, side), (TILE_PX, TILE_PX))
    frames = turntable.frames(result.mesh, size=TILE_PX, num_frames=8)
    return [image_crops.over(cut, (1.0, 1.0, 1.0)), *(frames[index] for index in FRAMES)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=pathlib.Path, nargs="+")
    parser.add_argument("--model", default="relief", help="run, export or name")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    args = parser.parse_args()
    model = jaxrelic.load(args.model)
    tiles = [tile for path in args.photos for tile in row(path, model)]
    sheet = grids.grid(tiles, len(FRAMES) + 1)
    Image.fromarray(np.uint8(np.round(255 * np.clip(sheet, 0, 1)))).save(args.out)


if __name__ == "__main__":
    main()
