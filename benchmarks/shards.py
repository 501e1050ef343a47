"""Packing and loading shards: CPU seconds beside rendering and beside slower readers; JSON out.

    python benchmarks/shards.py

See benchmarks/README.md for what is counted.
"""

import dataclasses
import functools
import json
import pathlib
import tempfile
import time
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow_datasets as tfds
import tyro
from PIL import Image

from benchmarks.children import cpu_seconds
from data_engine.commands import shards as command
from data_engine.shards.build import build
from data_engine.shards.layouts import layouts
from data_engine.shards.splits import SplitShares
from jaxrelic.data import relics
from jaxrelic.data.single_view import batches as loader

IMAGE_PX, TARGETS, BATCH = 64, 4, 16
VIEWS_PER_EXAMPLE = 1 + TARGETS
LOADED_RECORDS = 1024
"""The few records that were rendered are read as if they were that many: grain's shuffle of a
handful of items costs more than reading them, which no real data set sees."""
REPEATS = 9


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShardsBenchmark:
    """What is rendered, packed and loaded."""

    relics: int = 2
    """Procedural relics, each with the 40 views of One-2-3-45."""
    size: int = 256
    """Side of a view, in pixels."""
    samples: int = 32
    """Light paths per pixel; the renderer's default."""
    json: bool = False
    """Accepted for symmetry: the report is always JSON."""


engine = functools.partial(cpu_seconds, "data_engine.cli")


class Repeated(Sequence):
    """A few records read as if they were many."""

    def __init__(self, records: Sequence):
        self._records = records

    def __len__(self) -> int:
        return LOADED_RECORDS

    def __getitem__(self, index: int):
        return self._records[index % len(self._records)]


def least_cpu_s(work: Callable[[int], object]) -> float:
    """Least CPU seconds of several calls, after one that warms up.

    Whoever shares the cores can only add to a call: two threads of one core slow each other.
    """
    work(0)
    seconds = []
    for number in range(REPEATS):
        began = time.process_time()
        work(1 + number)
        seconds.append(time.process_time() - began)
    return min(seconds)


def pack(settings: command.Shards) -> None:
    """What `data-engine shards` does for every relic; its imports and reports are apart."""
    source = command.shard_source(settings)
    for layout in layouts(source, settings.records):
        build(source, layout, source.workspace.shards)


def load_with_grain(shards: pathlib.Path) -> float:
    """The training loader, supervision multiview; CPU seconds of a batch."""
    config = loader.SingleViewData(
        path=str(shards),
        batch_size=BATCH,
        image_size=IMAGE_PX,
        target_size=IMAGE_PX,
        num_targets=TARGETS,
    )
    opened = loader.open_records
    loader.open_records = lambda *words, **options: Repeated(opened(*words, **options))
    try:
        batches = loader.batches(config, supervision="multiview", seed=0)
    finally:
        loader.open_records = opened
    return least_cpu_s(lambda number: batches[number])


def load_with_tfds(shards: pathlib.Path) -> float:
    """TFDS decodes a whole record, five of its views are reduced; CPU seconds of an example."""
    directory = next(shards.rglob("dataset_info.json")).parent
    source = tfds.builder_from_directory(str(directory)).as_data_source("train")

    def example(number: int) -> list:
        record = source[number % len(source)]
        views = range(VIEWS_PER_EXAMPLE)
        return [reduce_with_pil(record["rgba"][i], record["depth_mm"][i]) for i in views]

    return least_cpu_s(example)


def load_with_pil(folder: pathlib.Path, shards: pathlib.Path) -> float:
    """PNG files of the render folder through PIL, as loaders often do; CPU seconds of a view."""
    names = [name.decode() for name in relics.open_relics(shards, "train")[0]["view_name"]]

    def view(number: int) -> tuple:
        name = names[number % len(names)]
        rgba, depth = (Image.open(folder / f"{name}{end}.png") for end in ("", "_depth_mm"))
        return reduce_with_pil(np.asarray(rgba), np.asarray(depth)[..., None])

    return least_cpu_s(view)


def reduce_with_pil(rgba: np.ndarray, depth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Over white, at the trainer's size."""
    floats = rgba.astype(np.float32) / 255
    over_white = floats[..., :3] * floats[..., 3:] + 1 - floats[..., 3:]
    codes = Image.fromarray(np.rint(255 * over_white).astype(np.uint8))
    small = codes.resize((IMAGE_PX, IMAGE_PX), Image.Resampling.BOX)
    near = Image.fromarray(depth[..., 0]).resize((IMAGE_PX, IMAGE_PX), Image.Resampling.NEAREST)
    return np.asarray(small, np.float32) / 255, np.asarray(near, np.float32) / 1000


def measure(settings: ShardsBenchmark, folder: pathlib.Path) -> dict:
    workspace = folder / "ws"
    where = ("--workspace", workspace)
    engine("procedural", folder / "relics", "--count", settings.relics)
    engine("ingest", folder / "relics", *where)
    engine("validate", *where)
    quality = ("--size", settings.size, "--samples", settings.samples, "--workers", 1)
    render_s = engine("render", *where, *quality)
    # Held-out relics would leave the train split of so small a set nearly empty.
    shares = SplitShares(val_percent=0, test_percent=0)
    command_s = engine("shards", *where, "--val-percent", 0, "--test-percent", 0)
    pack_s = least_cpu_s(lambda _: pack(command.Shards(workspace=workspace, held_out=shares)))
    shards = workspace / "shards"
    views = next((workspace / "renders").glob("*/*/*/meta.json")).parent
    grain_s = load_with_grain(shards)
    tfds_s, pil_s = load_with_tfds(shards), load_with_pil(views, shards)
    stored = sum(path.stat().st_size for path in shards.rglob("*array_record*"))
    return {
        "render_cpu_s_per_relic": render_s / settings.relics,
        "pack_cpu_s_per_relic": pack_s / settings.relics,
        "pack_share_of_render": pack_s / render_s,
        "whole_command_cpu_s": command_s,
        "bytes_per_relic": stored // settings.relics,
        "views_per_cpu_s": {
            "grain": BATCH * VIEWS_PER_EXAMPLE / grain_s,
            "peer: TFDS decodes the whole record": VIEWS_PER_EXAMPLE / tfds_s,
            "peer: PNG files through PIL": 1 / pil_s,
        },
    }


def main(settings: ShardsBenchmark) -> None:
    with tempfile.TemporaryDirectory(prefix="benchmark-shards-") as folder:
        report = measure(settings, pathlib.Path(folder))
    facts = {"benchmark": "shards", "settings": dataclasses.asdict(settings)}
    print(json.dumps(facts | report, indent=2))


if __name__ == "__main__":
    main(tyro.cli(ShardsBenchmark))
