"""What all published archives have in common once they are opened.

An archive lists its photographs without opening them, then reads one at a time: cut out, 64 pixels
wide, over white, its camera converted to ours. World coordinates are z-up.
"""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import PIL.Image

from jaxrelic.data import posed_view
from jaxrelic.data.image_sets import image_set
from jaxrelic.data.schema import IMAGE_SIZE_PX
from jaxrelic.errors import UserError
from jaxrelic.geometry import image_crops

SPLITS = ("train", "val", "test")

CROP_MARGIN = 1.2
"""Side of the square that is cut out over the longer side of the object's box [SC, SDF]."""

WORLD_FROM_YUP = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
"""A y-up frame turned into our z-up one: (x, y, z) becomes (x, -z, y)."""


class BrokenFileError(UserError):
    """One file of an archive cannot be used; the others can."""

    def __init__(self, path: pathlib.Path, reason: str):
        super().__init__(f"{path}: {reason}")
        self.path, self.reason = path, reason


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One photograph of an archive, not yet read."""

    image_id: str
    """Unique in its split."""
    category: str
    """One of the archive's categories."""
    instance: str
    """The object it shows."""
    view: int
    """Number of the view of the instance."""
    source: str
    """Its file, relative to the archive."""
    key: Any
    """What the archive needs to read it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shot:
    """A photograph, cut out and reduced."""

    image: np.ndarray
    """Over white, [s, s, 3] uint8."""
    mask: np.ndarray
    """[s, s] uint8."""
    cam_from_world: np.ndarray | None
    """[4, 4] float32, None if not known."""
    pixel_from_cam: np.ndarray | None
    """[3, 3] float32, None if not known."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Surface:
    """Points on the true surface of an instance."""

    points: np.ndarray
    """World frame of the cameras, [p, 3] float32."""
    normals: np.ndarray
    """Unit length, NaN where the archive has none, [p, 3] float32."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Gap:
    """Something an archive lacks."""

    missing: str
    """What is not there."""
    prevents: str
    """What cannot be done without it."""


class Archive(Protocol):
    """A published data set in one of its layouts."""

    layout: str
    """Name of the layout."""
    root: pathlib.Path
    """Where it is."""
    published: Mapping[tuple[str, str], int]
    """Objects, or images, by (category, split) as published; not all are known."""
    counted: str
    """What `published` counts: objects or images."""

    @property
    def categories(self) -> tuple[str, ...]:
        """Those present."""

    @property
    def splits(self) -> tuple[str, ...]:
        """Those present."""

    def entries(self, split: str, category: str) -> list[Entry]:
        """The photographs of a split, in a fixed order."""

    def read(self, entry: Entry) -> Shot:
        """Reads one; raises `BrokenFileError` if it cannot be used."""

    def surface(self, entry: Entry, count: int) -> Surface | None:
        """At most `count` points on the surface of the instance; None if the archive has none."""

    def gaps(self) -> Sequence[Gap]:
        """What is missing, by a look at names only."""


def read_rgb(path: pathlib.Path) -> np.ndarray:
    """A picture file as [h, w, 3] uint8."""
    return _read(path, "RGB")


def read_mask(path: pathlib.Path, rgb: np.ndarray) -> np.ndarray:
    """The mask of a picture [h, w, 3] as one channel, [h, w] uint8."""
    mask = _read(path, "L")
    check_same_size(path, mask, rgb)
    return mask


def check_same_size(path: pathlib.Path, mask: np.ndarray, rgb: np.ndarray) -> None:
    """Raises, naming the file of the mask, unless both have the same pixels."""
    if mask.shape != rgb.shape[:2]:
        raise BrokenFileError(path, f"its mask is {size_words(mask)}, its image {size_words(rgb)}")


def size_words(image: np.ndarray) -> str:
    """Width x height."""
    return f"{image.shape[1]} x {image.shape[0]}"


def _read(path: pathlib.Path, mode: str) -> np.ndarray:
    try:
        with PIL.Image.open(path) as image:
            return np.asarray(image.convert(mode))
    except FileNotFoundError as error:
        raise BrokenFileError(path, "no such file") from error
    except PIL.UnidentifiedImageError as error:  # Its words are the path that we name already.
        raise BrokenFileError(path, "no picture of a known format") from error
    except (OSError, ValueError, SyntaxError, PIL.Image.DecompressionBombError) as error:
        raise BrokenFileError(path, f"no readable picture ({error})") from error


def read_npz(path: pathlib.Path, *names: str) -> dict[str, np.ndarray]:
    """Arrays of an archive by name; says which is missing."""
    try:
        with path.open("rb") as file, np.load(file) as stored:
            if missing := sorted(set(names) - set(stored.files)):
                raise BrokenFileError(path, f"has no array {', '.join(missing)}")
            return {name: stored[name] for name in names}
    except FileNotFoundError as error:
        raise BrokenFileError(path, "no such file") from error
    except BrokenFileError:
        raise
    except Exception as error:  # A damaged zip raises what zipfile, zlib and NumPy raise.
        raise BrokenFileError(path, f"no readable .npz ({error})") from error


def read_lines(path: pathlib.Path) -> list[str]:
    """The lines of a list that are not empty; an absent list is empty."""
    if not path.exists():
        return []
    return [line.strip() for line in path.read_text("utf-8").splitlines() if line.strip()]


def box_square(box: Sequence[float], margin: float = CROP_MARGIN) -> tuple[int, int, int]:
    """Left, top and side of the square around the box (left, top, right, bottom), in pixels."""
    left, top, right, bottom = (float(edge) for edge in box)
    side = max(round(margin * max(right - left, bottom - top)), 1)
    return round((left + right - side) / 2), round((top + bottom - side) / 2), side


def make_shot(
    rgb: np.ndarray,
    mask: np.ndarray,
    *,
    cam_from_world: np.ndarray | None,
    pixel_from_cam: np.ndarray | None,
    square: tuple[int, int, int] | None = None,
) -> Shot:
    """Cuts out a square, reduces it and composites it over white.

    Args:
        rgb: [h, w, 3] uint8.
        mask: [h, w] uint8.
        cam_from_world: [4, 4], None if not known.
        pixel_from_cam: For the whole picture, [3, 3], None if not known.
        square: Left, top, side; None for the whole of a square picture.
    """
    alpha = mask[..., None] / np.float32(255)
    known = cam_from_world is not None and pixel_from_cam is not None
    view = posed_view.View(
        rgba=np.concatenate([alpha * (rgb / np.float32(255)), alpha], axis=-1),
        depth=np.zeros(mask.shape, np.float32),
        cam_from_world=np.float32(cam_from_world if known else np.eye(4)),
        pixel_from_cam=np.float32(pixel_from_cam if known else np.eye(3)),
    )
    if square is not None:
        view = posed_view.crop(view, *square)
    view = posed_view.resize(view, IMAGE_SIZE_PX)
    alpha = view.rgba[..., 3]
    return Shot(
        image=image_set.quantised(image_crops.over(view.rgba, image_crops.WHITE)),
        mask=image_set.quantised(alpha),
        cam_from_world=view.cam_from_world if known else None,
        pixel_from_cam=view.pixel_from_cam if known else None,
    )


def rigid(rotation: np.ndarray, translation: np.ndarray) -> np.ndarray:
    """cam_from_world [4, 4] of a rotation and a translation."""
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = rotation, translation
    return matrix


def ndc_intrinsics(projection: np.ndarray, size: int) -> np.ndarray:
    """pixel_from_cam of a projection [3, 3] to the square from -1 to 1, x right and y down."""
    half = size / 2
    return np.array([[half, 0, half], [0, half, half], [0, 0, 1]]) @ projection


def fewer(points: np.ndarray, normals: np.ndarray | None, count: int, key: str) -> Surface:
    """A surface of at most `count` of the points, drawn once and for all by `key`."""
    if normals is None:
        normals = np.full_like(points, np.nan)
    if len(points) > count:
        rng = np.random.default_rng(list(key.encode()))
        kept = np.sort(rng.choice(len(points), count, replace=False))
        points, normals = points[kept], normals[kept]
    return Surface(points=np.float32(points), normals=np.float32(normals))
