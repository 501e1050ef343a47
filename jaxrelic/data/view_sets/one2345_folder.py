"""The folder of views that One-2-3-45 trains on, read where it lies (specification one2345 C.1).

ROOT/One2345_training_pose.json         intrinsics and named camera-to-world matrices
ROOT/lvis_split_cc_by.json              {"train": [{"folder_id": "000-000", "uid": ...}], ...}
ROOT/zero12345_narrow/<folder_id>/<uid>/
    view_0.png, view_0_depth_mm.png     an anchor, rendered: RGB or RGBA, thousandths of a unit
    view_0_0_10.png                     its neighbour as Zero123 predicted it, without depth
    view_0_0_10_gt.png, view_0_0_10_gt_depth_mm.png     the neighbour, rendered; of our export only
"""

import dataclasses
import functools
import json
import logging
import pathlib
import re
from collections.abc import Sequence
from typing import Any, Literal

import cv2
import numpy as np

from jaxrelic.data import posed_view
from jaxrelic.data.pose_files.ours import from_one2345
from jaxrelic.data.schema import MILLIMETRES
from jaxrelic.data.single_view import examples
from jaxrelic.data.view_sets.records import RelicViews
from jaxrelic.errors import UserError
from jaxrelic.geometry import image_crops

POSES = "One2345_training_pose.json"
SPLITS = "lvis_split_cc_by.json"
VIEWS = "zero12345_narrow"

Predictions = Literal["auto", "folder", "none"]

WHITE_FROM = 250
"""Value of 255 that all channels of a prediction reach where it shows background. A prediction has
neither alpha nor depth, and its white is not quite white."""

_NAME = re.compile(r"view_(\d+)(?:_(\d+)_\d+)?")
"""An anchor's number, and a neighbour's number and its distance in degrees."""

_LOG = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Poses:
    """The cameras that all relics of a folder share."""

    names: tuple[str, ...]
    """Names of the views, which are those of their files."""
    neighbour: np.ndarray
    """[n] int32, -1 on anchors."""
    cam_from_world: np.ndarray
    """[n, 4, 4] float32."""
    pixel_from_cam: np.ndarray
    """[3, 3] float32, for images of `size` pixels."""
    size: int
    """Side of the images: twice the principal point."""


def is_folder(root: pathlib.Path) -> bool:
    """Whether a folder is in this layout."""
    return (root / VIEWS).is_dir() or (root / POSES).is_file()


def read_poses(path: pathlib.Path) -> Poses:
    """The pose file; its matrices are camera-to-world with OpenGL's axes."""
    try:
        file = from_one2345(path, _read_json(path))
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{path} holds a pose that is no rigid transform, or no intrinsics ({error}); "
            "fix the file"
        ) from error
    names = tuple(pose.name for pose in file.poses)
    matches = [_NAME.fullmatch(name) for name in names]
    if None in matches:
        raise UserError(
            f"{path} names a view {names[matches.index(None)]!r}; names are like view_0, of an "
            "anchor, and view_0_3_10, of its neighbour"
        )
    pixel_from_cam, (width, _) = file.poses[0].pixel_from_cam, file.poses[0].size
    return Poses(
        names=names,
        neighbour=np.array([int(match[2] or -1) for match in matches], np.int32),
        cam_from_world=np.float32([pose.cam_from_world for pose in file.poses]),
        pixel_from_cam=np.float32(pixel_from_cam),
        size=width,
    )


class FolderViews(Sequence[RelicViews]):
    """The relics of one split that are there; a folder may be a part of the published one."""

    def __init__(self, root: pathlib.Path, split: str, *, predicted: bool):
        if not (root / VIEWS).is_dir():
            raise UserError(
                f"{root} has no folder {VIEWS}; of another layout `data-engine import-one2345` "
                "makes shards, to which data.path can be set"
            )
        self._poses, self._predicted = read_poses(root / POSES), predicted
        listed = _read_split(root / SPLITS, split)
        folders = [root / VIEWS / group / uid for group, uid in listed]
        self._folders = [folder for folder in folders if folder.is_dir()]
        if not self._folders:
            raise UserError(
                f"{root} has none of the {len(listed)} relics that {SPLITS} lists as {split!r}: "
                f"no {folders[0]}; set data.path or data.split"
            )
        if len(self._folders) < len(folders):
            _LOG.warning("%d of %d relics are in %s", len(self._folders), len(folders), root)
        self._check_files(self._folders[0])

    def __len__(self) -> int:
        return len(self._folders)

    def __getitem__(self, index: int) -> RelicViews:
        folder = self._folders[index]
        return RelicViews(
            uid=folder.name,
            names=self._poses.names,
            neighbour=self._poses.neighbour,
            cam_from_world=self._poses.cam_from_world,
            read=functools.partial(_read_view, folder, self._poses, self._predicted),
        )

    def _check_files(self, folder: pathlib.Path) -> None:
        """Finds what is missing everywhere before the first step; of the first relic alone."""
        for name, neighbour in zip(self._poses.names, self._poses.neighbour, strict=True):
            image, depth = _files(folder, name, neighbour >= 0, self._predicted)
            for path in (image, depth):
                if path and not path.is_file():
                    remedy = (
                        "complete the folder"
                        if self._predicted or neighbour < 0
                        else "set data.predictions to folder if it has predictions alone"
                    )
                    raise UserError(f"{path} is missing; {remedy}")


