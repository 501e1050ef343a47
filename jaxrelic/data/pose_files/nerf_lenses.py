"""Lenses of transforms.json: a frame's own values, then those that all frames share.

Several programs write such files, and some leave two answers in one: a focal length for all beside
an angle of view in each frame. What stands nearer to the photograph wins, and it is said.
"""

import logging
import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from jaxrelic.data.pose_files.records import picture_size, pixel_matrix
from jaxrelic.errors import UserError

logger = logging.getLogger(__name__)

MODELS = (
    *("OPENCV", "PINHOLE", "SIMPLE_PINHOLE", "PERSPECTIVE"),
    *("SIMPLE_RADIAL", "RADIAL", "FULL_OPENCV"),
)
"""Values of `camera_model` that can be undistorted; the radial ones are a part of OPENCV."""

CONTRADICTS = 0.01
"""Relative difference of two focal lengths that is more than rounding."""

_DISTORTION = ("k1", "k2", "p1", "p2", "k3")
_OF_FULL = ("k4", "k5", "k6")
_ONE_OF = ("fl_x", "camera_angle_x")


class Lenses:
    """The lens of each frame of a file."""

    def __init__(self, path: pathlib.Path, shared: dict[str, Any]):
        """Args: the file, for messages, and what it says for all frames."""
        self.path, self.shared = path, shared
        self.contradictions: list[tuple[str, float, float]] = []

    def of(self, name: str, frame: dict[str, Any]) -> dict[str, Any]:
        """Fields of a PhotographPose; raises ValueError, TypeError or UserError."""
        values = self.shared | frame
        self._check_model(name, values)
        answers = list(self._answers(frame, values))
        if not answers:
            raise ValueError(
                "it has neither fl_x nor camera_angle_x, and the file has none for all"
            )
        for other in answers[1:]:
            self._compare(name, answers[0], other, values)
        return {**_fields(answers[0], values), "distortion": _distortion(values)}

    def warn(self) -> None:
        """One line for all frames whose file says two things."""
        if not self.contradictions:
            return
        name, used, other = self.contradictions[0]
        pose_count = len(self.contradictions)
        logger.warning(
            "%s: contradicting intrinsics for %d photographs (%s: a focal length of %.4g px and "
            "one of %.4g px); the first is used, which stands %s; take the wrong ones out",
            self.path,
            pose_count,
            name,
            used,
            other,
            "in the frame itself or is its fl_x",
        )

    def _answers(self, frame: dict, values: dict) -> Iterator[dict[str, Any]]:
        """Everything that says how long the focal length is, the frame's own first."""
        for where in (frame, self.shared):
            for key in _ONE_OF:
                if where.get(key) is not None:
                    rest = {k: v for k, v in values.items() if k not in _ONE_OF and k != "fl_y"}
                    if key == "fl_x" and where.get("fl_y") is not None:
                        rest["fl_y"] = where["fl_y"]
                    yield rest | {key: where[key]}

    def _compare(self, name: str, used: dict, other: dict, values: dict) -> None:
        width = values.get("w") or 2 * float(values.get("cx") or 0)
        if not width:
            return
        first, second = (_focal_px(answer, float(width)) for answer in (used, other))
        if abs(first - second) > CONTRADICTS * max(first, second):
            self.contradictions.append((name, first, second))

    def _check_model(self, name: str, values: dict[str, Any]) -> None:
        """Refuses lenses that OpenCV's rational model does not describe."""
        model = values.get("camera_model", "OPENCV")
        if model not in MODELS or values.get("is_fisheye"):
            named = "a fisheye" if model in MODELS else model
            raise UserError(
                f"pose file {self.path}: frame {name} was taken with the camera model {named}; "
                f"only {', '.join(MODELS)} can be undistorted here; undistort the photographs "
                "first (colmap image_undistorter) and give their poses"
            )


def _focal_px(answer: dict[str, Any], width: float) -> float:
    if "fl_x" in answer:
        return float(answer["fl_x"])
    return 0.5 * width / np.tan(0.5 * float(answer["camera_angle_x"]))


def _distortion(values: dict[str, Any]) -> tuple[float, ...]:
    full = values.get("camera_model") == "FULL_OPENCV"
    keys = (*_DISTORTION, *_OF_FULL) if full else _DISTORTION
    if values.get("k4") and not full:
        raise ValueError(f"k4 is {values['k4']}, which OpenCV's model lacks; undistort first")
    distortion = tuple(float(values.get(key, 0.0)) for key in keys)
    if not np.isfinite(distortion).all():
        raise ValueError("the distortion has values that are not finite")
    return distortion


def _fields(answer: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """pixel_from_cam or angle_x, and size."""
    size = picture_size(values["w"], values["h"]) if "w" in values and "h" in values else None
    if "fl_x" in answer:
        focal = float(answer["fl_x"]), float(answer.get("fl_y", answer["fl_x"]))
        if not ("cx" in values and "cy" in values) and size is None:
            raise ValueError("it has fl_x, but neither cx and cy nor w and h; add them")
        centre = size or (0, 0)
        centre = values.get("cx", centre[0] / 2), values.get("cy", centre[1] / 2)
        return {"pixel_from_cam": pixel_matrix(*focal, *map(float, centre)), "size": size}
    angle = float(answer["camera_angle_x"])
    if not 0 < angle < np.pi:
        raise ValueError(f"camera_angle_x is {angle:g}; it is in radians, between 0 and pi")
    if size is not None and "cx" in values and "cy" in values:
        focal_px = _focal_px(answer, size[0])
        centre = float(values["cx"]), float(values["cy"])
        return {"pixel_from_cam": pixel_matrix(focal_px, focal_px, *centre), "size": size}
    return {"angle_x": angle, "size": size}
