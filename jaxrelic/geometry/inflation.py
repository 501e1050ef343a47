"""Heights of an outline alone: inflated, or turned about its upright axis.

Inflation: the height field whose outline alone is known, without any learning.

The square of the height solves a Poisson equation, as in Prasad and Fitzgibbon's and earlier
inflations (e.g. Twarog, Tappen and Adelson 2012): lap(h^2) = -2 inside the outline and h = 0 on it.
A long strip of half width w then has h^2 = w^2 - x^2, a round rod; a disc of radius R has
h^2 = (R^2 - r^2) / 2, an ellipsoid.
"""

import numpy as np
import scipy.sparse
import scipy.sparse.linalg

from jaxrelic.typing import Bool, Float, typechecked

SOURCE = 2.0
"""Minus the Laplacian of the squared height: with it, strips become round."""


@typechecked
def inflate(mask: Bool[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
    """Half thickness at the pixels of a mask, 0 outside, in picture widths.

    Five-point differences at pixel centres. The outline runs half a pixel outside the last centres:
    there the neighbour is the value that makes a straight line zero at the outline, -h^2.

    Args:
        mask: Where the object is; beyond the border there is none.
    """
    height, width = mask.shape
    count = int(mask.sum())
    if not count:
        return np.zeros(mask.shape, np.float32)
    number = np.full((height + 2, width + 2), -1)
    number[1:-1, 1:-1][mask] = np.arange(count)
    inner = number[1:-1, 1:-1] >= 0
    here = number[1:-1, 1:-1][inner]
    diagonal, rows, columns = np.full(count, 4.0), [], []
    for dy, dx in ((0, 1), (2, 1), (1, 0), (1, 2)):
        beside = number[dy : dy + height, dx : dx + width][inner]
        rows.append(here[beside >= 0])
        columns.append(beside[beside >= 0])
        diagonal += beside < 0
    rows, columns = np.concatenate(rows), np.concatenate(columns)
    matrix = scipy.sparse.coo_matrix((np.full(len(rows), -1.0), (rows, columns)), (count, count))
    matrix = (matrix + scipy.sparse.diags(diagonal)).tocsc()
    squared = scipy.sparse.linalg.spsolve(matrix, np.full(count, SOURCE / width**2))
    half = np.zeros(mask.shape, np.float32)
    half[mask] = np.sqrt(np.maximum(squared, 0))
    return half


@typechecked
def turned(mask: Bool[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
    """Half thickness of a body of revolution about an upright axis, 0 outside, in picture widths.

    Each row of the body is a disc about the axis, as wide as its narrower side; what stands out
    beyond it, such as a handle, is inflated.

    Args:
        mask: Where the object is; the axis is the upright line on which its flip agrees best.
    """
    half = inflate(mask)
    if not mask.any():
        return half
    width = mask.shape[1]
    axis = symmetry_axis_px(mask)
    middle = int(np.clip(axis, 0, width - 1))
    for row in np.flatnonzero(mask[:, middle]):
        left, right = _run_around(mask[row], middle)
        radius = min(axis - left, right - axis)
        squared = radius**2 - (np.arange(width) + 0.5 - axis) ** 2
        disc = np.sqrt(np.maximum(squared, 0)) / width
        half[row] = np.where(mask[row], np.maximum(half[row], disc), 0)
    return half


def symmetry_axis_px(mask: Bool[np.ndarray, "h w"]) -> float:
    """Column, in pixels, of the upright line about which the mask's flip agrees best with it."""
    width = mask.shape[1]
    share = mask.astype(np.float64)
    spectrum = np.fft.rfft(share, 2 * width, axis=1)
    # Column i of the flip about c is column 2c - i: the agreement at all c is a self-convolution.
    agreement = np.fft.irfft(spectrum**2, 2 * width, axis=1).sum(axis=0)[: 2 * width - 1]
    return (int(np.argmax(agreement)) + 1) / 2


def _run_around(row: np.ndarray, column: int) -> tuple[int, int]:
    """First pixel of the covered run around a column, and the one after its last."""
    gaps = np.flatnonzero(~row)
    before, after = gaps[gaps < column], gaps[gaps > column]
    return (before[-1] + 1 if len(before) else 0), (after[0] if len(after) else len(row))
