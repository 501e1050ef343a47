"""From fragments to pixels: what each fragment adds, and what the sums mean.

Specification msrn B.3.

The depth softmax runs in two passes. The first finds each pixel's peak nearness, the second sums
weights relative to it, so that no exponential overflows and sums may be taken in any order.
"""

import flax.struct
import jax
import jax.numpy as jnp

from jaxrelic.rendering.settings import RasterSettings, SoftImage
from jaxrelic.rendering.soft import fragments
from jaxrelic.typing import Array, Float, typechecked

ALPHA_FLOOR = 1e-4
"""Pixels covered less than this report depth 0."""


BACKGROUND_NEARNESS = 2 * 1e-3
"""Where the background stands in the depth softmax, on the scale of `nearness`, as in the released
kernel: it weighs exp(2e-3 / gamma)."""


@flax.struct.dataclass
class PixelSums:
    """What fragments add to their pixels; each field has one value per pixel or fragment.

    A silhouette has opacity alone.
    """

    opacity: jax.Array
    """Minus the log probability that no face covers the pixel: a product would underflow."""
    weight: jax.Array | None = None
    """Colour weight, relative to the pixel's peak."""
    depth: jax.Array | None = None
    """Weighted depth."""
    red: jax.Array | None = None
    """Weighted red; likewise the next two."""
    green: jax.Array | None = None
    blue: jax.Array | None = None

    @property
    def alpha(self) -> jax.Array:
        """Probability that some face covers the pixel."""
        return -jnp.expm1(-self.opacity)


def opacity(met: fragments.Fragments) -> Array:
    """Minus the log probability that a fragment leaves its pixel uncovered."""
    return jnp.where(met.covered, jax.nn.softplus(jnp.where(met.covered, met.logit, 0)), 0)


def contribute(
    met: fragments.Fragments,
    rgb: tuple[Array, Array, Array],
    peak: Array,
    settings: RasterSettings,
) -> PixelSums:
    """What each fragment adds to its pixel, whose largest nearness is `peak`."""
    logit = jnp.where(met.covered, met.logit, 0)
    nearness, coloured = fragments.nearness(met, settings)
    weight = jnp.exp((nearness - peak) / settings.gamma) * jax.nn.sigmoid(logit)
    weight = jnp.where(coloured, weight, 0)
    return PixelSums(
        opacity=opacity(met),
        weight=weight,
        depth=weight * met.depth,
        red=weight * rgb[0],
        green=weight * rgb[1],
        blue=weight * rgb[2],
    )


@typechecked
def resolve(
    sums: PixelSums,
    peak: Float[Array, "*b h w"],
    background: Float[Array, "3"],
    settings: RasterSettings,
) -> SoftImage:
    """Normalises the sums and lets the background take its share of the colour."""
    behind = jnp.exp((BACKGROUND_NEARNESS - peak) / settings.gamma)
    rgb = [
        (total + behind * background[channel]) / (sums.weight + behind)
        for channel, total in enumerate((sums.red, sums.green, sums.blue))
    ]
    seen = (sums.alpha > ALPHA_FLOOR) & (sums.weight > 0)
    return SoftImage(
        rgb=jnp.stack(rgb, axis=-1),
        alpha=sums.alpha,
        depth=jnp.where(seen, sums.depth / jnp.where(seen, sums.weight, 1), 0),
        dropped=jnp.zeros(peak.shape[:-2], jnp.int32),
    )
