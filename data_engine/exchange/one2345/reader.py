"""A folder in One-2-3-45's layout as a `relic_views` data set.

The folder has pictures and cameras but no meshes, so its relics cannot be validated, rendered again
or measured against their true surface. They therefore enter no catalog: the data set is made from
the folder directly, and lacks the fields that only a mesh can fill (configuration `..._no_shape`).
"""

import dataclasses
import json
import pathlib
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np

from data_engine.catalog.schema import Relic
from data_engine.errors import UserError
from data_engine.exchange.one2345 import layout
from data_engine.gltf.image_headers import image_size
from data_engine.ingest.manifest import MAX_LINE, clean
from data_engine.rendering import views
from data_engine.rendering.poses import PoseSet, one2345, read_poses
from data_engine.shards import relic_views
from data_engine.shards.layouts import Layout
from data_engine.shards.source import Source
from data_engine.shards.splits import SPLITS
from jaxrelic.data import schema

RENDER_ID = "one2345-import"
_HEADER_BYTES = 64


@dataclasses.dataclass(frozen=True, kw_only=True)
class FolderSource(Source):
    """The complete relics of a folder."""

    folders: dict[str, pathlib.Path]
    """uid to the folder of its views."""
    names: layout.Names
    """Whose file names."""


def open_folder(root: pathlib.Path) -> tuple[FolderSource, list[str]]:
    """Finds the relics of a folder in either naming.

    Returns:
        source: Those with all their views.
        complaints: A line for each of the others.
    """
    poses = _read_poses(root)
    folders, names = _find(root)
    complaints, complete = [], {}
    for uid, folder in sorted(folders.items()):
        if problem := _problem(folder, poses, names):
            complaints.append(f"{uid}: {problem}")
        else:
            complete[uid] = folder
    if not complete:
        first = f" ({complaints[0]})" if complaints else ""
        raise UserError(f"no relic in {root} has all 40 views{first}; nothing to import")
    words, split_of = _read_words(root), _read_splits(root)
    source = FolderSource(
        render_id=RENDER_ID,
        poses=poses,
        relics=tuple(_relic(uid, words.get(uid, {})) for uid in complete),
        split_of={uid: split_of.get(uid, "train") for uid in complete},
        split_rule=f"as in {layout.SPLITS}; relics it does not name train",
        has_shapes=False,
        folders=complete,
        names=names,
    )
    return source, complaints


def views_layout(source: FolderSource) -> Layout:
    """The data set to build."""
    return Layout(
        name="relic_views",
        config=relic_views.config_name(source),
        description="Views imported from a One-2-3-45 folder, without meshes. See jaxrelic.",
        features=relic_views.features,
        records=_records,
    )


def _records(source: FolderSource, relic: Relic) -> Iterator[tuple[str, dict]]:
    rgba, depth_mm, clipped = [], [], []
    for view, neighbour in zip(source.poses.names, source.poses.neighbour, strict=True):
        files = layout.view_files(view, source.names, anchor=neighbour < 0)
        folder = source.folders[relic.uid]
        depth = _decode(folder / files.depth_mm)
        if depth.dtype != np.uint16 or depth.ndim != 2:
            raise UserError(f"{folder / files.depth_mm} is not a 16-bit grey image; replace it")
        encoded, pixels = _with_alpha(folder / files.rgba, depth)
        rgba.append(encoded)
        depth_mm.append((folder / files.depth_mm).read_bytes())
        clipped.append(views.describe(view, pixels).clipped)
    yield (
        relic.uid,
        relic_views.make_record(source, relic, rgba=rgba, depth_mm=depth_mm, clipped=clipped),
    )


def _with_alpha(path: pathlib.Path, depth: np.ndarray) -> tuple[bytes, np.ndarray]:
    """The PNG as it is and its RGBA pixels; without alpha, what has a depth is the relic."""
    bgra = _decode(path)
    if bgra.dtype == np.uint8 and bgra.shape == (*depth.shape, 4):
        return path.read_bytes(), cv2.cvtColor(bgra, cv2.COLOR_BGRA2RGBA)
    if bgra.dtype != np.uint8 or bgra.shape != (*depth.shape, 3):
        raise UserError(f"{path} is not an 8-bit RGB or RGBA image like its depth; replace it")
    bgra = np.dstack([bgra, np.where(depth > 0, 255, 0).astype(np.uint8)])
    return cv2.imencode(".png", bgra)[1].tobytes(), cv2.cvtColor(bgra, cv2.COLOR_BGRA2RGBA)


