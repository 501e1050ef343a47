"""Photographs with their background and the category of their object, in batches.

This is what foreground perception learns from. Like `single_view.batches.batches`, everything is a
pure function of (settings, seed, batch number).
"""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any, Literal, Protocol

import cv2
import grain
import numpy as np

from jaxrelic.data import picture_files, synthetic
from jaxrelic.data.foreground import clutter
from jaxrelic.data.image_sets import image_set, locate
from jaxrelic.data.posed_view import decode_view
from jaxrelic.data.schema import CATEGORIES
from jaxrelic.data.single_view import examples as photographs
from jaxrelic.errors import UserError

CROP_FROM = 8 / 7
"""Side that a photograph is resized to, over that of its crop: 256 for 224 (BAS)."""

Batch = dict[str, np.ndarray]
"""b examples of s pixels:

| field | shape |
| --- | --- |
| image | [b, s, s, 3] float32 in [0, 1], with its background |
| category | [b] int32 |
| mask | [b, s, s] float32 in [0, 1], the object; only of cut-outs, and for evaluation alone |
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class BackgroundData:
    """Photographs to read, and how examples are made of them."""

    path: str
    """Photographs: folder that holds a folder per category, such as `img` of Pix3D. Cut-outs: an
    image set, or `synthetic` for analytic shapes generated in memory."""
    source: Literal["photographs", "cutouts"] = "photographs"
    """Kind of examples: photographs are used as they are; objects that are cut out are put before
    clutter."""
    split: str = "train"
    """Split of an image set: train, val or test."""
    batch_size: int = 32
    """Examples per step, over all devices."""
    image_size: int = 224
    """Side of the network's input, in pixels."""
    threads: int = 2
    """Threads that read and decode ahead of the training step."""


