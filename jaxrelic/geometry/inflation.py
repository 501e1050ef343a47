"""Inflation: the height field whose outline alone is known, without any learning.

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
