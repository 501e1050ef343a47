"""Photographs of an analytic relic in a world of its own, with pose files of every format."""

import dataclasses
import json
import pathlib

import cv2
import numpy as np
import scipy.spatial.transform

from jaxrelic.data import synthetic

SCALE = 3.0
CENTRE = np.array([5.0, -2.0, 1.0])
TURN = scipy.spatial.transform.Rotation.from_euler("z", 30, degrees=True).as_matrix()
FLIP = np.diag([1.0, -1.0, -1.0, 1.0])


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shot:
    """One view in the photographer's world, in which the relic is SCALE times as large."""

    name: str
    bgra: np.ndarray
    cam_from_world: np.ndarray
    pixel_from_cam: np.ndarray

    @property
    def mask(self):
        return self.bgra[..., 3] > 127


def shots(index=1, count=8, size=96, record=None):
    """Odd relics are boxes, whose outlines differ from side to side."""
    if record is None:
        record = synthetic.SyntheticRelics(1, count, size, first=index)[0]
    found = []
    for number, png in enumerate(record["rgba"]):
        ours = record["cam_from_world"][number].astype(np.float64)
        pose = np.eye(4)
        # Records are float32; formats that hold quaternions cannot repeat their rounding.
        u, _, vt = np.linalg.svd(ours[:3, :3] @ TURN.T)
        pose[:3, :3] = u @ vt
        pose[:3, 3] = SCALE * ours[:3, 3] - pose[:3, :3] @ CENTRE
        shot = Shot(
            name=f"shot_{number}",
            bgra=cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED),
            cam_from_world=pose,
            pixel_from_cam=record["pixel_from_cam"][number].astype(np.float64),
        )
        found.append(shot)
    return found


def to_world(points):
    """Points of the record in the photographer's world."""
    return SCALE * points @ TURN.T + CENTRE


def write_photographs(folder: pathlib.Path, taken, *, masks=None):
    """PNG files, transparent or with masks beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    for shot in taken:
        image = shot.bgra
        if masks is not None:
            masks.mkdir(exist_ok=True)
            cv2.imwrite(str(masks / f"{shot.name}.png"), image[..., 3])
            alpha = image[..., 3:] / 255
            image = np.uint8(np.rint(image[..., :3] * alpha + 40 * (1 - alpha)))
        cv2.imwrite(str(folder / f"{shot.name}.png"), image)
    return folder


def world_from_cam(shot):
    return (np.linalg.inv(shot.cam_from_world) @ FLIP).tolist()


def write_schema(path, taken, **changes):
    height, width = taken[0].bgra.shape[:2]
    content = {
        "schema": "jaxrelic.poses/1",
        "width": width,
        "height": height,
        "pixel_from_cam": taken[0].pixel_from_cam.tolist(),
        "near_far": [0.5, 1.8],
        "camera_axes": "right-up-back",
        "world_up": "z",
        "views": [
            {"name": s.name, "world_from_cam": world_from_cam(s), "anchor": 0, "neighbour": None}
            for s in taken
        ],
    }
    path.write_text(json.dumps(content | changes))
    return path


def write_transforms(path, taken, **changes):
    height, width = taken[0].bgra.shape[:2]
    (fx, _, cx), (_, fy, cy), _ = taken[0].pixel_from_cam.tolist()
    lens = {"fl_x": fx, "fl_y": fy, "cx": cx, "cy": cy, "w": width, "h": height}
    frames = [
        {"file_path": f"images/{s.name}.png", "transform_matrix": world_from_cam(s)} for s in taken
    ]
    content = {**lens, "camera_model": "OPENCV", "frames": frames} | changes
    path.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))
    return path


def write_colmap(folder, taken, *, camera=None, points="", suffix=".png"):
    folder.mkdir(parents=True, exist_ok=True)
    height, width = taken[0].bgra.shape[:2]
    (fx, _, cx), (_, fy, cy), _ = taken[0].pixel_from_cam.tolist()
    camera = camera or f"PINHOLE {width} {height} {fx!r} {fy!r} {cx!r} {cy!r}"
    (folder / "cameras.txt").write_text(f"# Camera list\n7 {camera}\n")
    lines = ["# Image list"]
    for number, shot in enumerate(taken):
        rotation = scipy.spatial.transform.Rotation.from_matrix(shot.cam_from_world[:3, :3])
        x, y, z, w = rotation.as_quat().tolist()
        numbers = [w, x, y, z, *shot.cam_from_world[:3, 3].tolist()]
        lines.append(f"{number + 1} {' '.join(map(repr, numbers))} 7 {shot.name}{suffix}")
        lines += [] if points is None else [points]
    (folder / "images.txt").write_text("\n".join(lines) + "\n")
    return folder