def _files(
    folder: pathlib.Path, view: str, is_neighbour: bool, predicted: bool
) -> tuple[pathlib.Path, pathlib.Path | None]:
    """Colour and depth of a view; a prediction has no depth."""
    if is_neighbour and predicted:
        return folder / f"{view}.png", None
    rendered = f"{view}_gt" if is_neighbour else view
    return folder / f"{rendered}.png", folder / f"{rendered}_depth_mm.png"


def _read_view(
    folder: pathlib.Path, poses: Poses, predicted: bool, index: int, *, with_depth: bool
) -> posed_view.View:
    is_neighbour = bool(poses.neighbour[index] >= 0)
    image, depth_file = _files(folder, poses.names[index], is_neighbour, predicted)
    pixels = _decode(image, poses.size)
    if pixels.dtype != np.uint8 or pixels.ndim != 3:
        raise UserError(f"{image} is not an 8-bit RGB or RGBA image; replace it")
    has_alpha = pixels.shape[2] == 4
    depth = np.zeros(pixels.shape[:2], np.float32)
    if depth_file and (with_depth or not has_alpha):
        millimetres = _decode(depth_file, poses.size)
        if millimetres.dtype != np.uint16 or millimetres.ndim != 2:
            raise UserError(f"{depth_file} is not a 16-bit grey image; replace it")
        depth = millimetres / np.float32(MILLIMETRES)
    camera = {
        "cam_from_world": poses.cam_from_world[index],
        "pixel_from_cam": poses.pixel_from_cam,
    }
    if has_alpha:
        return posed_view.View(rgba=image_crops.premultiplied(pixels), depth=depth, **camera)
    shown = depth > 0 if depth_file else pixels.min(axis=-1) < WHITE_FROM
    seen = examples.view_of(
        {"image": pixels[..., ::-1], "mask": np.where(shown, np.uint8(255), np.uint8(0)), **camera}
    )
    return dataclasses.replace(seen, depth=depth)


def _decode(path: pathlib.Path, size: int) -> np.ndarray:
    """Pixels as they are in the file, channels in OpenCV's order."""
    try:
        encoded = np.fromfile(path, np.uint8)
    except OSError as error:
        raise UserError(
            f"{path} cannot be read: {error.strerror}; make it readable or replace it"
        ) from error
    image = cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED) if encoded.size else None
    if image is None:
        raise UserError(f"{path} is not a PNG that can be read; replace it")
    if image.shape[:2] != (size, size):
        height, width = image.shape[:2]
        raise UserError(
            f"{path} is {width} x {height}, and the intrinsics of {POSES} are for {size} x {size} "
            "pixels; replace one of them"
        )
    return image


def _read_split(path: pathlib.Path, split: str) -> list[tuple[str, str]]:
    """Group and uid of the relics of a split."""
    content = _read_json(path)
    try:
        entries = {
            name: [(str(entry["folder_id"]), str(entry["uid"])) for entry in relics]
            for name, relics in content.items()
        }
    except (KeyError, TypeError) as error:
        raise UserError(
            f"{path} is not a split file of One-2-3-45: lists of folder_id and uid; fix it"
        ) from error
    if not entries.get(split):
        filled = sorted(name for name, relics in entries.items() if relics)
        raise UserError(f"{path} lists no relics as {split!r}; set data.split to one of {filled}")
    return entries[split]


def _read_json(path: pathlib.Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UserError(
            f"{path} cannot be read: {error.strerror}; a One-2-3-45 folder has it"
        ) from (error)
    except ValueError as error:
        raise UserError(f"{path} is not JSON: {error}; fix the file") from error
    if not isinstance(content, dict):
        raise UserError(f"{path} does not hold a JSON object; fix the file")
    return content
