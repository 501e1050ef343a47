"""COLMAP's binary model: cameras.bin and images.bin, and rigs.bin and frames.bin of 3.12 and later.

Little-endian records behind their number. What is longer or shorter than it says is damaged.
"""

import pathlib
import struct
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from jaxrelic.data.pose_files.colmap_models import (
    MODEL_NUMBERS,
    PARAMETERS,
    Frame,
    Image,
    Lens,
    Model,
    lens,
    rigid,
)
from jaxrelic.errors import UserError

CAMERA = 0
"""Type of a sensor that is a camera."""

MAX_NAME = 4096
"""Bytes of a photograph's name; no file system has longer ones."""

POINT_BYTES = 24
"""x, y and the point's number."""


class _Bytes:
    """A file that is read from the front; struct.error where it ends too soon."""

    def __init__(self, path: pathlib.Path):
        self.data, self.place = path.read_bytes(), 0

    def take(self, layout: str) -> tuple[Any, ...]:
        """The next values of a struct layout."""
        values = struct.unpack_from(f"<{layout}", self.data, self.place)
        self.place += struct.calcsize(f"<{layout}")
        return values

    def skip(self, count: int) -> None:
        """Leaves out bytes."""
        if count > len(self.data) - self.place:
            raise struct.error(f"{count} bytes are missing")
        self.place += count

    def name(self) -> str:
        """The next text, which ends in a zero."""
        end = self.data.find(b"\0", self.place, self.place + MAX_NAME)
        if end < 0:
            raise struct.error("a name has no end")
        text = self.data[self.place : end].decode("utf-8", "replace")
        self.place = end + 1
        return text


def read(folder: pathlib.Path) -> Model:
    """Reads the model of a folder; every complaint names the file."""
    lenses = dict(_records(folder / "cameras.bin", _camera))
    images = list(_records(folder / "images.bin", lambda data: _image(data, lenses)))
    frames, cam_from_rig = [], {}
    if (folder / "rigs.bin").is_file() and (folder / "frames.bin").is_file():
        for rig in _records(folder / "rigs.bin", _rig):
            cam_from_rig |= rig
        frames = list(_records(folder / "frames.bin", _frame))
    return Model(lenses=lenses, images=images, frames=frames, cam_from_rig=cam_from_rig)


def _records(path: pathlib.Path, parse: Callable[[_Bytes], Any]) -> Iterator[Any]:
    data, number = _Bytes(path), 0
    try:
        (count,) = data.take("Q")
        for number in range(1, count + 1):  # noqa: B007 - the message names it.
            yield parse(data)
        if data.place != len(data.data):
            raise ValueError(f"{len(data.data) - data.place} bytes follow the last record")
    except (ValueError, UserError, struct.error) as error:
        raise UserError(
            f"{path}, record {number}: {error}; copy COLMAP's folder again, or write it as text "
            "(colmap model_converter --output_type TXT)"
        ) from error


def _camera(data: _Bytes) -> tuple[int, Lens]:
    number, kind, width, height = data.take("IiQQ")
    model = MODEL_NUMBERS.get(kind, f"number {kind}")
    values = data.take(f"{len(PARAMETERS.get(model, ()))}d")
    return number, lens(model, width, height, values, number)


def _image(data: _Bytes, lenses: dict[int, Lens]) -> Image:
    (number,) = data.take("I")
    pose = rigid(data.take("7d"))
    (camera,) = data.take("I")
    name = data.name()
    (points,) = data.take("Q")
    data.skip(points * POINT_BYTES)
    if camera not in lenses:
        raise ValueError(f"camera {camera} of {name} is not in cameras.bin")
    return Image(number=number, name=name, camera=camera, cam_from_world=pose)


def _rig(data: _Bytes) -> dict[tuple[int, int], np.ndarray]:
    rig, sensors = data.take("II")
    found = {}
    for place in range(sensors):
        kind, number = data.take("iI")
        pose = np.eye(4)
        # The first sensor is the rig's own frame; of the others some may have no pose.
        if place and not data.take("B")[0]:
            continue
        if place:
            pose = rigid(data.take("7d"))
        if kind == CAMERA:
            found[rig, number] = pose
    return found


def _frame(data: _Bytes) -> Frame:
    _, rig = data.take("II")
    pose = rigid(data.take("7d"))
    (count,) = data.take("I")
    sensed = [data.take("iIQ") for _ in range(count)]
    images = tuple(image for kind, _, image in sensed if kind == CAMERA)
    return Frame(rig=rig, rig_from_world=pose, images=images)
