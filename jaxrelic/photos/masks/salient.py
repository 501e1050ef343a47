"""Finds the object of a photograph with the network that travels with the install.

U2-Net-p (arXiv:2005.09007) knows what stands out, whatever the background, and loses thin parts;
GrabCut (Rother et al., SIGGRAPH 2004) follows edges and does not know what it cuts out. So the
network seeds GrabCut, which decides between what is surely object and what is surely not.
"""

import functools
import logging

import cv2
import numpy as np

from jaxrelic.photos.masks.doubts import separate
from jaxrelic.photos.masks.onnx import OnnxSegmenter
from jaxrelic.photos.masks.refinement import largest_piece
from jaxrelic.shipped import SALIENT_OBJECT
from jaxrelic.typing import Float, typechecked

logger = logging.getLogger(__name__)

WORKING_SIDE_PX = 512
"""The longer side is reduced to this; outlines are needed at the network's size only."""
SURE = 0.9
"""Answer of the network from which a pixel is surely object, and 1 - this surely not."""
BAND_SHARE = 0.01
"""What is sure ends this far before it does, as a part of the longer side."""
ROUNDS = 3


@typechecked
def find(rgb: Float[np.ndarray, "h w 3"]) -> Float[np.ndarray, "h w"]:
    """Coverage of the most salient object, all zero when nothing stands out.

    Args:
        rgb: Photograph in [0, 1].
    """
    return sharpened(rgb, _network().find(rgb))


@functools.cache
def _network() -> OnnxSegmenter:
    return OnnxSegmenter(SALIENT_OBJECT)


@typechecked
def sharpened(
    rgb: Float[np.ndarray, "h w 3"], soft: Float[np.ndarray, "h w"]
) -> Float[np.ndarray, "h w"]:
    """The largest piece of a soft mask, its unsure pixels decided by colour.

    Args:
        rgb: Photograph in [0, 1].
        soft: Coverage in [0, 1].
    """
    height, width = soft.shape
    scale = min(1.0, WORKING_SIDE_PX / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small, cover = (cv2.resize(x, size, interpolation=cv2.INTER_AREA) for x in (rgb, soft))
    decided = _decided(np.uint8(np.round(255 * small)), cover)
    if (pieces := separate(decided)) > 1:
        logger.warning("%d objects stand out, and the largest is taken; a mask chooses", pieces)
    piece = largest_piece(decided).astype(np.float32)
    return np.clip(cv2.resize(piece, (width, height), interpolation=cv2.INTER_LINEAR), 0, 1)


def _decided(image: np.ndarray, cover: np.ndarray) -> np.ndarray:
    """Where the object is, [h, w] bool."""
    reach = max(1, round(BAND_SHARE * max(cover.shape)))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    inside, outside = (cv2.erode(np.uint8(x), disc) > 0 for x in (cover > SURE, cover < 1 - SURE))
    if not (inside.any() and outside.any()):
        return cover > 0.5
    labels = np.where(cover > 0.5, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    labels[inside], labels[outside] = cv2.GC_FGD, cv2.GC_BGD
    cv2.setRNGSeed(0)  # GrabCut clusters colours from random starts; the same photo, the same mask.
    models = np.zeros((1, 65)), np.zeros((1, 65))
    image = np.ascontiguousarray(image)
    cv2.grabCut(image, labels, None, *models, ROUNDS, cv2.GC_INIT_WITH_MASK)
    return (labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)
