"""`data-engine release`: the folder that is published."""

import dataclasses
import pathlib
from typing import Annotated

import tyro

from data_engine.releases.options import ReleaseOptions
from data_engine.workspace import Workspace


@dataclasses.dataclass(frozen=True, kw_only=True)
class Release:
    """Write what a published data set needs: card, credits, manifest, Croissant and the shards."""

    workspace: pathlib.Path
    """Folder made by `data-engine ingest`, after `data-engine shards`."""
    output: Annotated[pathlib.Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """Folder to write; an earlier release there is replaced. Default: `release` in the
    workspace."""
    about: tyro.conf.OmitArgPrefixes[ReleaseOptions] = dataclasses.field(
        default_factory=ReleaseOptions
    )
    """Facts that a catalog cannot know."""


def run(args: Release) -> None:
    """Writes the release and names its parts."""
    from data_engine.releases.build import write_release  # Imports pyarrow

    workspace = Workspace(args.workspace, create=False)
    folder = args.output or workspace.release
    listing = write_release(workspace, folder.absolute(), args.about)
    for name in listing["files"]:
        if "/" not in name:
            print(folder / name)
    for name in sorted({file.rpartition("/")[0] for file in listing["files"]} - {""}):
        print(folder / name)
