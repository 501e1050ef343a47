"""`data-engine import-one2345`: a folder in One-2-3-45's layout to a TFDS data set."""

import collections
import dataclasses
import pathlib
from typing import Annotated

import tyro

from data_engine.errors import UserError


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImportOne2345:
    """Turn a folder of One-2-3-45 views into relic_views shards.

    Such a folder has no meshes: the shards train like any others, but lack the surface points that
    an evaluation compares with. The rendered near views (`..._gt.png`) and their depth are needed;
    Zero123's predictions are not read.
    """

    folder: tyro.conf.Positional[pathlib.Path]
    """Folder that holds zero12345_narrow, or one folder per relic in the relic builder's names."""
    output: Annotated[pathlib.Path, tyro.conf.arg(aliases=["-o"])]
    """Folder for the shards, such as `shards`; relic_views is made or replaced in it."""


def run(args: ImportOne2345) -> None:
    """Imports, and tells what was left out and why."""
    # TensorFlow Datasets takes seconds to import; `data-engine --help` need not wait for it.
    from data_engine.exchange.one2345.reader import open_folder, views_layout
    from data_engine.shards.build import build

    source, complaints = open_folder(args.folder)
    for line in complaints:
        print(f"skipped {line}")
    try:
        args.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make {args.output}: {error.strerror}; choose another") from error
    target = build(source, views_layout(source), args.output)
    counts = collections.Counter(source.split_of.values())
    print(f"{target}: " + ", ".join(f"{counts[name]} {name}" for name in sorted(counts)))