def _decode(path: pathlib.Path) -> np.ndarray:
    image = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise UserError(f"{path} cannot be decoded; replace it or remove the folder of this relic")
    return image


def _read_poses(root: pathlib.Path) -> PoseSet:
    """The folder's own cameras, else the published ones; the image is as wide as 2 cx."""
    path = root / layout.POSES
    poses = read_poses(path) if path.is_file() else one2345()
    if len(poses) != 40:
        raise UserError(f"{path} has {len(poses)} poses where One-2-3-45 has 40")
    return dataclasses.replace(poses, size=round(2 * float(poses.pixel_from_cam[0, 2])))


def _find(root: pathlib.Path) -> tuple[dict[str, pathlib.Path], layout.Names]:
    """Folders of relics by uid, and the naming."""
    if not root.is_dir():
        raise UserError(f"{root} is not a folder; name one in the layout of One-2-3-45")
    official = (root / layout.VIEWS).is_dir()
    pattern = f"{layout.VIEWS}/*/*" if official else "*"
    found = [path for path in sorted(root.glob(pattern)) if path.is_dir()]
    folders = {path.name: path for path in found if not path.name.startswith(".")}
    if len(folders) < sum(not path.name.startswith(".") for path in found):
        raise UserError(f"{root} holds one uid in two folders; remove one of them")
    if not folders:
        raise UserError(f"{root} holds neither {layout.VIEWS} nor folders of relics")
    return folders, "official" if official else "builder"


def _problem(folder: pathlib.Path, poses: PoseSet, names: layout.Names) -> str:
    """Why a relic cannot be imported; an empty string if it can, as far as headers tell."""
    for view, neighbour in zip(poses.names, poses.neighbour, strict=True):
        files = layout.view_files(view, names, anchor=neighbour < 0)
        for name in (files.rgba, files.depth_mm):
            path = folder / name
            if not path.is_file():
                return f"{name} is missing"
            with path.open("rb") as file:
                size = image_size(file.read(_HEADER_BYTES))
            if size != (poses.size, poses.size):
                shown = "no PNG" if size is None else f"{size[0]} x {size[1]}"
                return f"{name} is {shown}, not {poses.size} x {poses.size} pixels"
    return ""


def _relic(uid: str, words: dict[str, str]) -> Relic:
    category = words.get("category", "")
    return Relic(
        uid=uid,
        source=words.get("source") or "one2345",
        title=words.get("title") or uid,
        caption_en=words.get("caption", ""),
        license_spdx=words.get("license") or "LicenseRef-unknown",
        attribution=words.get("attribution", ""),
        source_url=words.get("source_url", ""),
        category=category if category in schema.CATEGORIES else "other",
    )


def _read_words(root: pathlib.Path) -> dict[str, dict[str, str]]:
    """Words and terms by uid, as plain text, from the file that our own export writes."""
    path = root / layout.WORDS
    lines = path.read_text("utf-8").splitlines() if path.is_file() else []
    entries = [_parsed(path, line) for line in lines if line.strip()]
    cleaned = ({name: clean(value, MAX_LINE) for name, value in entry.items()} for entry in entries)
    return {entry.get("uid", ""): entry for entry in cleaned}


def _read_splits(root: pathlib.Path) -> dict[str, str]:
    """The split of each relic that the split file names."""
    path = root / layout.SPLITS
    if not path.is_file():
        return {}
    content = _parsed(path, path.read_text("utf-8"))
    try:
        return {
            str(entry["uid"]): split for split in SPLITS for entry in content.get(split, [])
        }  # fmt: skip
    except (KeyError, TypeError) as error:
        raise UserError(f"{path} is not a split file of One-2-3-45; fix or remove it") from error


def _parsed(path: pathlib.Path, text: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except ValueError as error:
        raise UserError(f"{path} is not JSON: {error}; fix or remove it") from error
    if not isinstance(content, dict):
        raise UserError(f"{path} does not hold JSON objects; fix or remove it")
    return content
