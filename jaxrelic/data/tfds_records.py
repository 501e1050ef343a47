"""TFDS data sets on disk: found by name below a folder, opened with images still encoded.

A record may hold some forty images and a training example needs five of them, so PNG bytes are
passed on as they are and decoded by the transform that chose the view.
"""

import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow_datasets as tfds

from jaxrelic.errors import UserError

Record = Mapping[str, Any]
"""Fields of `jaxrelic.data.schema`, images as PNG bytes."""

_INFO = "dataset_info.json"


class _KeepBytes(tfds.decode.SkipDecoding):
    """`SkipDecoding` for a sequence of images; TFDS 4.9 misses the NumPy half of it."""

    def decode_batch_example_np(self, serialized_example: Any) -> Any:
        return serialized_example


def open_records(
    path: str | pathlib.Path,
    split: str,
    *,
    name: str,
    fields: Sequence[str],
    image_fields: Sequence[str],
    only_fields: bool = False,
) -> Sequence[Record]:
    """Opens one split of the data set `name`.

    Args:
        path: Its version directory, or any one parent of it.
        split: train, val or test.
        name: relic_views, relic_images or relic_shapes.
        fields: Those a record must have.
        image_fields: Those that stay PNG bytes.
        only_fields: Leave all other fields out, which makes reading faster.
    """
    directory = find_data_set(pathlib.Path(path), name)
    builder = tfds.builder_from_directory(directory)
    if missing := sorted(set(fields) - set(builder.info.features)):
        raise UserError(
            f"{directory} has no field {missing}; data.path must hold {name} shards, "
            "as written by `data-engine shards`"
        )
    if split not in builder.info.splits:
        raise UserError(
            f"{directory} has no split {split!r}; set data.split to one of "
            f"{sorted(builder.info.splits)}"
        )
    if not builder.info.splits[split].num_examples:
        raise UserError(f"split {split!r} of {directory} is empty; add relics or set data.split")
    return _Records(builder, split, fields if only_fields else None, image_fields)


class _Records(Sequence[Record]):
    """The records of a split, with the fields that are wanted.

    `as_data_source` would parse every field of a record: surface points and float depth cost more
    than the five images that a training example is made of.
    """

    def __init__(
        self,
        builder: tfds.core.DatasetBuilder,
        split: str,
        fields: Sequence[str] | None,
        image_fields: Sequence[str],
    ):
        raw = tfds.decode.DeserializeMethod.RAW_BYTES
        self._serialized = builder.as_data_source(split, deserialize_method=raw)
        features = builder.info.features
        wanted = {name: features[name] for name in (features if fields is None else fields)}
        self._features = tfds.features.FeaturesDict(wanted)
        self._decoders = {name: _KeepBytes() for name in image_fields}

    def __len__(self) -> int:
        return len(self._serialized)

    def __getitem__(self, index: int) -> Record:
        serialized = self._serialized[range(len(self))[index]]  # IndexError ends a loop.
        return self._features.deserialize_example_np(serialized, decoders=self._decoders)


def find_data_set(path: pathlib.Path, name: str) -> pathlib.Path:
    """The version directory of the one data set of that name under `path`.

    Several are a question only the user can answer.
    """
    present = data_sets_below(path)
    if not present:
        raise UserError(
            f"no shards at {path}: no {_INFO} below it; run `data-engine "
            "shards` or `jaxrelic data prepare`"
        )
    found = [directory for directory, its_name in present.items() if its_name == name]
    if not found:
        others = ", ".join(sorted(set(present.values())))
        raise UserError(
            f"no {name} shards at {path}, only {others}; set data.path, or write them with "
            "`data-engine shards --records ...`"
        )
    if len(found) > 1:
        names = ", ".join(str(each.relative_to(path)) for each in found)
        raise UserError(
            f"{path} holds {len(found)} {name} data sets; set data.path to one: {names}"
        )
    return found[0]


def data_sets_below(path: pathlib.Path) -> dict[pathlib.Path, str]:
    """Version directory and name of every data set under `path`."""
    if not path.is_dir():
        raise UserError(f"no shards at {path}: no such directory; set data.path")
    return {info.parent: _name(info) for info in sorted(path.rglob(_INFO))}


def _name(info: pathlib.Path) -> str:
    try:
        return str(json.loads(info.read_text("utf-8"))["name"])
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{info} is damaged; write the shards again") from error
