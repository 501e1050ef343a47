"""Foreground perception of M-SRN: a classifier whose features say where the object is.

Section 3.1 of M-SRN (Sci. China Inf. Sci. 69(2):122106, 2026) and Background Activation
Suppression (arXiv:2112.00580), on which it builds: a map M_f is right when the photograph without
it can no longer be recognised, and when it is no larger than that takes. Equations are M-SRN's.
"""

import dataclasses
from typing import Literal, Self

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from jaxrelic.models.foreground.memory import ForegroundMemoryConfig
from jaxrelic.nn import imagenet
from jaxrelic.nn.convolution import Conv
from jaxrelic.nn.resnet import EXPANSION, BottleneckStages
from jaxrelic.typing import Array, Float, Int, typechecked


@dataclasses.dataclass(frozen=True, kw_only=True)
class ForegroundConfig:
    """Sizes of the network; the defaults are ResNet-50 with the strides of BAS."""

    categories: int = 10
    """Categories to distinguish."""
    widths: tuple[int, ...] = (64, 128, 256, 512)
    """Channels inside the blocks of each stage; four times as many leave it."""
    blocks: tuple[int, ...] = (3, 4, 6, 3)
    """Bottleneck blocks of each stage."""
    strides: tuple[int, ...] = (1, 2, 1, 1)
    """Stride of each stage, after the stem's 4; ResNet-50 has (1, 2, 2, 2). A smaller stride gives
    a finer map: (1, 2, 1, 1) gives 28 x 28 for 224 px."""
    tap: int = 3
    """Stages before the features F that the map is made of; the map is halved after them."""
    classifier_width: int = 1024
    """Channels of the classifier's hidden layers."""
    scores: Literal["relu", "softplus"] = "relu"
    """How scores are kept from falling below 0: relu as in BAS, which dies easily where no trunk
    has been trained before, or softplus."""
    class_agnostic: bool = False
    """One map for all categories instead of one each, of which the label's is used."""
    memory: ForegroundMemoryConfig = dataclasses.field(default_factory=ForegroundMemoryConfig)
    """Memory of foregrounds and backgrounds."""

    def __post_init__(self) -> None:
        lengths = len(self.widths), len(self.blocks), len(self.strides)
        if len(set(lengths)) > 1:
            raise ValueError(f"widths, blocks and strides have {lengths} stages; give each as many")
        if not 1 <= self.tap < len(self.widths):
            raise ValueError(f"tap is {self.tap}; set it to 1..{len(self.widths) - 1}")

    @classmethod
    def compact(cls, **changes) -> Self:
        """A network that learns in minutes on a CPU; 64 px give a map of 16 x 16."""
        settings = {
            "widths": (8, 16, 24, 32),
            "blocks": (1, 1, 1, 1),
            "strides": (1, 1, 1, 1),
            "classifier_width": 32,
            "scores": "softplus",
            "memory": ForegroundMemoryConfig(slots=64),
        }
        return cls(**settings | changes)

    @property
    def features(self) -> int:
        """Channels of F, Q_f in the paper."""
        return EXPANSION * self.widths[self.tap - 1]


@flax.struct.dataclass
class ForegroundOutput:
    """What training compares; b photographs, maps of i x j."""

    activation: jax.Array
    """M_f, the map of each photograph's category, [b, i, j] in [0, 1]."""
    scores: jax.Array
    """Scores of each category for the whole photograph, not below 0, [b, t]."""
    activated_scores: jax.Array
    """The same when only the foreground counts, [b, t]."""
    erased_scores: jax.Array
    """The same without the foreground; only `activation` learns from it, [b, t]."""
    foreground: jax.Array
    """Features summed over the foreground (M-SRN eq. 9), [b, q]."""
    background: jax.Array
    """Features summed over the background (M-SRN eq. 10), [b, q]."""


