"""Heights of an outline alone: inflated, or turned about its upright axis.

Inflation: the height field whose outline alone is known, without any learning.

The square of the height solves a Poisson equation, as in Prasad and Fitzgibbon's and earlier
inflations (e.g. Twarog, Tappen and Adelson 2012): lap(h^2) = -2 inside the outline and h = 0 on it.
A long strip of half width w then has h^2 = w^2 - x^2, a round rod; a disc of radius R has
h^2 = (R^2 - r^2) / 2, an ellipsoid.
"""

import numpy as np
import scipy.linalg
import scipy.sparse
import scipy.sparse.linalg

from jaxrelic.typing import Bool, Float, typechecked

SOURCE = 2.0
"""Minus the Laplacian of the squared height: with it, strips become round."""

LARGEST_BAND = 4_000_000
"""Entries of the band of the matrix up to which it is factored as such: faster, but all stored."""


@typechecked
def inflate(mask: Bool[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
    """Half thickness at the pixels of a mask, 0 outside, in picture widths.

    Five-point differences at pixel centres. The outline runs half a pixel outside the last centres:
    there the neighbour is the value that makes a straight line zero at the outline, -h^2.

    Args:
        mask: Where the object is; beyond the border there is none.
    """
    half = np.zeros(mask.shape, np.float32)
    count = int(mask.sum())
    if count:
        number = np.full(np.add(mask.shape, 2), -1)
        number[1:-1, 1:-1][mask] = np.arange(count)
        squared = _solved(number, SOURCE / mask.shape[1] ** 2)
        half[mask] = np.sqrt(np.maximum(squared, 0))
    return half


def _solved(number: np.ndarray, source: float) -> np.ndarray:
    """Values [n] with -lap = source at the numbered pixels of a padded picture, -1 elsewhere."""
    here = number[1:-1, 1:-1]
    beside = [number[1:-1, 2:], number[2:, 1:-1], number[1:-1, :-2], number[:-2, 1:-1]]
    inner = here >= 0
    beside = [each[inner] for each in beside]
    here = here[inner]
    diagonal = 4.0 + sum((each < 0).astype(float) for each in beside)
    # Right and below are later in number: the upper half of a symmetric matrix.
    rows = np.concatenate([here[each >= 0] for each in beside[:2]])
    columns = np.concatenate([each[each >= 0] for each in beside[:2]])
    band = int((columns - rows).max(initial=0))
    right = np.full(len(here), source)
    if (band + 1) * len(here) <= LARGEST_BAND:
        upper = np.zeros((band + 1, len(here)))
        upper[band] = diagonal
        upper[band + rows - columns, columns] = -1
        return scipy.linalg.solveh_banded(upper, right, overwrite_ab=True, check_finite=False)
    beyond = scipy.sparse.coo_matrix((np.full(len(rows), -1.0), (rows, columns)), (len(here),) * 2)
    matrix = (beyond + beyond.T + scipy.sparse.diags(diagonal)).tocsc()
    return scipy.sparse.linalg.spsolve(matrix, right, permc_spec="MMD_AT_PLUS_A")


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
