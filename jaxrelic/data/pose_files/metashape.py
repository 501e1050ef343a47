"""Metashape's cameras.xml ("Export Cameras", Agisoft XML).

A camera's matrix takes it to its chunk, OpenCV axes; the chunk's component moves, turns and scales
that to the world that exported models and clouds are in. Principal points count from the middle.
"""

import pathlib
import re
import xml.etree.ElementTree

import numpy as np

from jaxrelic.data.pose_files.records import (
    PhotographPose,
    PoseFile,
    cam_from_world,
    picture_size,
    pixel_matrix,
    pose_matrix,
)
from jaxrelic.errors import UserError

Element = xml.etree.ElementTree.Element

MAX_SKEW = 1e-3
"""Over the focal length; more does not come from a lens."""

_UNDISTORT = "undistort the photographs in Metashape (Export > Convert Images) and export again"


def is_xml(path: pathlib.Path) -> bool:
    """Whether a file begins as such a document does."""
    with path.open("rb") as file:
        head = file.read(2048)
    return head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<") and b"<document" in head


def read(path: pathlib.Path) -> PoseFile:
    """The cameras of the file that have a place."""
    data = path.read_bytes()
    if b"<!ENTITY" in data:
        raise UserError(f"pose file {path} has entities, which no camera needs; export it again")
    try:
        root = xml.etree.ElementTree.fromstring(data)
    except xml.etree.ElementTree.ParseError as error:
        raise UserError(f"pose file {path} is not XML ({error}); export it again") from error
    chunks = root.findall("chunk")
    if len(chunks) != 1:
        raise UserError(
            f"pose file {path} has {len(chunks)} chunks, each in a world of its own; export one"
        )
    (chunk,) = chunks
    sensors = {sensor.get("id"): sensor for sensor in chunk.iter("sensor")}
    worlds = {each.get("id"): _world(each) for each in chunk.iter("component")}
    poses = []
    for camera in chunk.iter("camera"):
        if camera.find("transform") is not None:
            try:
                world = worlds.get(camera.get("component_id"), _world(chunk))
                poses.append(_pose(camera, sensors[camera.get("sensor_id")], world))
            except (KeyError, TypeError, ValueError) as error:
                label = camera.get("label")
                raise UserError(f"pose file {path}: camera {label}: {error}") from error
    return PoseFile(
        path=path,
        format="Metashape XML",
        reading="camera-to-world, OpenCV axes",
        up=None,
        poses=tuple(poses),
    )


def _world(element: Element) -> np.ndarray:
    """Similarity [4, 4] of a chunk or a component; the unit matrix where it has none."""
    matrix = np.eye(4)
    transform = element.find("transform")
    if transform is None:
        return matrix
    scale = float(transform.findtext("scale") or 1)
    rotation = transform.findtext("rotation")
    if rotation:
        matrix[:3, :3] = scale * _numbers(rotation, 9).reshape(3, 3)
    matrix[:3, 3] = _numbers(transform.findtext("translation") or "0 0 0", 3)
    return matrix


def _pose(camera: Element, sensor: Element, world_from_chunk: np.ndarray) -> PhotographPose:
    matrix = world_from_chunk @ _numbers(camera.findtext("transform") or "", 16).reshape(4, 4)
    scale = np.cbrt(np.linalg.det(matrix[:3, :3]))
    matrix[:3, :3] /= scale
    lens, distortion, size = _lens(sensor)
    return PhotographPose(
        name=camera.get("label") or "",
        cam_from_world=cam_from_world(pose_matrix(matrix), "camera-to-world, OpenCV axes"),
        pixel_from_cam=lens,
        size=size,
        distortion=distortion,
    )


def _lens(sensor: Element) -> tuple[np.ndarray, tuple[float, ...], tuple[int, int]]:
    """Intrinsics [3, 3], OpenCV's distortion and the size of the pictures."""
    if sensor.get("type", "frame") != "frame":
        raise ValueError(f"its sensor is of type {sensor.get('type')}; {_UNDISTORT}")
    # Those that were adjusted, where there are those that were given too.
    calibrations = sorted(sensor.findall("calibration"), key=lambda each: each.get("class") or "")
    resolution = sensor.find("resolution")
    if not calibrations or resolution is None:
        raise ValueError("its sensor has no calibration; align the photographs before you export")
    value = {child.tag: child.text or "0" for child in calibrations[0]}
    number = {key: float(value.get(key, 0)) for key in _TERMS}
    width, height = (float(resolution.get(key)) for key in ("width", "height"))
    if number["k4"] or number["p3"] or number["p4"] or abs(number["b2"]) > MAX_SKEW * number["f"]:
        raise ValueError(f"its lens has a k4, p3, p4 or skew that OpenCV's lacks; {_UNDISTORT}")
    lens = pixel_matrix(
        number["f"] + number["b1"], number["f"], width / 2 + number["cx"], height / 2 + number["cy"]
    )
    # Metashape's P1 is the term along x, which is OpenCV's p2.
    distortion = tuple(number[key] for key in ("k1", "k2", "p2", "p1", "k3"))
    return lens, distortion, picture_size(width, height)


_TERMS = ("f", "cx", "cy", "b1", "b2", "k1", "k2", "k3", "k4", "p1", "p2", "p3", "p4")


def _numbers(text: str, count: int) -> np.ndarray:
    values = np.array([float(part) for part in re.split(r"\s+", text.strip()) if part])
    if len(values) != count or not np.isfinite(values).all():
        raise ValueError(f"{count} finite numbers are needed, here are {len(values)}")
    return values
