"""Image metrics as (sum, count) pairs: divide once, on the host, after the last batch.

Sums leave padding and ragged final batches without weight: pass `valid` zero for a padded image.
"""

import jax.numpy as jnp
from jax import lax

from jaxrelic.rendering import overlap
from jaxrelic.typing import Array, Float, typechecked

MIN_SQUARED_ERROR = 1e-10
"""Identical images score 100 dB rather than infinity."""

SSIM_WINDOW, SSIM_SIGMA_PX = 11, 1.5
SSIM_C1, SSIM_C2 = 0.01**2, 0.03**2
"""Constants of Wang et al. (TIP 2004) for values in [0, 1]."""

SumCount = tuple[Float[Array, ""], Float[Array, ""]]


def _sum_count(values: Array, valid: Array | None) -> SumCount:
    """Reduces one value per image to its weighted sum and the number of images."""
    weights = jnp.ones_like(values) if valid is None else valid
    return jnp.sum(values * weights), jnp.sum(weights)


@typechecked
def mask_iou(
    prediction: Float[Array, "b h w"],
    truth: Float[Array, "b h w"],
    valid: Float[Array, " b"] | None = None,
) -> SumCount:
    """Intersection over union of masks cut at one half; two empty masks agree fully."""
    return _sum_count(overlap.mask_iou(prediction, truth), valid)


@typechecked
def psnr(
    prediction: Float[Array, "b h w c"],
    truth: Float[Array, "b h w c"],
    valid: Float[Array, " b"] | None = None,
) -> SumCount:
    """Peak signal-to-noise ratio in dB of images in [0, 1]."""
    error = jnp.mean(jnp.square(prediction - truth), axis=(-3, -2, -1))
    return _sum_count(-10 * jnp.log10(jnp.maximum(error, MIN_SQUARED_ERROR)), valid)


@typechecked
def ssim(
    prediction: Float[Array, "b h w c"],
    truth: Float[Array, "b h w c"],
    valid: Float[Array, " b"] | None = None,
) -> SumCount:
    """Structural similarity (Wang et al., TIP 2004), Gaussian window, interior pixels only.

    Args:
        prediction: In [0, 1]; height and width at least 11.
        truth: In [0, 1].
        valid: Weight of each image.
    """
    mean_p, mean_t = _blur(prediction), _blur(truth)
    var_p = _blur(prediction * prediction) - mean_p**2
    var_t = _blur(truth * truth) - mean_t**2
    covariance = _blur(prediction * truth) - mean_p * mean_t
    luminance = (2 * mean_p * mean_t + SSIM_C1) / (mean_p**2 + mean_t**2 + SSIM_C1)
    structure = (2 * covariance + SSIM_C2) / (var_p + var_t + SSIM_C2)
    return _sum_count(jnp.mean(luminance * structure, axis=(-3, -2, -1)), valid)


def _blur(images: Array) -> Array:
    """Separable Gaussian over [b, h, w, c] without padding."""
    offsets = jnp.arange(SSIM_WINDOW) - SSIM_WINDOW // 2
    kernel = jnp.exp(-0.5 * jnp.square(offsets / SSIM_SIGMA_PX))
    kernel = kernel / jnp.sum(kernel)
    planes = jnp.moveaxis(images, -1, 1).reshape(-1, 1, *images.shape[1:3])
    for shape in ((1, 1, -1, 1), (1, 1, 1, -1)):
        # Full precision: variances are small differences of large means.
        planes = lax.conv_general_dilated(
            planes, kernel.reshape(shape), (1, 1), "VALID", precision=lax.Precision.HIGHEST
        )
    height, width = planes.shape[-2:]
    return jnp.moveaxis(planes.reshape(images.shape[0], -1, height, width), 1, -1)
