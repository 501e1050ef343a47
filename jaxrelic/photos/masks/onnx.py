"""Coarse masks of salient objects from an ONNX file with U2-Net's interface.

The file is the user's: those that rembg keeps (`u2net.onnx`, `u2netp.onnx`, `silueta.onnx`) have
this interface. onnxruntime runs it; rembg itself is not needed, and nothing is downloaded.
"""

import pathlib
from typing import Any

import cv2
import numpy as np

from jaxrelic.errors import UserError
from jaxrelic.nn import imagenet
from jaxrelic.typing import Float, typechecked

INPUT_SIDE_PX = 320
"""Input side of a network whose file leaves its input's size open."""

_DARKEST = 1e-6
"""Brightest value of a photograph, at least; a black one is not divided by zero."""


class OnnxSegmenter:
    """A network that finds the salient object: (Qin et al. 2020, arXiv:2005.09007)."""

    def __init__(self, path: pathlib.Path):
        self._path = path
        self._session = _open(path)
        (self._input, *others) = self._session.get_inputs()
        shape = list(self._input.shape)
        if others or len(shape) != 4 or shape[1] != 3:
            given = ", ".join(f"{each.name} {each.shape}" for each in self._session.get_inputs())
            raise UserError(
                f"{path} takes {given}; a file with U2-Net's interface takes one picture, "
                "[n, 3, 320, 320]"
            )
        self._sides = [side if isinstance(side, int) else INPUT_SIDE_PX for side in shape[2:]]

    @typechecked
    def find(self, rgb: Float[np.ndarray, "h w 3"]) -> Float[np.ndarray, "h w"]:
        """Soft mask M_o of the photograph's size; the most salient pixel is 1, the least 0.

        Args:
            rgb: Photograph in [0, 1].
        """
        answer = self._session.run(None, {self._input.name: self._prepare(rgb)})[0]
        if answer.ndim != 4:
            raise UserError(
                f"the first output of {self._path} has shape {list(answer.shape)}; with U2-Net's "
                "interface it is a map, [n, 1, h, w]"
            )
        coarse = unit_range(np.float32(answer[0, 0]))
        return cv2.resize(coarse, rgb.shape[1::-1], interpolation=cv2.INTER_LINEAR)

    def _prepare(self, rgb: np.ndarray) -> np.ndarray:
        """The network's input, [1, 3, s, s]; the photograph's aspect is ignored."""
        height, width = self._sides
        shrinks = height * width < rgb.shape[0] * rgb.shape[1]
        how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        small = cv2.resize(np.float32(rgb), (width, height), interpolation=how)
        scaled = small / max(float(small.max()), _DARKEST)
        normalised = (scaled - np.float32(imagenet.MEAN)) / np.float32(imagenet.STD)
        return np.ascontiguousarray(normalised.transpose(2, 0, 1)[None])


@typechecked
def unit_range(values: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
    """Stretched to [0, 1]; a constant map has nothing that stands out and becomes 0."""
    low, high = float(values.min()), float(values.max())
    if not high > low:
        return np.zeros_like(values)
    return (values - low) / (high - low)


def _open(path: pathlib.Path) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise UserError(
            "masks are found by onnxruntime, which is missing; pip install onnxruntime"
        ) from error
    if not path.is_file():
        raise UserError(f"no ONNX file {path}; nothing is downloaded, so give one you have")
    try:
        return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # Its errors share no class but this.
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise UserError(f"{path} is no ONNX network that can be run ({reason})") from error
