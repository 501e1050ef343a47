"""What every pose file comes down to: a camera per photograph, in our convention."""

import dataclasses
import pathlib
from typing import Any, Literal

import cv2
import numpy as np

from jaxrelic.geometry import cameras

Reading = Literal[
    "camera-to-world, OpenGL axes",
    "camera-to-world, OpenCV axes",
    "world-to-camera, OpenGL axes",
    "world-to-camera, OpenCV axes",
]
"""What the matrices of a file may mean: OpenGL is right, up, back; OpenCV right, down, forward."""

READINGS: tuple[Reading, ...] = (
    "camera-to-world, OpenGL axes",
    "camera-to-world, OpenCV axes",
    "world-to-camera, OpenGL axes",
    "world-to-camera, OpenCV axes",
)

ROTATION_TOLERANCE = 1e-3
"""Rotations this far from orthonormal were rounded by who wrote them, and are made orthonormal."""

MAX_SIDE_PX = 100_000
"""No photograph has a longer side."""

_FLIP = np.diag([1.0, -1.0, -1.0, 1.0])


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class PhotographPose:
    """What a pose file says about one photograph."""

    name: str
    """Name as the file has it: a path or a name, with its suffix or without."""
    cam_from_world: np.ndarray
    """[4, 4] float64, camera axes right, down, forward; the world is the file's."""
    pixel_from_cam: np.ndarray | None = None
    """[3, 3] float64 in pixels of a picture of `size`; None if only the angle of view is known."""
    size: tuple[int, int] | None = None
    """Width and height in pixels; None if the file does not say."""
    angle_x: float | None = None
    """Horizontal angle of view in radians, where there are no intrinsics."""
    focal_share: float | None = None
    """Focal length over the picture's longer side, where there is nothing in pixels."""
    centre_share: tuple[float, float] = (0.0, 0.0)
    """Principal point from the picture's middle, right and down, over its longer side; likewise."""
    distortion: tuple[float, ...] = ()
    """OpenCV's k1, k2, p1, p2[, k3[, k4, k5, k6]] of the photograph; empty for none."""
    mask_name: str | None = None
    """Path of the photograph's mask, from the folder of the pose file, if the file names one."""
    depth_name: str | None = None
    """Path of a depth map, likewise; it is no photograph and not used."""

    def intrinsics(self, width: int, height: int) -> np.ndarray:
        """pixel_from_cam [3, 3] for a picture of this size, whose aspect is that of `size`."""
        if self.focal_share is not None:
            longer, (right, down) = max(width, height), self.centre_share
            focal, cx, cy = self.focal_share * longer, width / 2, height / 2
            return pixel_matrix(focal, focal, cx + right * longer, cy + down * longer)
        if self.pixel_from_cam is None:
            assert self.angle_x is not None, "a reader gives intrinsics or an angle"
            focal = 0.5 * width / np.tan(0.5 * self.angle_x)
            centred = [[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]]
            return np.array(centred, np.float64)
        if self.size is None:
            return self.pixel_from_cam
        return cameras.resize_intrinsics(
            self.pixel_from_cam, width / self.size[0], height / self.size[1]
        )


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class PoseFile:
    """The cameras of a pose file."""

    path: pathlib.Path
    """Where it is, for messages."""
    format: str
    """Name of its format, for messages."""
    reading: Reading
    """What its matrices mean by the rules of the format."""
    up: np.ndarray | None
    """Direction in the world that is up by the rules of the format, [3]; None if it has no rule."""
    poses: tuple[PhotographPose, ...]
    """Poses in the order of the file."""
    folders: tuple[pathlib.Path, ...] = ()
    """Where the format itself keeps its photographs, the likeliest first."""
    before_from_world: np.ndarray | None = None
    """From the file's world back to that of the program before it, [4, 4], if the file says how."""


def read_text(path: pathlib.Path) -> str:
    """A text file in UTF-8 or, behind its mark, UTF-16, as programs on Windows write it.

    Raises UnicodeDecodeError, a ValueError, if it is no text.
    """
    data = path.read_bytes()
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    return data.decode("utf-16" if wide else "utf-8-sig")


def cam_from_world(matrix: np.ndarray, reading: Reading) -> np.ndarray:
    """A file's matrix [4, 4] in our convention."""
    to_world, opengl = reading.startswith("camera"), reading.endswith("OpenGL axes")
    cam = np.linalg.inv(matrix) if to_world else matrix
    return _FLIP @ cam if opengl else cam


def reread(ours: np.ndarray, was: Reading, other: Reading) -> np.ndarray:
    """cam_from_world [4, 4] if the matrix that was read in one way meant another."""
    cam = _FLIP @ ours if was.endswith("OpenGL axes") else ours
    return cam_from_world(np.linalg.inv(cam) if was.startswith("camera") else cam, other)


def pose_matrix(rows: Any) -> np.ndarray:
    """A rigid transform [4, 4] from the rows of a file, [3, 4] or [4, 4], checked."""
    pose = np.asarray(rows, np.float64)
    if pose.shape == (3, 4):
        pose = np.concatenate([pose, [[0.0, 0.0, 0.0, 1.0]]])
    if pose.shape != (4, 4):
        raise ValueError(f"its matrix has shape {list(pose.shape)}; [4, 4] or [3, 4] is needed")
    if not np.isfinite(pose).all():
        raise ValueError("its matrix has values that are not finite")
    if not np.allclose(pose[3], [0, 0, 0, 1], atol=ROTATION_TOLERANCE):
        raise ValueError(f"the last row of its matrix is {pose[3].tolist()}, not 0 0 0 1")
    rotation = pose[:3, :3]
    error = np.abs(rotation @ rotation.T - np.eye(3)).max()
    if error > ROTATION_TOLERANCE:
        raise ValueError(
            f"its rotation is off orthonormal by {error:.2g}; take scales out of the matrices"
        )
    if np.linalg.det(rotation) < 0:
        raise ValueError("its rotation is a mirror; use right-handed axes")
    u, _, vt = np.linalg.svd(rotation)
    rigid = np.eye(4)
    rigid[:3, :3], rigid[:3, 3] = u @ vt, pose[:3, 3]
    return rigid


def pixel_matrix(fx: float, fy: float, cx: float, cy: float) -> np.ndarray:
    """pixel_from_cam [3, 3] float64."""
    matrix = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]], np.float64)
    if not np.isfinite(matrix).all() or fx <= 0 or fy <= 0:
        raise ValueError(f"focal lengths {fx:g}, {fy:g} px; they are positive numbers")
    return matrix


def picture_size(width: Any, height: Any) -> tuple[int, int]:
    """Width and height in whole pixels, from numbers of a file."""
    size = int(width), int(height)
    if size != (width, height) or not all(1 <= side <= MAX_SIDE_PX for side in size):
        raise ValueError(f"width and height are {width} and {height}; give whole pixels")
    return size


def undistort(image: np.ndarray, pixel_from_cam: np.ndarray, distortion: tuple) -> np.ndarray:
    """The picture [h, w, c] that a lens without distortion and the same intrinsics would take.

    What such a lens sees and the photograph does not is zero.
    """
    if not any(distortion):
        return image
    height, width = image.shape[:2]
    # OpenCV puts pixel centres at whole numbers, we at halves.
    matrix = cameras.crop_intrinsics(pixel_from_cam, 0.5, 0.5)
    maps = cv2.initUndistortRectifyMap(
        matrix, np.array(distortion), None, matrix, (width, height), cv2.CV_32FC1
    )
    return cv2.remap(image, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
