"""Training views of the relief network on disk: one structured array per shard, memory-mapped."""

import os
import pathlib
from collections.abc import Sequence

import numpy as np

from jaxrelic.errors import UserError
from jaxrelic.models.relief.inputs import LAYER_PX, PICTURE_PX

VIEW = np.dtype(
    [
        ("photo", np.uint8, (PICTURE_PX, PICTURE_PX, 3)),  # sRGB over a random background
        ("mask", np.uint8, (PICTURE_PX, PICTURE_PX)),  # coverage, 255 is whole
        ("front", np.float16, (LAYER_PX, LAYER_PX)),  # (z - z0) / W of the first surface
        ("back", np.float16, (LAYER_PX, LAYER_PX)),  # the same of the last
        ("covered", np.bool_, (LAYER_PX, LAYER_PX)),  # where both are defined
        ("cam_from_world", np.float32, (4, 4)),
        ("focal", np.float32),  # in crop widths
        ("centre", np.float32, (2,)),  # principal point in crop widths
        ("depth_centre", np.float32),  # z0, world units
        ("elevation", np.float32),  # radians
        ("relic", np.int32),  # index of the object in its set
    ]
)


def shard_path(folder: pathlib.Path, name: str, index: int) -> pathlib.Path:
    """Where the shard of a set lies."""
    return folder / f"{name}-{index:04d}.npy"


def write_shard(path: pathlib.Path, views: Sequence[tuple]) -> None:
    """Writes rows of VIEW, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.partial")
    with partial.open("wb") as file:
        np.save(file, np.array(list(views), dtype=VIEW))
    os.replace(partial, path)


class ViewSet:
    """All views of some sets, in the order of their shards; opening reads nothing but headers."""

    def __init__(self, folder: pathlib.Path, names: Sequence[str]):
        paths = [path for name in names for path in sorted(folder.glob(f"{name}-[0-9]*.npy"))]
        if not paths:
            raise UserError(f"no shards of {', '.join(names)} in {folder}; write them first")
        self._shards = [np.load(path, mmap_mode="r") for path in paths]
        self._ends = np.cumsum([len(shard) for shard in self._shards])

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __getitem__(self, indices: np.ndarray) -> np.ndarray:
        """Rows of VIEW by index [n]."""
        rows = np.empty(len(indices), VIEW)
        for row, index in enumerate(indices):
            shard = int(np.searchsorted(self._ends, index, side="right"))
            start = self._ends[shard - 1] if shard else 0
            rows[row] = self._shards[shard][index - start]
        return rows
