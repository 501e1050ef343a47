"""The relief network: a photograph and a mask to the first and the last surface behind each pixel.

A U-Net (arXiv:1505.04597) of residual blocks without normalisation, each of which starts as the
identity. Depths are (z - z0) / W (see `rendering.two_layers.views`), so that neither a lens
nor a unit is asked for. An untrained network is the inflation of the mask (`geometry.inflation`):
thickness is a factor on it. The plane that both layers lie about has a head of its own, and the map
is freed of any plane before it is added: most of the error of a single head is that plane.
"""

import dataclasses
import functools

import flax.struct
import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxrelic.models.relief.planes import coordinates, fitted_plane, plane_depth
from jaxrelic.nn.convolution import Conv, Precision
from jaxrelic.typing import Array, Float, typechecked

THINNEST = 0.005
"""Added to the inflated half thickness, in crop widths: a factor can do nothing with zero."""
LARGEST_FACTOR = 3.0
"""Logarithm of the most that thickness may differ from the inflation's."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReliefConfig:
    """Sizes of the network."""

    widths: tuple[int, ...] = (64, 96, 160, 192)
    """Channels at each level, the finest first; a level is half as wide as the one before it and
    the first one a quarter of the photograph."""
    blocks: tuple[int, ...] = (2, 2, 2, 1)
    """Residual blocks of each level on the way down, and as many on the way up."""
    code: int = 256
    """Numbers that the whole picture is told in, and width of the plane's hidden layer."""
    precision: Precision = "float32"
    """Precision of the factors of convolutions."""


@flax.struct.dataclass
class Relief:
    """Two layers and what they are made of; all depths in crop widths."""

    front: jax.Array
    """First surface, [b, h, w]; half the photograph's size: each pixel of the finest level gives
    four (sub-pixel convolution, arXiv:1609.05158)."""
    thickness: jax.Array
    """Last surface less first, positive, [b, h, w]."""
    plane: jax.Array
    """Offset and tilts along x and y of the plane through the layers' middle, [b, 3]."""
    elevation: jax.Array
    """Elevation of the camera above the horizon, radians, [b]."""

    @property
    def back(self) -> jax.Array:
        """Last surface, [b, h, w]."""
        return self.front + self.thickness


class ResidualBlock(nn.Module):
    """x + conv(relu(conv(relu(x)))) whose second kernel starts at zero."""

    precision: Precision = "float32"

    @nn.compact
    @typechecked
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        width = x.shape[-1]
        conv = functools.partial(Conv, width, padding=1, precision=self.precision)
        y = conv(name="conv_1")(nn.relu(x))
        return x + conv(kernel_init=nn.initializers.zeros, name="conv_2")(nn.relu(y))


class GlobalCode(nn.Module):
    """What the whole picture says, and its return to every pixel."""

    width: int

    @nn.compact
    @typechecked
    def __call__(
        self, x: Float[Array, "b h w c"]
    ) -> tuple[Float[Array, "b h w c"], Float[Array, "b k"]]:
        flat = nn.relu(x).reshape(x.shape[0], -1)
        code = nn.relu(nn.Dense(self.width, name="gather")(flat))
        back = nn.Dense(x.shape[-1], kernel_init=nn.initializers.zeros, name="spread")(code)
        return x + back[:, None, None, :], code


class ReliefNet(nn.Module):
    """Photograph, mask and distance to the outline to two layers."""

    config: ReliefConfig = ReliefConfig()

    @nn.compact
    @typechecked
    def __call__(
        self,
        photo: Float[Array, "b h w 3"],
        mask: Float[Array, "b h w"],
        distance: Float[Array, "b h w"],
        inflated: Float[Array, "b i j"],
    ) -> Relief:
        """Predicts the layers where the mask is; elsewhere they mean nothing.

        Args:
            photo: Masked and of a common brightness; see `inputs.network_inputs`.
            mask: Coverage in [0, 1].
            distance: From each pixel to the outline, positive inside, in crop widths.
            inflated: Half thickness of the inflated mask at half the size, in crop widths.
        """
        x = self._stem(photo, mask, distance, inflated)
        kept = []
        for level, count in enumerate(self.config.blocks):
            if level:
                width = self.config.widths[level]
                x = self._conv(width, (1, 1), name=f"down_{level}")(fold(nn.relu(x)))
            for block in range(count):
                x = ResidualBlock(self.config.precision, name=f"encode_{level}_{block}")(x)
            kept.append(x)
        x, code = GlobalCode(self.config.code, name="global")(x)
        for level in reversed(range(len(kept))):
            if level < len(kept) - 1:
                x = kept[level] + self._enlarged(x, level)
            for block in range(self.config.blocks[level]):
                x = ResidualBlock(self.config.precision, name=f"decode_{level}_{block}")(x)
        return self._relief(x, code, mask, inflated)

    def _stem(self, photo: Array, mask: Array, distance: Array, inflated: Array) -> Array:
        """All inputs at a quarter of their size, 4 x 4 pixels folded into channels."""
        planes = jnp.stack([mask, 4 * distance], axis=-1)
        x = fold(fold(jnp.concatenate([photo, planes], axis=-1)))
        xy = jnp.broadcast_to(2 * coordinates(*x.shape[1:3])[None], (*x.shape[:3], 2))
        return self._conv(self.config.widths[0], padding=1, name="stem")(
            jnp.concatenate([x, fold(4 * inflated[..., None]), xy], axis=-1)
        )

    def _enlarged(self, x: Array, level: int) -> Array:
        """Twice as wide and high, with the channels of `level`."""
        return unfold(
            self._conv(4 * self.config.widths[level], (1, 1), name=f"up_{level}")(nn.relu(x))
        )

    def _conv(self, *sizes, **options) -> Conv:
        return Conv(*sizes, precision=self.config.precision, **options)

    def _relief(self, x: Array, code: Array, mask: Array, inflated: Array) -> Relief:
        """Puts a map without a plane, a thickness and a plane together."""
        zeros, small = nn.initializers.zeros, nn.initializers.normal(1e-3)
        maps = unfold(self._conv(8, padding=1, kernel_init=zeros, name="layers")(nn.relu(x)))
        weight = jnp.mean(fold(mask[..., None]), axis=-1)
        factor = LARGEST_FACTOR * jnp.tanh(maps[..., 1] / LARGEST_FACTOR)
        thickness = 2 * (inflated + THINNEST) * jnp.exp(factor)
        shape = maps.shape[1:3]
        middle = maps[..., 0] - plane_depth(fitted_plane(maps[..., 0], weight), *shape)
        pose = nn.Dense(self.config.code, name="pose_hidden")(code)
        pose = nn.Dense(4, kernel_init=small, name="pose")(nn.relu(pose))
        middle = middle + plane_depth(pose[:, :3], *shape)
        return Relief(
            front=middle - 0.5 * thickness,
            thickness=thickness,
            plane=pose[:, :3],
            elevation=pose[:, 3],
        )


@typechecked
def fold(x: Float[Array, "b h w c"]) -> Float[Array, "b i j d"]:
    """2 x 2 pixels into channels."""
    b, h, w, c = x.shape
    x = x.reshape(b, h // 2, 2, w // 2, 2, c).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(b, h // 2, w // 2, 4 * c)


@typechecked
def unfold(x: Float[Array, "b h w c"]) -> Float[Array, "b i j d"]:
    """Channels into 2 x 2 pixels, the inverse of `fold`."""
    b, h, w, c = x.shape
    x = x.reshape(b, h, w, 2, 2, c // 4).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(b, 2 * h, 2 * w, c // 4)
