"""Turn the newest checkpoint of a run into a folder or a file that needs nothing else."""

import dataclasses
import pathlib
from typing import Annotated

import tyro


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExportArguments:
    """Turn a run, or One-2-3-45's released weights, into Orbax arrays, StableHLO and a JSON page.

    The page says what the network is, how its inputs are made, what it was trained on, and what
    goes into and comes out of each program.
    """

    source: tyro.conf.Positional[pathlib.Path]
    """Folder of the run, as given to `jaxrelic train`; or a checkpoint of One-2-3-45's
    reconstruction module (.pth or .safetensors), which is converted."""
    output: Annotated[pathlib.Path, tyro.conf.arg(aliases=["-o"])]
    """Folder to write, or file NAME.safetensors, which holds the same arrays in float16 and no
    programs; an earlier export there is replaced."""
    stable_hlo: bool = True
    """Write programs/*.jax_export: functions that run on CPU, GPU and TPU without our code."""


def run(args: ExportArguments) -> int:
    """Writes the export; prints where."""
    from jaxrelic.saved import export_sources

    write = export_sources.converted if args.source.is_file() else export_sources.trained
    summary = write(args.source, args.output, stable_hlo=args.stable_hlo)
    print(f"{args.output}: {summary}")
    return 0
