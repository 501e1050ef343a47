"""Where One-2-3-45's loader looks for what, and how the published relic builder names the same.

<root>/One2345_training_pose.json
<root>/lvis_split_cc_by.json        {"train": [{"folder_id": "000-000", "uid": ...}], "val": []}
<root>/zero12345_narrow/<folder_id>/<uid>/      official names
    view_0.png, view_0_depth_mm.png             an anchor: RGBA, millimetres
    view_0_0_10.png                             its neighbour, the source view that is read
    view_0_0_10_gt.png, view_0_0_10_gt_depth_mm.png     the same, rendered
<root>/<uid>/                                   builder's names
    view_0_gt.png, view_0_gt_depth_mm.png, view_0_gt_depth.png    every view; the last is the
                                                depth stretched over 16 bits per image
<root>/relics.jsonl                             our own addition: words, terms and credit
"""

import dataclasses
import json
from typing import Literal

from data_engine.rendering.poses import PoseSet

POSES = "One2345_training_pose.json"
SPLITS = "lvis_split_cc_by.json"
VIEWS = "zero12345_narrow"
WORDS = "relics.jsonl"

Names = Literal["official", "builder"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ViewFiles:
    """Files of one view of one relic."""

    rgba: str
    """Name of the picture as it was rendered."""
    depth_mm: str
    """uint16 thousandths of a world unit, 0 = background."""
    source: str = ""
    """What a training reads as input view, when it is a file of its own."""
    depth_stretched: str = ""
    """uint16, 0 at the nearest and 65535 at the farthest pixel of the relic."""


def view_files(view: str, names: Names, *, anchor: bool) -> ViewFiles:
    """The names of a view's files in its relic's folder."""
    if names == "builder":
        return ViewFiles(
            rgba=f"{view}_gt.png",
            depth_mm=f"{view}_gt_depth_mm.png",
            depth_stretched=f"{view}_gt_depth.png",
        )
    if anchor:
        return ViewFiles(rgba=f"{view}.png", depth_mm=f"{view}_depth_mm.png")
    return ViewFiles(
        rgba=f"{view}_gt.png", depth_mm=f"{view}_gt_depth_mm.png", source=f"{view}.png"
    )


def folder_id(relic_number: int, folder_size: int) -> str:
    """Group of a relic: 000-000, 000-001, ..., 000-999, 001-000."""
    group = relic_number // folder_size
    return f"{group // 1000:03d}-{group % 1000:03d}"


def pose_json(poses: PoseSet) -> str:
    """The pose file; the loader goes by the order of its keys."""
    content = {
        "intrinsics": poses.pixel_from_cam.tolist(),
        "near_far": list(poses.near_far),
        "c2ws": dict(zip(poses.names, poses.world_from_cam.tolist(), strict=True)),
    }
    return json.dumps(content, indent=4) + "\n"
