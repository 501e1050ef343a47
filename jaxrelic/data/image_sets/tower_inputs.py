"""Pictures as the published image towers want them: reduced, cut and normalised.

The resize is Pillow's antialiased one on bytes, as the towers were trained with.
"""

import dataclasses

import numpy as np
import PIL.Image

from jaxrelic.nn import imagenet
from jaxrelic.typing import Array, Float, UInt8, typechecked


@dataclasses.dataclass(frozen=True, kw_only=True)
class TowerInput:
    """Resize of the short side, centre crop, normalisation."""

    resize: int
    """Short side after the bicubic resize, in pixels."""
    crop: int
    """Side of the centre crop, in pixels."""
    mean: tuple[float, float, float]
    """Mean of RGB in [0, 1]."""
    std: tuple[float, float, float]
    """Standard deviation of RGB in [0, 1]."""

    @typechecked
    def prepare(self, image: UInt8[np.ndarray, "h w 3"]) -> Float[Array, "s s 3"]:
        """A picture of an object over white as the input of a tower, float32."""
        height, width = image.shape[:2]
        short = min(height, width)
        size = (self.resize * width // short, self.resize * height // short)
        resized = PIL.Image.fromarray(image).resize(size, PIL.Image.Resampling.BICUBIC)
        left, top = ((length - self.crop) // 2 for length in size)
        cut = np.asarray(resized)[top : top + self.crop, left : left + self.crop]
        return (cut / np.float32(255) - np.float32(self.mean)) / np.float32(self.std)


def clip_input(image_size: int = 224) -> TowerInput:
    """CLIP's (specification msrn D.1)."""
    return TowerInput(
        resize=image_size,
        crop=image_size,
        mean=(0.48145466, 0.4578275, 0.40821073),
        std=(0.26862954, 0.26130258, 0.27577711),
    )


def dino_input(image_size: int = 224) -> TowerInput:
    """DINOv2's: an eighth of the picture is cut away, colours are normalised as in ImageNet."""
    return TowerInput(
        resize=image_size * 8 // 7,
        crop=image_size,
        mean=imagenet.MEAN,
        std=imagenet.STD,
    )
