"""`data-engine export-one2345`: the renders in the folder layout that One-2-3-45 trains on."""

import dataclasses
import pathlib
from typing import Annotated

import tyro

from data_engine.commands.shards import choose_render, rendered_relics
from data_engine.errors import UserError
from data_engine.exchange.one2345 import writer
from data_engine.exchange.one2345.layout import Names
from data_engine.rendering.poses import SIZE_PX, read_poses
from data_engine.workspace import Workspace


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExportOne2345:
    """Write the renders as the folder that One-2-3-45's own training code reads."""

    workspace: pathlib.Path
    """Folder made by `data-engine ingest`, with relics rendered by `--poses one2345` and sharded
    (the split file follows the shards)."""
    output: Annotated[pathlib.Path, tyro.conf.arg(aliases=["-o"])]
    """Folder to write; made when missing. Pictures are hard links to the renders where possible."""
    render_id: str = ""
    """Render to export, when the workspace holds several; `renders/` lists them."""
    names: Names = "official"
    """Names of the files. official: as One-2-3-45's loader expects them, the rendered views
    standing in for the views that Zero123 predicts; builder: flat, as the published relic builder
    names them."""
    folder_size: int = 50
    """Relics per folder of the official layout."""


def run(args: ExportOne2345) -> None:
    """Exports and says where."""
    if args.folder_size < 1:
        raise UserError(f"folder_size = {args.folder_size}; set it to 1 or more")
    workspace = Workspace(args.workspace, create=False)
    render_id = choose_render(workspace, args.render_id)
    poses = read_poses(workspace.renders / render_id / "poses.json")
    relics = rendered_relics(workspace, render_id)
    if not relics:
        raise UserError(f"render {render_id} of {workspace.root} holds no finished relic")
    others = writer.export(
        workspace,
        render_id,
        poses,
        relics,
        args.output,
        names=args.names,
        folder_size=args.folder_size,
    )
    for folder in others:
        print(f"note: {folder} is of an earlier export; delete it if its relic is to be gone")
    if poses.size != SIZE_PX:
        print(f"note: the views are {poses.size} px; One-2-3-45's own loader wants {SIZE_PX}")
    print(f"{args.output}: {len(relics)} relics in One-2-3-45's layout, {args.names} names")
