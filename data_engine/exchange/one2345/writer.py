"""Rendered relics as the folder that One-2-3-45 trains on."""

import json
import pathlib
import shutil

import cv2
import numpy as np

from data_engine.catalog.schema import Relic
from data_engine.errors import UserError
from data_engine.exchange.one2345 import layout
from data_engine.rendering import views
from data_engine.rendering.poses import PoseSet, one2345
from data_engine.shards.source import record_words
from data_engine.shards.splits import SPLITS
from data_engine.text.progress import progress
from data_engine.workspace import Workspace, link_or_copy, write_atomically


def export(
    workspace: Workspace,
    render_id: str,
    poses: PoseSet,
    relics: list[Relic],
    output: pathlib.Path,
    *,
    names: layout.Names,
    folder_size: int,
) -> list[pathlib.Path]:
    """Writes the folder; running it again completes or repeats it.

    Args:
        workspace: Where the renders are.
        render_id: Which of them.
        poses: Its cameras, those of One-2-3-45 in any size.
        relics: With complete renders and a split, sorted by uid.
        output: The folder, made when missing.
        names: Whose file names.
        folder_size: Relics per folder of the official layout.

    Returns:
        Folders of relics that are there and not part of this export.
    """
    check_poses(poses)
    if unsplit := [relic.uid for relic in relics if relic.split not in SPLITS]:
        raise UserError(
            f"relic {unsplit[0]} and {len(unsplit) - 1} more are in no split; "
            "run `data-engine shards` first"
        )
    output.mkdir(parents=True, exist_ok=True)
    members: dict[str, list[dict[str, str]]] = {split: [] for split in SPLITS}
    written = set()
    for number, relic in enumerate(progress(relics, stage="export", unit="relic")):
        group = layout.folder_id(number, folder_size)
        official = output / layout.VIEWS / group / relic.uid
        target = official if names == "official" else output / relic.uid
        _write_relic(workspace.render_dir(render_id, relic.uid), target, poses, names)
        written.add(target)
        members[relic.split].append({"folder_id": group, "uid": relic.uid})
    words = [{**record_words(relic), "category": relic.category} for relic in relics]
    lines = [json.dumps(entry, ensure_ascii=False, sort_keys=True) for entry in words]
    write_atomically(output / layout.WORDS, ("\n".join(lines) + "\n").encode())
    write_atomically(output / layout.POSES, layout.pose_json(poses).encode())
    if names == "official":
        write_atomically(output / layout.SPLITS, (json.dumps(members, indent=1) + "\n").encode())
    folders = output.glob(f"{layout.VIEWS}/*/*/" if names == "official" else "*/")
    return sorted(path for path in set(folders) - written if path.name != layout.VIEWS)


def check_poses(poses: PoseSet) -> None:
    """Raises unless the cameras are the forty whose places in the file carry the meaning."""
    wanted = one2345()
    if poses.names != wanted.names or not np.allclose(
        poses.world_from_cam, wanted.world_from_cam, atol=1e-5
    ):
        raise UserError(
            f"these {len(poses)} views are not the 40 of One-2-3-45; "
            "render with `--poses one2345` and choose that --render-id"
        )


def _write_relic(
    source: pathlib.Path, target: pathlib.Path, poses: PoseSet, names: layout.Names
) -> None:
    """Fills a temporary sibling and renames it, so that a folder is complete or not there."""
    partial = target.with_name(f".{target.name}.part")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for view, neighbour in zip(poses.names, poses.neighbour, strict=True):
        files = layout.view_files(view, names, anchor=neighbour < 0)
        image, depth = source / views.image_name(view), source / views.depth_name(view)
        for name in filter(None, (files.rgba, files.source)):
            link_or_copy(image, partial / name)
        link_or_copy(depth, partial / files.depth_mm)
        if files.depth_stretched:
            millimetres = cv2.imread(str(depth), cv2.IMREAD_UNCHANGED)
            encoded = cv2.imencode(".png", stretch(millimetres))[1]
            (partial / files.depth_stretched).write_bytes(encoded.tobytes())
    shutil.rmtree(target, ignore_errors=True)
    partial.rename(target)


def stretch(depth_mm: np.ndarray) -> np.ndarray:
    """Depth stretched over 16 bits between the nearest and the farthest pixel; background 0."""
    seen = depth_mm > 0
    if not seen.any():
        return np.zeros_like(depth_mm)
    near, far = int(depth_mm[seen].min()), int(depth_mm[seen].max())
    part = (depth_mm.astype(np.float64) - near) / max(far - near, 1)
    return np.where(seen, np.rint(65535 * part), 0).astype(np.uint16)
