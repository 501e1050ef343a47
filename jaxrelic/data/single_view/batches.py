"""Batches as a pure function of (settings, seed, batch number).

Nothing is remembered between batches, so a run resumes at step k by asking for batch k.
"""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Literal

import grain
import numpy as np

from jaxrelic.data import synthetic, transforms
from jaxrelic.data.image_sets import image_set, locate, prepared
from jaxrelic.data.read_ahead import Batch
from jaxrelic.data.schema import CATEGORIES
from jaxrelic.data.single_view import examples as photographs
from jaxrelic.errors import UserError

Supervision = Literal["latent", "posed", "multiview"]
"""What training may know: nothing but image and mask; also its camera; also other posed views."""

Records = Literal["auto", "views", "images"]
"""Records of a data set that are examples: relics with all their views, or single photographs."""

SYNTHETIC = image_set.SYNTHETIC
"""Value of `SingleViewData.path` that stands for relics made from formulas on the spot."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SingleViewData:
    """Relics to read, and how a training example is made of one."""

    path: str
    """Directory of `relic_views` or `relic_images` shards, a folder that `jaxrelic data prepare`
    wrote, or `synthetic` for analytic shapes generated in memory."""
    records: Records = "auto"
    """Kind of records. views: relics with all their views. images: single photographs, cut out
    already (crop_margin does not apply). auto: images where data.neighbours asks for them or there
    are no views."""
    split: str = "train"
    """Split of the shards: train, val or test."""
    batch_size: int = 16
    """Examples per step, over all devices."""
    image_size: int = 64
    """Side of the network's input, in pixels."""
    target_size: int = 64
    """Side of the target views, in pixels."""
    num_targets: int = 4
    """Target views per example in supervision `multiview`; the others compare the input itself."""
    background: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Colour behind the object, RGB in [0, 1]."""
    crop_margin: float = 1.2
    """Side of the input crop over the longer side of the object's box."""
    crop_jitter: float = 0.0
    """Random shift and resizing of the input crop, as a part of its side."""
    neighbours: int = 0
    """Images like the input that come with it; 0 for none."""
    candidates: str = ""
    """List of neighbours: a name such as train-pixels in the folder `neighbours` of the
    data set, or a .npz file; see `jaxrelic neighbours`. `synthetic` needs none."""
    threads: int = 2
    """Threads that read and decode ahead of the training step."""


def open_records(
    config: SingleViewData, *, only_training_fields: bool = False
) -> Sequence[transforms.Mapping]:
    """Opens the relics that `config` names; whole records, or what `batches` needs of them."""
    if config.path == SYNTHETIC:
        return synthetic.SyntheticRelics()
    if locate.is_prepared(config.path):
        return prepared.PreparedRelics(pathlib.Path(config.path), config.split)
    from jaxrelic.data import relics  # TFDS takes seconds to import and synthetic runs need none.

    return relics.open_relics(
        pathlib.Path(config.path), config.split, only_training_fields=only_training_fields
    )


def reads_images(config: SingleViewData) -> bool:
    """Whether examples are made of single photographs rather than of relics with all views."""
    if config.records == "views" and config.neighbours:
        raise UserError(
            "data.neighbours needs single photographs; set data.records to images or "
            "data.neighbours to 0"
        )
    if config.records != "auto" or config.neighbours or config.path == SYNTHETIC:
        return config.records == "images" or config.neighbours > 0
    return locate.holds_only_images(config.path)


def steps_per_pass(config: SingleViewData) -> int:
    """Batches that show every relic about once, or every image: what the papers call an epoch."""
    if reads_images(config):
        count = len(locate.open_images(config.path, config.split))
    else:
        count = len(open_records(config, only_training_fields=True))
    return max(1, count // config.batch_size)


def categories(config: SingleViewData) -> tuple[str, ...]:
    """Names of the categories that `category` counts."""
    if reads_images(config):
        return locate.open_images(config.path, config.split).categories
    return CATEGORIES


def batches(
    config: SingleViewData, *, supervision: Supervision, seed: int
) -> grain.MapDataset[Batch]:
    """All batches of a run, endless: item k is batch k.

    Relics, or images, are shuffled anew in each pass; a batch may span two passes, so a set smaller
    than a batch is repeated within it.
    """
    if config.batch_size < 1:
        raise UserError(f"data.batch_size is {config.batch_size}; set it to 1 or more")
    if config.neighbours < 0:
        raise UserError(f"data.neighbours is {config.neighbours}; set it to 0 or more")
    make = _of_images if reads_images(config) else _of_relics
    examples = make(config, supervision, seed)
    if supervision == "latent":
        examples = examples.map(transforms.DropCameras())
    # Without dropping, grain rounds the endless length of batches of one beyond an index.
    return examples.batch(config.batch_size, drop_remainder=True)


def _of_relics(config: SingleViewData, supervision: Supervision, seed: int) -> grain.MapDataset:
    """Examples with the input and the targets drawn from all views of a relic."""
    several = supervision == "multiview"
    records = open_records(config, only_training_fields=True)
    examples = (
        grain.MapDataset.source(records)
        .map_with_index(lambda i, record: {**record, "relic_index": i % len(records)})
        .seed(seed)
        .shuffle()
        .repeat()
        .random_map(transforms.ChooseViews(config.num_targets if several else 0))
        .random_map(transforms.CropInput(config.crop_margin, config.crop_jitter))
    )
    if not several:
        examples = examples.map(transforms.TargetInput())
    return examples.map(_arrays(config))


def _of_images(config: SingleViewData, supervision: Supervision, seed: int) -> grain.MapDataset:
    """Examples of one photograph each, which is its own target, and its neighbours."""
    if supervision == "multiview":
        raise UserError(
            f"{config.path} is read as single photographs, which have no other views; set "
            "supervision to latent or posed, or data.path and data.records to relics with views"
        )
    images = locate.open_images(config.path, config.split)
    neighbours = np.empty((len(images), 0), np.int32)
    if config.neighbours:
        neighbours = photographs.nearest(
            images, config.path, name=config.candidates, count=config.neighbours
        )
    relic_index = image_set.instance_numbers(images)
    return (
        grain.MapDataset.source(images)
        .map_with_index(lambda i, item: {**item, "image_index": i % len(images)})
        .seed(seed)
        .shuffle()
        .repeat()
        .map(photographs.ToExample(relic_index, posed=supervision == "posed"))
        .random_map(transforms.CropInput(None, config.crop_jitter))
        .map(transforms.TargetInput())
        .map(photographs.ToArrays(_arrays(config), images, neighbours))
    )


def _arrays(config: SingleViewData) -> transforms.ToArrays:
    return transforms.ToArrays(config.image_size, config.target_size, config.background)