class Foreground(nn.Module):
    """A trunk, a generator of maps and a classifier."""

    config: ForegroundConfig

    def setup(self) -> None:
        config, tap = self.config, self.config.tap
        self.trunk = BottleneckStages(
            config.widths[:tap], config.blocks[:tap], config.strides[:tap]
        )
        self.top = BottleneckStages(
            config.widths[tap:], config.blocks[tap:], config.strides[tap:], first=tap
        )
        self.classifier = Classifier(config.classifier_width, config.categories, config.scores)
        self.generator = Conv(
            1 if config.class_agnostic else config.categories, padding=1, name="generator"
        )

    @typechecked
    def __call__(
        self, image: Float[Array, "b s s 3"], category: Int[Array, " b"], *, train: bool
    ) -> ForegroundOutput:
        """Everything that training looks at.

        Args:
            image: Photographs with their background, in [0, 1].
            category: Category of the object in each.
            train: Normalise by the batch, over all replicas of the axis "batch".
        """
        features = self.trunk(normalise(image), train=train)
        maps = self._maps(features)
        activation = jnp.take_along_axis(maps, self._channel(category)[:, None, None, None], -1)
        class_maps = self._classify(features, train=train)
        # The copies of BAS share the weights of what they copy and pass no gradient to them.
        kept = jax.lax.stop_gradient(features) * (1 - activation)
        erased = halve(kept, jnp.max)
        for layer in (self.top, self.classifier):
            erased = _without_learning(layer, erased, train=train)
        return ForegroundOutput(
            activation=activation[..., 0],
            scores=jnp.mean(class_maps, axis=(1, 2)),
            activated_scores=jnp.mean(class_maps * halve(activation, jnp.mean), axis=(1, 2)),
            erased_scores=jnp.mean(erased, axis=(1, 2)),
            foreground=jnp.sum(features * activation, axis=(1, 2)),
            background=jnp.sum(features * (1 - activation), axis=(1, 2)),
        )

    @typechecked
    def perceive(
        self, image: Float[Array, "b s s 3"]
    ) -> tuple[Float[Array, "b i j t"], Float[Array, "b t"]]:
        """The map of every category, or the only one, and the categories' scores."""
        features = self.trunk(normalise(image), train=False)
        class_maps = self._classify(features, train=False)
        shape = (*features.shape[:3], self.config.categories)
        return jnp.broadcast_to(self._maps(features), shape), jnp.mean(class_maps, axis=(1, 2))

    def _maps(self, features: Array) -> Array:
        return nn.sigmoid(self.generator(features))

    def _channel(self, category: Array) -> Array:
        return jnp.zeros_like(category) if self.config.class_agnostic else category

    def _classify(self, features: Array, *, train: bool) -> Array:
        """Score of each category at each position, [b, i / 2, j / 2, t]."""
        return self.classifier(self.top(halve(features, jnp.max), train=train), train=train)


class Classifier(nn.Module):
    """Three convolutions; their mean over positions scores the categories."""

    features: int
    categories: int
    scores: Literal["relu", "softplus"]

    @nn.compact
    @typechecked
    def __call__(self, x: Float[Array, "b h w c"], *, train: bool) -> Float[Array, "b h w t"]:
        del train  # Nothing here normalises by the batch; `top` does.
        widths, sizes = (self.features, self.features, self.categories), (3, 3, 1)
        for layer, (width, size) in enumerate(zip(widths, sizes, strict=True)):
            convolve = Conv(
                width,
                (size, size),
                padding=size // 2,
                kernel_init=nn.initializers.he_normal(),
                name=f"conv_{layer}",
            )
            x = convolve(x)
            if layer < len(widths) - 1:
                x = nn.relu(x)
        return nn.relu(x) if self.scores == "relu" else nn.softplus(x)


@typechecked
def normalise(image: Float[Array, "b h w 3"]) -> Float[Array, "b h w 3"]:
    """RGB in [0, 1] to the mean and spread of ImageNet."""
    mean, std = (np.float32(values).reshape(1, 1, 1, 3) for values in (imagenet.MEAN, imagenet.STD))
    return (image - mean) / std


def halve(x: Array, reduce) -> Array:
    """`reduce` of each 2x2 window, [b, h, w, c] to [b, h / 2, w / 2, c]."""
    batch, height, width, channels = x.shape
    if height % 2 or width % 2:
        raise ValueError(
            f"a map of {height} x {width} has no 2x2 windows; choose another image size"
        )
    return reduce(x.reshape(batch, height // 2, 2, width // 2, 2, channels), axis=(2, 4))


def _without_learning(layer: nn.Module, x: Array, *, train: bool) -> Array:
    """`layer` as it is: it learns nothing from this and its running statistics stay as they are."""
    frozen = jax.lax.stop_gradient(layer.variables)
    copy = layer.clone(parent=None, name=None)
    return copy.apply(frozen, x, train=train, mutable=["batch_stats"])[0]
