"""Object masks for photographs: a coarse mask, refined by a foreground network if there is one.

The mask that this gives is M^s; the object over a plain background, I^r of M-SRN eq. 19, is what
`photo.prepare` and `photo.over_background` make of it.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import cv2
import jax
import numpy as np

from jaxrelic.errors import UserError
from jaxrelic.models.foreground.model import Foreground, ForegroundConfig
from jaxrelic.photos.masks.onnx import unit_range
from jaxrelic.photos.masks.refinement import Refined, RefineSettings, refine
from jaxrelic.typing import Float, typechecked

CoarseMasks = Callable[[np.ndarray], np.ndarray]
"""Function from a photograph [h, w, 3] in [0, 1] to coverage of its object [h, w]."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class MaskPredictor:
    """A trained foreground perception, ready to use."""

    config: ForegroundConfig
    """Sizes of the network."""
    image_size: int
    """Side of its inputs, in pixels."""
    variables: Any
    """Parameters and running statistics."""

    @functools.cached_property
    def _apply(self):
        model = Foreground(self.config)
        return jax.jit(lambda variables, image: model.apply(variables, image, method="perceive"))

    @typechecked
    def activation(
        self, rgb: Float[np.ndarray, "h w 3"], category: int | None = None
    ) -> Float[np.ndarray, "h w"]:
        """M_f of one photograph, stretched to [0, 1] and as large as the photograph.

        The whole photograph is looked at: it is padded to a square rather than cropped.

        Args:
            rgb: Photograph in [0, 1].
            category: Category of its object; None takes the one that scores best.
        """
        if category is not None and not 0 <= category < self.config.categories:
            raise UserError(
                f"category {category} is not in 0..{self.config.categories - 1} of this model"
            )
        height, width = rgb.shape[:2]
        maps, scores = self._apply(self.variables, _square(rgb, self.image_size)[None])
        best = int(np.argmax(scores[0])) if category is None else category
        activation = unit_range(np.asarray(maps[0, ..., best]))
        side = max(height, width)
        # Never outside [0, 1]: bilinear weights are a mean.
        whole = cv2.resize(activation, (side, side), interpolation=cv2.INTER_LINEAR)
        top, left = (side - height) // 2, (side - width) // 2
        return whole[top : top + height, left : left + width]


def _square(rgb: np.ndarray, size: int) -> np.ndarray:
    """The photograph in the middle of a square that repeats its edge, [size, size, 3]."""
    height, width = rgb.shape[:2]
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    padding = (top, side - height - top), (left, side - width - left), (0, 0)
    square = np.pad(np.float32(rgb), padding, mode="edge")
    averaging = cv2.INTER_AREA if size < side else cv2.INTER_LINEAR
    return cv2.resize(square, (size, size), interpolation=averaging)


@dataclasses.dataclass(frozen=True, kw_only=True)
class MaskFinder:
    """Coarse masks, refined if there is somebody to do it."""

    coarse: CoarseMasks
    """Where M_o comes from: `onnx.OnnxSegmenter.find` or `salient.find`."""
    mask_predictor: MaskPredictor | None = None
    """Where M_f comes from; None leaves masks coarse."""
    settings: RefineSettings = dataclasses.field(default_factory=RefineSettings)
    """How the two are joined."""
    category: int | None = None
    """Category of the objects; None takes the one that scores best."""

    def find(self, rgb: np.ndarray) -> np.ndarray:
        """The mask of one photograph, [h, w] in [0, 1]."""
        return self.explain(rgb).refined.mask

    def explain(self, rgb: np.ndarray, coarse: np.ndarray | None = None) -> "Explained":
        """The mask of one photograph and what it was made of.

        Args:
            rgb: Photograph in [0, 1].
            coarse: M_o if it is known already.
        """
        coarse = np.float32(self.coarse(rgb) if coarse is None else coarse)
        if self.mask_predictor is None:
            return Explained(coarse, None, Refined(mask=coarse, fell_back=False))
        activation = self.mask_predictor.activation(rgb, self.category)
        return Explained(coarse, activation, refine(coarse, activation, self.settings))


@dataclasses.dataclass(frozen=True)
class Explained:
    """A mask with the steps towards it."""

    coarse: np.ndarray
    """M_o, [h, w] in [0, 1]."""
    activation: np.ndarray | None
    """M_f, [h, w] in [0, 1]; None if nobody was asked."""
    refined: Refined
    """M^s."""
