"""ResNet trunks (He et al., arXiv:1512.03385) of basic or bottleneck blocks, no classifier."""

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxrelic.nn.convolution import Conv
from jaxrelic.typing import Array, Float, typechecked

kaiming_fan_out = nn.initializers.variance_scaling(2.0, "fan_out", "normal")
"""Kaiming normal weights counted over outputs, as ResNets are usually started."""


class ResNet(nn.Module):
    """Image in [0, 1] to one feature vector; the defaults are ResNet-18."""

    widths: tuple[int, ...] = (64, 128, 256, 512)
    """Channels of each stage; every stage after the first halves the map."""
    blocks: int = 2
    """Basic blocks per stage."""

    @nn.compact
    @typechecked
    def __call__(self, image: Float[Array, "b h w 3"], *, train: bool) -> Float[Array, "b d"]:
        x = stem(image, self.widths[0], train=train)
        for stage, width in enumerate(self.widths):
            for block in range(self.blocks):
                stride = 2 if stage > 0 and block == 0 else 1
                x = BasicBlock(width, stride, name=f"stage_{stage}_block_{block}")(x, train=train)
        return x.mean(axis=(1, 2))


class BasicBlock(nn.Module):
    """Two 3x3 convolutions around a skip, which a 1x1 convolution projects to a new shape."""

    features: int
    stride: int

    @nn.compact
    @typechecked
    def __call__(self, x: Float[Array, "b h w c"], *, train: bool) -> Float[Array, "b i j d"]:
        y = convolution(self.features, 3, self.stride, name="conv_0")(x)
        y = nn.relu(norm(train, name="norm_0")(y))
        y = convolution(self.features, 3, 1, name="conv_1")(y)
        y = norm(train, name="norm_1")(y)
        if x.shape != y.shape:
            x = convolution(self.features, 1, self.stride, name="skip")(x)
            x = norm(train, name="skip_norm")(x)
        return nn.relu(x + y)


class BottleneckStages(nn.Module):
    """Some consecutive stages of a ResNet of bottleneck blocks, as a map of features.

    A network may work on the map between two stages, so the stages are given in parts: widths
    (64, 128, 256, 512), blocks (3, 4, 6, 3) and strides (1, 2, 2, 2) make up ResNet-50.
    """

    widths: tuple[int, ...]
    """Channels inside the blocks of each stage; `EXPANSION` times as many leave it."""
    blocks: tuple[int, ...]
    """Blocks of each stage."""
    strides: tuple[int, ...]
    """Stride of the first block of each stage."""
    first: int = 0
    """Number of the first stage; number 0 starts at the image, behind the stem."""

    @nn.compact
    @typechecked
    def __call__(self, x: Float[Array, "b h w c"], *, train: bool) -> Float[Array, "b i j d"]:
        if self.first == 0:
            x = stem(x, self.widths[0], train=train)
        stages = zip(self.widths, self.blocks, self.strides, strict=True)
        for stage, (width, count, stride) in enumerate(stages, start=self.first):
            for block in range(count):
                name = f"stage_{stage}_block_{block}"
                x = BottleneckBlock(width, stride if block == 0 else 1, name=name)(x, train=train)
        return x


EXPANSION = 4
"""Channels of a bottleneck block's output over those inside it."""


class BottleneckBlock(nn.Module):
    """Convolutions 1x1, 3x3, 1x1 around a skip; the middle one strides, as torchvision's does."""

    features: int
    stride: int

    @nn.compact
    @typechecked
    def __call__(self, x: Float[Array, "b h w c"], *, train: bool) -> Float[Array, "b i j d"]:
        y = convolution(self.features, 1, 1, name="conv_0")(x)
        y = nn.relu(norm(train, name="norm_0")(y))
        y = convolution(self.features, 3, self.stride, name="conv_1")(y)
        y = nn.relu(norm(train, name="norm_1")(y))
        y = convolution(EXPANSION * self.features, 1, 1, name="conv_2")(y)
        y = norm(train, name="norm_2")(y)
        if x.shape != y.shape:
            x = convolution(EXPANSION * self.features, 1, self.stride, name="skip")(x)
            x = norm(train, name="skip_norm")(x)
        return nn.relu(x + y)


def stem(image: Array, features: int, *, train: bool) -> Array:
    """The layers before the first stage: to a quarter of the image's side."""
    x = convolution(features, 7, 2, name="stem")(image)
    return max_pool(nn.relu(norm(train, name="stem_norm")(x)))


@typechecked
def max_pool(x: Float[Array, "b h w c"]) -> Float[Array, "b i j c"]:
    """Largest of each 3x3 window, stride 2, padding 1.

    Rows first, then columns: the gradient of `nn.max_pool` takes six times as long on a CPU. Equal
    entries share the gradient where that one picks the first.
    """
    x = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=-jnp.inf)
    for axis in (1, 2):
        reach = (x.shape[axis] - 3) // 2 * 2 + 1
        first, middle, last = (
            jax.lax.slice_in_dim(x, start, start + reach, 2, axis) for start in range(3)
        )
        x = jnp.maximum(jnp.maximum(first, middle), last)
    return x


def convolution(features: int, size: int, stride: int, *, name: str) -> Conv:
    """A bias-free convolution padded to keep the map's size before striding."""
    return Conv(
        features,
        (size, size),
        strides=stride,
        padding=size // 2,
        use_bias=False,
        kernel_init=kaiming_fan_out,
        name=name,
    )


def norm(train: bool, *, name: str) -> nn.BatchNorm:
    """Batch normalisation, with statistics shared by all replicas while training.

    Running variances are of the biased kind; PyTorch's differ by n / (n - 1).
    """
    return nn.BatchNorm(
        use_running_average=not train,
        momentum=0.9,
        epsilon=1e-5,
        axis_name="batch" if train else None,
        name=name,
    )
