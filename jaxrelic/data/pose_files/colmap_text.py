"""COLMAP's text model: cameras.txt and images.txt, and rigs.txt and frames.txt where they are."""

import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from jaxrelic.data.pose_files.colmap_models import Frame, Image, Lens, Model, lens, rigid
from jaxrelic.data.pose_files.records import read_text
from jaxrelic.errors import UserError

_Line = tuple[int, str]


def read(folder: pathlib.Path) -> Model:
    """Reads the model of a folder; every complaint names the file and the line."""
    lenses = dict(_parsed(folder / "cameras.txt", _camera))
    images = list(_images(folder / "images.txt", lenses))
    frames, cam_from_rig = [], {}
    if (folder / "rigs.txt").is_file() and (folder / "frames.txt").is_file():
        for rig in _parsed(folder / "rigs.txt", _rig):
            cam_from_rig |= rig
        frames = list(_parsed(folder / "frames.txt", _frame))
    return Model(lenses=lenses, images=images, frames=frames, cam_from_rig=cam_from_rig)


def _lines(path: pathlib.Path) -> list[_Line]:
    """Numbered lines that are no comments; blank ones count: a photograph may have no points."""
    try:
        text = read_text(path)
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not text ({error}); write the model again as TXT") from error
    numbered = enumerate(text.splitlines(), start=1)
    return [(number, line) for number, line in numbered if not line.startswith("#")]


def _parsed(path: pathlib.Path, parse: Callable[[list[str]], Any]) -> Iterator[Any]:
    """What every line that is not blank says."""
    for number, line in _lines(path):
        if line.strip():
            yield _named(path, number, lambda line=line: parse(line.split()))


def _named(path: pathlib.Path, number: int, parse: Callable[[], Any]) -> Any:
    try:
        return parse()
    except (ValueError, UserError) as error:
        raise UserError(f"{path}, line {number}: {error}") from error


def _camera(fields: list[str]) -> tuple[int, Lens]:
    if len(fields) < 5:
        raise ValueError("CAMERA_ID MODEL WIDTH HEIGHT PARAMS is needed")
    number, model, width, height, *values = fields
    return int(number), lens(model, int(width), int(height), list(map(float, values)), number)


def _images(path: pathlib.Path, lenses: dict[int, Lens]) -> Iterator[Image]:
    """Every image has a line for its pose and one for its points, which may be blank or missing."""
    after_pose = False
    for number, line in _lines(path):
        if after_pose and _is_points(line):
            after_pose = False
        elif line.strip():
            yield _named(path, number, lambda line=line: _image(line, lenses))
            after_pose = True


def _is_points(line: str) -> bool:
    """Whether a line lists (x, y, point) triples; a pose ends in a name."""
    fields = line.split()
    try:
        return len(fields) % 3 == 0 and bool(np.isfinite(list(map(float, fields))).all())
    except ValueError:
        return False


def _image(line: str, lenses: dict[int, Lens]) -> Image:
    fields = line.split(maxsplit=9)
    if len(fields) != 10:
        raise ValueError("IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME is needed")
    camera = int(fields[8])
    if camera not in lenses:
        raise ValueError(f"camera {camera} is not in cameras.txt")
    return Image(
        number=int(fields[0]),
        name=fields[9].strip(),
        camera=camera,
        cam_from_world=rigid(list(map(float, fields[1:8]))),
    )


def _rig(fields: list[str]) -> dict[tuple[int, int], np.ndarray]:
    """RIG_ID NUM_SENSORS, the reference sensor, then sensors with a pose or without."""
    rig, _, *rest = fields
    found, has_pose = {}, False
    reference = True
    while rest:
        kind, number, *rest = rest
        values = [1.0, 0, 0, 0, 0, 0, 0]
        if not reference:
            has_pose, *rest = rest
            if int(has_pose):
                values, rest = list(map(float, rest[:7])), rest[7:]
        if kind == "CAMERA" and (reference or int(has_pose)):
            found[int(rig), int(number)] = rigid(values)
        reference = False
    return found


def _frame(fields: list[str]) -> Frame:
    """FRAME_ID RIG_ID, the rig's pose, NUM_DATA_IDS, then (SENSOR_TYPE, SENSOR_ID, DATA_ID)."""
    if len(fields) < 10:
        raise ValueError("FRAME_ID RIG_ID QW QX QY QZ TX TY TZ NUM_DATA_IDS DATA_IDS is needed")
    data = fields[10:]
    return Frame(
        rig=int(fields[1]),
        rig_from_world=rigid(list(map(float, fields[2:9]))),
        images=tuple(
            int(image)
            for kind, image in zip(data[::3], data[2::3], strict=False)
            if kind == "CAMERA"
        ),
    )
