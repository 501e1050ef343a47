"""What about a mask should make its user look at it."""

import numpy as np
import scipy.ndimage

from jaxrelic.typing import Float, typechecked

TOUCHING_SHARE = 0.02
"""Part of a border that the object has to cover to be cut off there."""
SMALL_SHARE = 0.01
"""Part of the picture below which a mask may be of a speck."""
PIECE_SHARE = 0.05
"""Part of the object that a piece beside the largest has to be."""


@typechecked
def doubts(mask: Float[np.ndarray, "h w"]) -> list[str]:
    """One sentence for each doubt; none if there is nothing to say.

    Args:
        mask: Coverage of the object in [0, 1].
    """
    inside = mask > 0.5
    rims = {"upper": inside[0], "lower": inside[-1], "left": inside[:, 0], "right": inside[:, -1]}
    cut = [name for name, rim in rims.items() if rim.mean() > TOUCHING_SHARE]
    found = []
    if cut:
        found.append(
            f"the object reaches the {' and the '.join(cut)} border of the picture: what is cut "
            "off is missing in the mesh"
        )
    if inside.mean() < SMALL_SHARE:
        found.append(f"the object covers {inside.mean():.1%} of the picture; is it the right one?")
    if (pieces := separate(inside)) > 1:
        found.append(f"the mask has {pieces} separate pieces, which are taken for one object")
    return found


def separate(inside: np.ndarray) -> int:
    """Connected pieces of a mask [h, w] bool that are no specks."""
    labels, count = scipy.ndimage.label(inside, np.ones((3, 3)))
    if count < 2:
        return count
    sizes = np.bincount(labels.ravel())[1:]
    return int(np.count_nonzero(sizes > PIECE_SHARE * sizes.sum()))
