"""Masks that are the wrong way round: black on the object, as instant-ngp and others want them.

Such a set agrees with itself: everything but the object is in every "outline", and the hull is the
room. It shows at the rim of the pictures, which a background touches and an object rarely does, and
in the hull of what the masks leave out, which is an object.
"""

import dataclasses
import pathlib
from collections.abc import Callable, Sequence

import numpy as np

from jaxrelic.errors import UserError
from jaxrelic.geometry import carving
from jaxrelic.geometry.carving import Outline
from jaxrelic.photos import outline_agreement
from jaxrelic.photos.outline_agreement import FILLED

SURE, DOUBTFUL = 0.9, 0.5
"""Share of the rim that a mask covers from which it is surely, or perhaps, the background."""

FOUND = 0.5
"""IoU of what a mask leaves out with what was found in the photograph, to be the object."""

MIN_LEFT_OUT = 0.0005
"""Share of the picture that is left out at least, to be an object."""


def is_inverted(mask: np.ndarray) -> bool:
    """Whether a mask [h, w] bool covers the rim of its picture, and leaves out what is inside."""
    return rim_share(mask) >= SURE and float(np.mean(~mask)) >= MIN_LEFT_OUT


def rim_share(mask: np.ndarray) -> float:
    """Share of the outermost pixels that a mask [h, w] bool covers."""
    rim = np.concatenate([*mask[[0, -1]], *mask[1:-1, [0, -1]].T])
    return float(np.mean(rim))


def check_one(
    mask: np.ndarray, path: pathlib.Path, find: Callable[[], np.ndarray] | None = None
) -> None:
    """Raises UserError if a photograph's mask is the wrong way round.

    Args:
        mask: [h, w] bool.
        path: Its file, for the message.
        find: Finds the photograph's object, [h, w] bool; asked where the rim leaves a doubt.
    """
    share = rim_share(mask)
    doubt = find is not None and DOUBTFUL <= share < SURE and not mask.all()
    if is_inverted(mask) or (doubt and _is_background(mask, find())):
        raise UserError(
            f"mask {path} is the other way round: it is white along {share:.0%} of the "
            "picture's rim and black on the object; give one that is white on the object"
        )


def _is_background(mask: np.ndarray, found: np.ndarray) -> bool:
    """Whether what was found in the photograph is what the mask leaves out."""
    inside, outside = (np.sum(found & part) / np.sum(found | part) for part in (mask, ~mask))
    return bool(outside > max(FOUND, 2 * inside))


def check_all(names: Sequence[str], outlines: Sequence[Outline], *, source: str) -> None:
    """Raises UserError if masks that people gave are the wrong way round.

    Args:
        names: What messages call the views.
        outlines: With masks from files or from transparency, and their cameras.
        source: The pose file, for messages.
    """
    sure = [number for number, each in enumerate(outlines) if is_inverted(each.mask)]
    doubtful = [n for n, each in enumerate(outlines) if rim_share(each.mask) >= DOUBTFUL]
    if len(doubtful) > len(outlines) / 2 and len(sure) <= len(outlines) / 2:
        sure = doubtful if _fits_inverted(outlines, doubtful) else sure
    if sure:
        raise UserError(
            f"{source}: masks are the other way round in {len(sure)} of {len(outlines)} pictures "
            f"(first: {names[sure[0]]}): they are white at the rim and black inside; give masks "
            "that are white on the object"
        )


def _fits_inverted(outlines: Sequence[Outline], which: Sequence[int]) -> bool:
    """Whether what these masks leave out is one object for all cameras."""
    turned = [_inverted(each) if n in which else each for n, each in enumerate(outlines)]
    if any(not each.mask.any() for each in turned):
        return False
    overlaps = outline_agreement.measure(turned).overlaps(range(len(turned)))
    return bool(overlaps.min() >= FILLED)


def _inverted(outline: Outline) -> Outline:
    mask = ~outline.mask
    return dataclasses.replace(outline, mask=mask, whole=carving.is_whole(mask))
