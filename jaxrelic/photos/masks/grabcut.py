"""Cuts one object out of a photograph without a mask: GrabCut seeded by the border's colours."""

import cv2
import numpy as np
import scipy.ndimage

from jaxrelic.photos.masks.refinement import largest_piece
from jaxrelic.typing import Array, Float, typechecked

WORKING_SIDE_PX = 320
"""The longer side is reduced to this; outlines are needed at the network's size only."""

BORDER_SHARE = 0.03
"""Width of the frame taken for background, as a part of the longer side."""

PALETTE_SIZE = 12
"""Colours that stand for the frame."""

MIN_COLOUR_DISTANCE = 6.0
"""CIELAB distance below which a pixel looks like the frame; half a step on a grey scale of 16."""

GRABCUT_ROUNDS = 5

SPECK_SHARE = 0.02
"""Holes smaller than this part of the object are highlights, whatever their colour."""


@typechecked
def find(rgb: Float[np.ndarray, "h w 3"]) -> Float[np.ndarray, "h w"]:
    """Coverage of the most likely object, all zero when nothing differs from the frame.

    Pixels unlike the frame seed GrabCut (Rother et al., SIGGRAPH 2004); of its answer the largest
    connected piece is kept, and its holes are filled unless the background shows through.

    Args:
        rgb: Photograph in [0, 1].
    """
    height, width = rgb.shape[:2]
    scale = min(1.0, WORKING_SIDE_PX / max(height, width))
    small = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    mask = _grab(small.astype(np.float32))
    return np.clip(cv2.resize(mask, (width, height), interpolation=cv2.INTER_LINEAR), 0, 1)


def _grab(rgb: np.ndarray) -> np.ndarray:
    """The object of a small picture, [h, w] float32, 0 or 1."""
    frame = np.ones(rgb.shape[:2], bool)
    border = max(1, round(BORDER_SHARE * max(rgb.shape[:2])))
    frame[border:-border, border:-border] = False
    distance = _distance_to_frame(rgb, frame)
    threshold = max(MIN_COLOUR_DISTANCE, _otsu(distance))
    seeds = np.where(distance > threshold, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    seeds[frame] = cv2.GC_BGD
    if not (seeds == cv2.GC_PR_FGD).any():
        return np.zeros(rgb.shape[:2], np.float32)
    cv2.setRNGSeed(0)  # GrabCut clusters colours from random starts; the same photo, the same mask.
    models = np.zeros((1, 65)), np.zeros((1, 65))
    image = np.ascontiguousarray(np.uint8(np.round(255 * rgb)))
    cv2.grabCut(image, seeds, None, *models, GRABCUT_ROUNDS, cv2.GC_INIT_WITH_MASK)
    piece = largest_piece((seeds == cv2.GC_FGD) | (seeds == cv2.GC_PR_FGD))
    return _fill_holes(piece, unlike_frame=distance > threshold).astype(np.float32)


def _distance_to_frame(rgb: Array, frame: np.ndarray) -> np.ndarray:
    """CIELAB distance of each pixel to the nearest colour of the frame, [h, w] float32."""
    lab = cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB)
    cv2.setRNGSeed(0)
    samples = np.ascontiguousarray(lab[frame])
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 20, 0.5)
    clusters = min(PALETTE_SIZE, len(samples))
    _, _, palette = cv2.kmeans(samples, clusters, None, stop, 1, cv2.KMEANS_PP_CENTERS)
    return np.linalg.norm(lab[:, :, None] - palette, axis=-1).min(axis=-1)


def _otsu(distance: np.ndarray) -> float:
    """The threshold that splits distances best into two groups."""
    scaled = np.uint8(np.clip(distance, 0, 255))
    return float(cv2.threshold(scaled, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)[0])


def _fill_holes(piece: np.ndarray, *, unlike_frame: np.ndarray) -> np.ndarray:
    """Fills holes, but for views through a handle: large, and mostly of the frame's colours."""
    labels, count = scipy.ndimage.label(scipy.ndimage.binary_fill_holes(piece) & ~piece)
    if count == 0:
        return piece
    index = np.arange(1, count + 1)
    like_object = scipy.ndimage.mean(unlike_frame, labels, index) > 0.5
    speck = scipy.ndimage.sum_labels(labels > 0, labels, index) < SPECK_SHARE * piece.sum()
    solid = index[like_object | speck]
    return piece | np.isin(labels, solid)
