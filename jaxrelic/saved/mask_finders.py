"""How masks are found, as the options of a command say."""

import functools
import pathlib

import numpy as np

from jaxrelic.photos.masks import onnx as onnx_masks
from jaxrelic.photos.masks import salient
from jaxrelic.photos.masks.finder import CoarseMasks, MaskFinder
from jaxrelic.photos.masks.refinement import RefineSettings
from jaxrelic.saved.load import load


def open_mask_finder(
    onnx: pathlib.Path | None,
    foreground_run: pathlib.Path | None,
    settings: RefineSettings | None = None,
    category: int | None = None,
) -> MaskFinder:
    """How masks are found: coarse ones by U2-Net-p or an ONNX file, refined by a run or not."""
    coarse = salient.find if onnx is None else onnx_masks.OnnxSegmenter(onnx).find
    if onnx is not None and foreground_run is None:
        coarse = functools.partial(_cleaned, coarse)
    predictor = None
    if foreground_run is not None:
        predictor = load(foreground_run, role="a photograph into a mask")
    return MaskFinder(
        coarse=coarse,
        mask_predictor=predictor,
        settings=settings or RefineSettings(),
        category=category,
    )


def _cleaned(coarse: CoarseMasks, rgb: np.ndarray) -> np.ndarray:
    """A soft mask cleaned as that of the network that travels with the install."""
    return salient.sharpened(rgb, coarse(rgb))
