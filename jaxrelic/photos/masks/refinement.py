"""A coarse mask, cleaned by what foreground perception saw (M-SRN eq. 18).

A coarse mask M_o follows outlines well and takes in bystanders; the activation map M_f is blurred
but knows which part is the object. M^s is M_o where M_f is high.
"""

import dataclasses
import functools
from typing import Literal

import numpy as np
import scipy.ndimage

from jaxrelic.typing import Bool, Float, typechecked

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels; right and bottom are outside."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RefineSettings:
    """How a coarse mask is refined; the paper's rule is the threshold alone."""

    threshold: float = 0.4
    """Activation from which the coarse mask is believed, lambda in the paper."""
    binarise_at: float | None = 0.5
    """Coverage from which a pixel is object; None keeps soft masks, as the paper does."""
    pieces: Literal["largest", "all"] = "largest"
    """Connected pieces that are kept: the largest that meets the box, or all, as in the paper."""
    min_share: float = 0.01
    """Part of the box below which the refinement has lost the object and the coarse mask is kept; 0
    always believes the refinement, as the paper does."""

    @classmethod
    def literal(cls) -> "RefineSettings":
        """The paper's rule and nothing else."""
        return cls(binarise_at=None, pieces="all", min_share=0.0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Refined:
    """A mask and whether the refinement had a say in it."""

    mask: np.ndarray
    """M^s, [h, w] float32 in [0, 1]."""
    fell_back: bool
    """True when too little was left, so that `mask` is the coarse one."""


@typechecked
def refine(
    coarse: Float[np.ndarray, "h w"],
    activation: Float[np.ndarray, "h w"],
    settings: RefineSettings,
    *,
    box: Box | None = None,
) -> Refined:
    """M^s of M-SRN eq. 18: the coarse mask where the activation reaches the threshold.

    Args:
        coarse: M_o in [0, 1].
        activation: M_f of the same size, stretched to [0, 1].
        settings: Threshold and what is done after it.
        box: Where the object is, if somebody has said so; else anywhere.
    """
    left, top, right, bottom = box or (0, 0, coarse.shape[1], coarse.shape[0])
    inside = np.zeros(coarse.shape, bool)
    inside[top:bottom, left:right] = True
    finish = functools.partial(_finish, settings=settings, inside=inside)
    mask = finish(np.where(activation >= settings.threshold, coarse, 0))
    # Without a box there is only the coarse mask to say how large the object might be.
    expected = inside.sum() if box else np.count_nonzero(coarse >= 0.5)
    lost = np.count_nonzero(mask >= 0.5) < settings.min_share * expected
    return Refined(mask=finish(coarse) if lost else mask, fell_back=bool(lost))


def _finish(mask: np.ndarray, *, settings: RefineSettings, inside: np.ndarray) -> np.ndarray:
    """Binarised and reduced to one piece, as far as the settings say."""
    if settings.binarise_at is not None:
        mask = (mask >= settings.binarise_at).astype(np.float32)
    if settings.pieces == "largest":
        mask = mask * largest_piece(mask > 0, inside)
    return np.float32(mask)


@typechecked
def largest_piece(
    mask: Bool[np.ndarray, "h w"], inside: Bool[np.ndarray, "h w"] | None = None
) -> Bool[np.ndarray, "h w"]:
    """The largest connected piece, of those that meet `inside` if given; nothing if none does."""
    labels, _ = scipy.ndimage.label(mask)
    candidates = np.unique(labels[mask if inside is None else inside & mask])
    if not len(candidates):
        return np.zeros_like(mask)
    sizes = np.bincount(labels.reshape(-1))
    return labels == candidates[np.argmax(sizes[candidates])]
