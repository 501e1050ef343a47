"""`data-engine report`: the overview page, contact sheets and figures of a workspace."""

import dataclasses
import pathlib

from data_engine.workspace import Workspace


@dataclasses.dataclass(frozen=True, kw_only=True)
class Report:
    """Write the reports again: overview page, galleries, contact sheets, figures and lists."""

    workspace: pathlib.Path
    """Folder made by `data-engine ingest`, after `data-engine render`."""
    render_id: str = ""
    """Render to show, when the workspace holds several; `renders/` lists them."""


def run(args: Report) -> None:
    """Writes the reports and names the files to look at first."""
    from data_engine.commands.shards import choose_render  # These import OpenCV and Matplotlib
    from data_engine.rendering.poses import read_poses
    from data_engine.reports.write import write_reports

    workspace = Workspace(args.workspace, create=False)
    workspace.check_writable()
    render_id = choose_render(workspace, args.render_id)
    poses = read_poses(workspace.renders / render_id / "poses.json")
    for path in write_reports(workspace, render_id, poses):
        print(path)
