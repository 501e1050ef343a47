"""From a photograph to the network's input: decode with care, find the object, crop as in training.

A file's type is read from its content, never from its name. Sizes are checked in the header, before
a single pixel is decoded.
"""

import dataclasses
import logging
import pathlib
import struct
import warnings
import zlib
from collections.abc import Callable
from typing import Self

import numpy as np
import PIL.ExifTags
import PIL.Image

from jaxrelic.data import posed_view
from jaxrelic.errors import UserError
from jaxrelic.geometry import image_crops
from jaxrelic.photos import heif, inversion
from jaxrelic.photos.masks import salient
from jaxrelic.photos.masks.doubts import doubts

logger = logging.getLogger(__name__)

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP")
"""Decoders that are tried, and those of `heif`; anything else is not a photograph."""

MIN_SIDE_PX = 16
MAX_PIXELS = 100_000_000
"""Photographs outside these sizes are refused."""

MIN_OBJECT_SHARE, MAX_OBJECT_SHARE = 0.001, 0.98
"""Part of the picture that the object covers; a mask outside this range has not found one."""

_OPAQUE = 0.98
"""An alpha channel above this everywhere says nothing about the object."""

_DECODING_ERRORS = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error)
"""What Pillow raises on damaged files."""


_UPRIGHT_FROM_STORED: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.swapaxes(0, 1),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: np.rot90(stored, 2).swapaxes(0, 1),
    8: lambda stored: np.rot90(stored, 1),
}
"""What an EXIF note has viewers do with an image [h, w, ...]; any other number is nothing."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture as its file stores it, and the note that turns it upright."""

    rgb: np.ndarray
    """[h, w, 3] float32 in [0, 1]."""
    alpha: np.ndarray | None
    """[h, w] float32 in [0, 1], if the file has one."""
    orientation: int
    """EXIF orientation; 1 is upright."""

    def upright(self) -> Self:
        """The picture as people see it."""
        turn = _UPRIGHT_FROM_STORED.get(self.orientation)
        if turn is None:
            return dataclasses.replace(self, orientation=1)
        alpha = None if self.alpha is None else turn(self.alpha)
        return dataclasses.replace(self, rgb=turn(self.rgb), alpha=alpha, orientation=1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Photo:
    """A photograph whose object is known."""

    rgb: np.ndarray
    """[h, w, 3] float32 in [0, 1], upright."""
    mask: np.ndarray
    """Coverage of the object, [h, w] float32 in [0, 1]."""
    mask_source: str
    """Where the mask is from: `file`, `alpha` or `automatic`."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """How a network wants its input; the same numbers as in its training data."""

    image_size: int
    """Side of the input, in pixels."""
    crop_margin: float
    """Side of the square crop over the longer side of the object's box."""
    background: tuple[float, float, float]
    """Colour behind the object, RGB in [0, 1]."""


def read_photo(
    path: pathlib.Path,
    mask_path: pathlib.Path | None = None,
    *,
    find: Callable[[np.ndarray], np.ndarray] = salient.find,
) -> Photo:
    """Reads a photograph and finds its object.

    The object comes from the mask file if there is one, else from a transparent background, else
    it is cut out automatically by `find`, which is a guess and logged as one.
    """
    picture = read_picture(path).upright()
    rgb, alpha = picture.rgb, picture.alpha
    if mask_path is not None:
        mask, source = _read_mask(mask_path, rgb.shape[:2]), "file"
    elif shows_object(alpha):
        mask, source = alpha, "alpha"
    else:
        mask, source = find(rgb), "automatic"
        logger.info("%s: object found automatically; pass a mask if the outline is wrong", path)
    _check_mask(mask, mask_path or path)
    if source != "automatic":
        inversion.check_one(mask > 0.5, mask_path or path, lambda: find(rgb) > 0.5)
    for doubt in doubts(mask):
        logger.warning("%s: %s", mask_path or path, doubt)
    return Photo(rgb=rgb, mask=mask, mask_source=source)


def shows_object(alpha: np.ndarray | None) -> bool:
    """Whether a picture's transparency [h, w] says what its object is."""
    return alpha is not None and bool(alpha.min() < _OPAQUE)


def prepare(view: posed_view.View, preprocessing: Preprocessing) -> posed_view.View:
    """Crops and resizes as the training data were; colours stay multiplied by alpha."""
    cropped = posed_view.object_crop(view, preprocessing.crop_margin)
    return posed_view.resize(cropped, preprocessing.image_size)


def as_view(photo: Photo) -> posed_view.View:
    """A photograph as a view whose camera maps its own pixels to themselves."""
    return posed_view.View(
        rgba=np.concatenate([photo.rgb * photo.mask[..., None], photo.mask[..., None]], axis=-1),
        depth=np.zeros(photo.mask.shape, np.float32),
        cam_from_world=np.eye(4, dtype=np.float32),
        pixel_from_cam=np.eye(3, dtype=np.float32),
    )


def over_background(view: posed_view.View, preprocessing: Preprocessing) -> np.ndarray:
    """The network's input, [s, s, 3] float32 in [0, 1]."""
    return image_crops.over(view.rgba, preprocessing.background)


def _decode(path: pathlib.Path) -> tuple[PIL.Image.Image, int]:
    """Opens an image, checks its size in the header, then decodes it; and its EXIF orientation."""
    if not path.is_file():
        raise UserError(f"{path} is not a file; give one photograph")
    try:
        with warnings.catch_warnings():
            # Pillow warns below our own limit, which is checked next.
            warnings.simplefilter("ignore", PIL.Image.DecompressionBombWarning)
            image = PIL.Image.open(path, formats=(*FORMATS, *heif.formats(path)))
    except PIL.Image.DecompressionBombError as error:
        raise UserError(f"{path} has too many pixels ({error}); {_limit()}") from error
    except _DECODING_ERRORS as error:
        raise UserError(
            f"{path} is not a picture that can be read; give {', '.join(FORMATS)}"
        ) from error
    with image:
        width, height = image.size
        if width * height > MAX_PIXELS:
            raise UserError(f"{path} is {width} x {height} px; {_limit()}")
        if min(width, height) < MIN_SIDE_PX:
            raise UserError(
                f"{path} is {width} x {height} px, too small to show an object; "
                f"give at least {MIN_SIDE_PX} px a side"
            )
        try:
            image.load()
            return image, int(image.getexif().get(PIL.ExifTags.Base.Orientation, 1))
        except _DECODING_ERRORS as error:
            raise UserError(f"{path} is damaged ({error}); copy it again") from error


def _limit() -> str:
    return f"at most {MAX_PIXELS // 1_000_000} megapixels are decoded, so scale it down first"


def read_picture(path: pathlib.Path) -> Picture:
    """Decodes a PNG, JPEG, WebP, TIFF, BMP, HEIC or AVIF file, whatever its name."""
    image, orientation = _decode(path)
    if image.mode.startswith("I"):
        # Sixteen bits of grey; Pillow's own conversion to 8 bits would clip them to white.
        grey = np.clip(np.asarray(image, np.float32) / 65535, 0, 1)
        rgb = np.repeat(grey[..., None], 3, axis=-1)
        return Picture(rgb=rgb, alpha=None, orientation=orientation)
    if image.mode == "F":
        raise UserError(f"{path} holds floating-point values of unknown range; save it as PNG")
    rgba = np.asarray(image.convert("RGBA"), np.float32) / 255
    has_alpha = "A" in image.getbands() or "transparency" in image.info
    alpha = rgba[..., 3] if has_alpha else None
    return Picture(rgb=rgba[..., :3], alpha=alpha, orientation=orientation)


def read_coverage(path: pathlib.Path) -> np.ndarray:
    """A mask image, white on the object, as coverage of the upright picture, [h, w]."""
    picture = read_picture(path).upright()
    # A cut-out serves as a mask through its transparency.
    return picture.alpha if shows_object(picture.alpha) else picture.rgb.mean(axis=-1)


def _read_mask(path: pathlib.Path, shape: tuple[int, int]) -> np.ndarray:
    """Reads the mask of a photograph of this shape."""
    mask = read_coverage(path)
    if mask.shape != shape:
        raise UserError(
            f"mask {path} is {mask.shape[1]} x {mask.shape[0]} px but the photograph is "
            f"{shape[1]} x {shape[0]}; make them the same size"
        )
    return mask


def _check_mask(mask: np.ndarray, path: pathlib.Path) -> None:
    """Refuses masks without an object and masks without a background."""
    share = float(np.mean(mask > 0.5))
    if share < MIN_OBJECT_SHARE:
        raise UserError(f"no object found in {path}; pass a mask that is white on the object")
    if share > MAX_OBJECT_SHARE:
        raise UserError(
            f"the object fills {share:.0%} of {path}; leave some background around it, "
            "or pass a mask that is white on the object only"
        )