class PhotographsWithBackground(Protocol):
    """Records whose pixels are read when one is asked for."""

    categories: Sequence[str]
    """Names of the categories; a record's category is an index of it."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> dict[str, Any]: ...


def open_photographs(config: BackgroundData) -> PhotographsWithBackground:
    """Opens what `config` names."""
    if config.source == "photographs":
        return PhotographFolders(pathlib.Path(config.path))
    if config.path == image_set.SYNTHETIC:
        return SyntheticCutouts(config.split)
    return Cutouts(locate.open_images(config.path, config.split))


def batches(config: BackgroundData, *, seed: int) -> grain.MapDataset[Batch]:
    """All batches of a run, endless, shuffled anew in each pass: item k is batch k."""
    if config.batch_size < 1:
        raise UserError(f"data.batch_size is {config.batch_size}; set it to 1 or more")
    photographs = open_photographs(config)
    transform = CropPhotograph if config.source == "photographs" else BeforeClutter
    examples = grain.MapDataset.source(photographs).seed(seed).shuffle().repeat()
    if isinstance(photographs, SyntheticCutouts):
        examples = examples.random_map(PaintSurface())
    examples = examples.random_map(transform(config.image_size))
    # Without dropping, grain rounds the endless length of batches of one beyond an index.
    return examples.batch(config.batch_size, drop_remainder=True)


class PhotographFolders:
    """Photographs in a folder per category, in the order of their names."""

    def __init__(self, folder: pathlib.Path):
        if not folder.is_dir():
            raise UserError(f"no photographs at {folder}: no such directory; set data.path")
        found = {
            each.name: sorted(filter(picture_files.is_picture, each.iterdir()))
            for each in sorted(folder.iterdir())
            if each.is_dir()
        }
        self.categories = tuple(name for name, paths in found.items() if paths)
        if not self.categories:
            raise UserError(
                f"no photographs at {folder}; it needs a folder per category with files such as "
                f"{', '.join(picture_files.SUFFIXES[:3])}"
            )
        self._items = [
            (path, index) for index, name in enumerate(self.categories) for path in found[name]
        ]

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: int) -> dict[str, Any]:
        path, category = self._items[index]
        bgr = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
        if bgr is None:
            raise UserError(f"{path} is not a picture that can be read; remove it")
        return {"rgb": bgr[..., ::-1], "category": np.int32(category)}


class Cutouts:
    """The objects of an image set without their white background."""

    def __init__(self, images: image_set.ImageSet):
        self.categories, self._images = images.categories, images

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> dict[str, Any]:
        item = self._images[index]
        return {"rgba": photographs.view_of(item).rgba, "category": np.int32(item["category"])}


class SyntheticCutouts:
    """Views of analytic boxes and ellipsoids; no shape is in two splits."""

    categories = ("box", "ellipsoid")
    RELICS = 32
    """Shapes per split."""

    def __init__(self, split: str):
        splits = ("train", "val", "test")
        if split not in splits:
            raise UserError(f"no split {split!r}; set data.split to one of {', '.join(splits)}")
        first = splits.index(split) * self.RELICS
        self._relics = synthetic.SyntheticRelics(self.RELICS, first=first)

    def __len__(self) -> int:
        return len(self._relics) * synthetic.NUM_VIEWS

    def __getitem__(self, index: int) -> dict[str, Any]:
        which, view = divmod(index, synthetic.NUM_VIEWS)
        relic = self._relics[which]
        category = 0 if relic["category"] == CATEGORIES.index("vessel") else 1
        return {"rgba": decode_view(relic, view).rgba, "category": np.int32(category)}


PERIODS_PX = (9.0, 14.0)
"""Shortest and longest period of stripes and checks."""


@dataclasses.dataclass(frozen=True)
class PaintSurface(grain.transforms.RandomMap):
    """Stripes on boxes, checks on ellipsoids, colours of either at random.

    Categories then differ in their surface as real ones do, which a small network learns soon.
    """

    def random_map(self, record: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
        rgba = record["rgba"]
        bright = _pattern(rgba.shape[0], int(record["category"]), rng)
        colours = rgba[..., rng.permutation(3)] * bright[..., None]
        return record | {"rgba": np.concatenate([colours, rgba[..., 3:]], axis=-1)}


def _pattern(size: int, category: int, rng: np.random.Generator) -> np.ndarray:
    """Brightness of a surface, [size, size]: stripes of category 0, checks of category 1."""
    angle, period = rng.uniform(0, np.pi), rng.uniform(*PERIODS_PX)
    x, y = np.meshgrid(np.arange(size), np.arange(size))
    turned = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
    waves = [np.sin(2 * np.pi * t / period + rng.uniform(0, 2 * np.pi)) for t in turned]
    dark = waves[0] > 0 if category == 0 else waves[0] * waves[1] > 0
    return np.where(dark, np.float32(0.4), np.float32(1))


@dataclasses.dataclass(frozen=True)
class CropPhotograph(grain.transforms.RandomMap):
    """Resizes to a square, aspect ignored, and crops and mirrors at random, as BAS does."""

    size: int

    def random_map(self, record: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
        side = round(CROP_FROM * self.size)
        averaging = cv2.INTER_AREA if side < min(record["rgb"].shape[:2]) else cv2.INTER_LINEAR
        whole = cv2.resize(record["rgb"], (side, side), interpolation=averaging)
        top, left = rng.integers(0, side - self.size + 1, 2)
        image = whole[top : top + self.size, left : left + self.size]
        image = image[:, ::-1] if rng.random() < 0.5 else image
        return {"image": image / np.float32(255), "category": record["category"]}


@dataclasses.dataclass(frozen=True)
class BeforeClutter(grain.transforms.RandomMap):
    """Puts a cut-out at a random place before a random background."""

    size: int

    def random_map(self, record: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
        placed = clutter.place(record["rgba"], self.size, rng)
        return {
            "image": clutter.compose(placed, clutter.background(self.size, rng)),
            "mask": placed[..., 3],
            "category": record["category"],
        }
