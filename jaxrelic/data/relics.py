"""`relic_views` shards as a random-access sequence of records, images still encoded.

A record holds some forty views and a training example needs five of them, so PNG bytes are passed
on as they are and decoded by the transform that chose the view (`transforms.decode_view`).
"""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow_datasets as tfds

from jaxrelic.errors import UserError

Record = Mapping[str, Any]
"""One relic: the fields of `jaxrelic.data.schema`, images as PNG bytes."""

IMAGE_FIELDS = ("rgba", "depth_mm")
"""Fields that stay PNG bytes, one item per view."""

TRAINING_FIELDS = (*IMAGE_FIELDS, "cam_from_world", "pixel_from_cam", "category")
"""Fields a training example is made of."""

_INFO = "dataset_info.json"


class _KeepBytes(tfds.decode.SkipDecoding):
    """`SkipDecoding` for a sequence of images; TFDS 4.9 misses the NumPy half of it."""

    def decode_batch_example_np(self, serialized_example: Any) -> Any:
        return serialized_example


def open_relics(path: str | pathlib.Path, split: str) -> Sequence[Record]:
    """Opens the shards under `path`, given as the version directory or any one parent of it."""
    directory = _version_directory(pathlib.Path(path))
    builder = tfds.builder_from_directory(directory)
    if missing := sorted(set(TRAINING_FIELDS) - set(builder.info.features)):
        raise UserError(
            f"{directory} has no field {missing}; data.path must hold relic_views shards, "
            "as written by `data-engine shards`"
        )
    if split not in builder.info.splits:
        raise UserError(
            f"{directory} has no split {split!r}; set data.split to one of "
            f"{sorted(builder.info.splits)}"
        )
    if not builder.info.splits[split].num_examples:
        raise UserError(f"split {split!r} of {directory} is empty; add relics or set data.split")
    decoders = {name: _KeepBytes() for name in IMAGE_FIELDS}
    return builder.as_data_source(split, decoders=decoders)


def _version_directory(path: pathlib.Path) -> pathlib.Path:
    """The one data set under `path`; several are a question only the user can answer."""
    if not path.is_dir():
        raise UserError(f"no shards at {path}: no such directory; set data.path")
    found = sorted(info.parent for info in path.rglob(_INFO))
    if not found:
        raise UserError(f"no shards at {path}: no {_INFO} below it; run `data-engine shards`")
    if len(found) > 1:
        names = ", ".join(str(each.relative_to(path)) for each in found)
        raise UserError(f"{path} holds {len(found)} data sets; set data.path to one of {names}")
    return found[0]
