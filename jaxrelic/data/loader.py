"""Batches as a pure function of (settings, seed, batch number).

Nothing is remembered between batches, so a run resumes at step k by asking for batch k.
"""

import dataclasses
import pathlib
from collections.abc import Iterator, Sequence
from typing import Literal

import grain
import numpy as np

from jaxrelic.data import synthetic, transforms
from jaxrelic.errors import UserError

Batch = dict[str, np.ndarray]
"""Float32 arrays in [0, 1] unless said otherwise; b examples, n targets, s and h pixels.

| field | shape |
| --- | --- |
| image, mask | [b, s, s, 3] over the background, [b, s, s] |
| views_rgb, views_mask | [b, n, h, h, 3] over the background, [b, n, h, h] |
| views_depth | [b, n, h, h], world units along the axis, 0 = none |
| views_cam_from_world, views_pixel_from_cam | [b, n, 4, 4], [b, n, 3, 3]; not in `latent` |
| input_cam_from_world, input_pixel_from_cam | [b, 4, 4], [b, 3, 3]; not in `latent` |
| category, relic_index | [b] int32 |
"""

Supervision = Literal["latent", "posed", "multiview"]
"""What training may know: nothing but image and mask; also its camera; also other posed views."""

SYNTHETIC = "synthetic"
"""Value of `DataConfig.path` that stands for relics made from formulas on the spot."""

_PREFETCHED_BATCHES = 4


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Which relics are read and how a training example is made of one."""

    path: str
    """Directory of `relic_views` shards, or `synthetic` for analytic shapes made on the spot."""
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
    threads: int = 2
    """Threads that read and decode ahead of the training step."""


def open_records(
    config: DataConfig, *, only_training_fields: bool = False
) -> Sequence[transforms.Mapping]:
    """Opens the relics that `config` names; whole records, or what `batches` needs of them."""
    if config.path == SYNTHETIC:
        return synthetic.SyntheticRelics()
    from jaxrelic.data import relics  # TFDS takes seconds to import and synthetic runs need none.

    return relics.open_relics(
        pathlib.Path(config.path), config.split, only_training_fields=only_training_fields
    )


def steps_per_pass(config: DataConfig) -> int:
    """Batches that show every relic about once: what the papers call an epoch."""
    return max(1, len(open_records(config, only_training_fields=True)) // config.batch_size)


def batches(config: DataConfig, *, supervision: Supervision, seed: int) -> grain.MapDataset[Batch]:
    """All batches of a run, endless: item k is batch k.

    Relics are shuffled anew in each pass; a batch may span two passes, so a set of relics smaller
    than a batch is repeated within it.
    """
    if config.batch_size < 1:
        raise UserError(f"data.batch_size is {config.batch_size}; set it to 1 or more")
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
    examples = examples.map(
        transforms.ToArrays(config.image_size, config.target_size, config.background)
    )
    if supervision == "latent":
        examples = examples.map(transforms.DropCameras())
    return examples.batch(config.batch_size)


def read_ahead(dataset: grain.MapDataset[Batch], start: int, *, threads: int) -> Iterator[Batch]:
    """Iterates over batches `start`, `start + 1`, ... with `threads` working ahead."""
    options = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=_PREFETCHED_BATCHES)
    return iter(dataset[start:].to_iter_dataset(options))
