"""RealityScan's exports (RealityCapture before): camera parameters as CSV, or XMP beside pictures.

CSV ("Internal/External camera parameters"): camera-to-world by heading, pitch and roll in degrees,
OpenGL axes, z up. XMP: world-to-camera by rows, OpenCV axes, and the camera's place. In both, focal
lengths are those of a picture 36 mm wide, of whatever size: over the longer side.
"""

import csv
import pathlib
import re
import xml.etree.ElementTree
from collections.abc import Mapping

import numpy as np

from jaxrelic.data.pose_files.records import (
    PhotographPose,
    PoseFile,
    cam_from_world,
    pose_matrix,
)
from jaxrelic.errors import UserError

FILM_MM = 36.0
"""Width of the picture that focal lengths and principal points are for."""

NEEDED = ("x", "y", "alt", "heading", "pitch", "roll", "f")

XCR = "{http://www.capturingreality.com/ns/xcr/1.1#}"
"""Namespace of what RealityScan writes into XMP."""

MAX_BYTES = 1 << 20
"""Of an XMP file."""


def is_csv(path: pathlib.Path) -> bool:
    """Whether the first line of a file is that of such a table."""
    with path.open("rb") as file:
        head = file.readline(4096).decode("utf-8-sig", "replace").lower()
    names = _names(head.strip().split(","))
    return "name" in names and {"x", "y", "alt"} <= set(names)


def read_csv(path: pathlib.Path) -> PoseFile:
    """The poses of a table."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = list(csv.reader(file))
    names = _names(lines[0])
    missing = [name for name in NEEDED if name not in names]
    if missing:
        raise UserError(
            f"pose file {path} has no column {', '.join(missing)}; export "
            '"Internal/External camera parameters" from RealityScan'
        )
    poses = []
    for number, line in enumerate(lines[1:], start=2):
        if any(cell.strip() for cell in line):
            try:
                poses.append(_of_row(dict(zip(names, line, strict=False))))
            except (KeyError, ValueError) as error:
                raise UserError(f"pose file {path}, line {number}: {error}") from error
    return _pose_file(path, "RealityScan CSV", "camera-to-world, OpenGL axes", poses)


def find_xmp(folder: pathlib.Path) -> list[pathlib.Path]:
    """XMP files of a folder that hold RealityScan's cameras, in the order of their names."""
    files = sorted(folder.glob("*.xmp"))
    return [path for path in files if b"xcr:Rotation" in path.read_bytes()[:MAX_BYTES]]


def read_xmp(folder: pathlib.Path, files: list[pathlib.Path]) -> PoseFile:
    """The poses of files that `find_xmp` found."""
    poses = []
    for path in files:
        try:
            poses.append(_of_xmp(path))
        except (ValueError, xml.etree.ElementTree.ParseError) as error:
            raise UserError(f"pose file {path}: {error}; export it again") from error
    return _pose_file(folder, "RealityScan XMP", "world-to-camera, OpenCV axes", poses)


def _pose_file(path, kind, reading, poses: list[PhotographPose]) -> PoseFile:
    up = np.array([0.0, 0.0, 1.0])
    return PoseFile(path=path, format=kind, reading=reading, up=up, poses=tuple(poses))


def _names(cells: list[str]) -> list[str]:
    """Names of columns, which differ a little between versions."""
    same = {"yaw": "heading", "z": "alt", "focal": "f"}
    plain = [cell.strip().strip('"').lstrip("#").lower() for cell in cells]
    return [same.get(name, name) for name in plain]


def _of_row(row: Mapping[str, str]) -> PhotographPose:
    value = {key: float(row[key]) for key in NEEDED}
    matrix = np.eye(4)
    matrix[:3, :3] = _rotation(-value["heading"], value["pitch"], value["roll"])
    matrix[:3, 3] = value["x"], value["y"], value["alt"]
    term = {key: _number(row.get(key)) for key in ("px", "py", "k1", "k2", "k3", "k4", "t1", "t2")}
    _check_k4(term["k4"])
    return PhotographPose(
        name=row["name"].strip(),
        cam_from_world=cam_from_world(pose_matrix(matrix), "camera-to-world, OpenGL axes"),
        focal_share=_focal(value["f"]),
        centre_share=(term["px"] / FILM_MM, term["py"] / FILM_MM),
        distortion=tuple(term[key] for key in ("k1", "k2", "t1", "t2", "k3")),
    )


def _rotation(yaw_deg: float, pitch_deg: float, roll_deg: float) -> np.ndarray:
    """About z, then x, then y, [3, 3]."""
    (sy, sp, sr), (cy, cp, cr) = (
        function(np.deg2rad([yaw_deg, pitch_deg, roll_deg])) for function in (np.sin, np.cos)
    )
    about_z = np.array([[cy, -sy, 0], [sy, cy, 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    about_y = np.array([[cr, 0, sr], [0, 1, 0], [-sr, 0, cr]])
    return about_z @ about_x @ about_y


def _of_xmp(path: pathlib.Path) -> PhotographPose:
    data = path.read_bytes()[:MAX_BYTES]
    if b"<!ENTITY" in data:
        raise ValueError("it has entities, which no camera needs")
    found: dict[str, str] = {}
    for element in xml.etree.ElementTree.fromstring(data).iter():
        pairs = [*element.attrib.items(), (element.tag, element.text or "")]
        found |= {key.removeprefix(XCR): value for key, value in pairs if key.startswith(XCR)}
    for key in ("Rotation", "Position", "FocalLength35mm"):
        if key not in found:
            raise ValueError(f"there is no xcr:{key}")
    rotation, place = _numbers(found["Rotation"], 9).reshape(3, 3), _numbers(found["Position"], 3)
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = rotation, -rotation @ place
    bend = _numbers(found.get("DistortionCoeficients", "0 0 0 0 0 0"), 6)
    _check_k4(bend[3])
    k1, k2, k3, _, t1, t2 = bend.tolist()
    return PhotographPose(
        name=path.stem,
        cam_from_world=pose_matrix(matrix),
        focal_share=_focal(_number(found["FocalLength35mm"])),
        centre_share=tuple(_number(found.get(f"PrincipalPoint{axis}")) for axis in "UV"),
        distortion=(k1, k2, t1, t2, k3),
    )


def _focal(millimetres: float) -> float:
    if not (np.isfinite(millimetres) and millimetres > 0):
        raise ValueError(f"the focal length is {millimetres:g} mm; it is a positive number")
    return millimetres / FILM_MM


def _check_k4(k4: float) -> None:
    if k4:
        raise ValueError(
            f"k4 is {k4:g}, which OpenCV's model lacks; align with Brown3, or undistort"
        )


def _number(text: str | None) -> float:
    """A number of a cell, 0 if it is empty; raises ValueError."""
    number = float(text) if text and text.strip() else 0.0
    if not np.isfinite(number):
        raise ValueError(f"{text} is not finite")
    return number


def _numbers(text: str, count: int) -> np.ndarray:
    values = np.array([_number(part) for part in re.split(r"[\s,]+", text.strip())])
    if len(values) != count:
        raise ValueError(f"{count} numbers are needed, here are {len(values)}")
    return values
