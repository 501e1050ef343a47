"""Image metrics against closed forms and scikit-image."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from skimage.metrics import structural_similarity

from jaxrelic.metrics import image

RNG = np.random.default_rng(0)


def test_masks_overlap_by_the_known_share():
    truth = np.zeros((2, 8, 8), np.float32)
    truth[:, 2:6, 2:6] = 1.0
    prediction = truth.copy()
    prediction[1] = np.roll(prediction[1], 2, axis=-1)  # 8 of 24 pixels shared.
    total, count = image.mask_iou(prediction, truth)
    assert float(count) == 2
    assert float(total) == pytest.approx(1 + 8 / 24)


def test_two_empty_masks_agree_and_an_empty_guess_scores_zero():
    empty, full = np.zeros((1, 4, 4), np.float32), np.ones((1, 4, 4), np.float32)
    assert float(image.mask_iou(empty, empty)[0]) == 1.0
    assert float(image.mask_iou(empty, full)[0]) == 0.0


def test_a_constant_error_gives_its_decibels():
    truth = RNG.uniform(0.2, 0.8, (3, 4, 4, 3)).astype(np.float32)
    total, count = image.psnr(truth + np.float32(0.1), truth)
    assert float(total / count) == pytest.approx(20.0, abs=1e-3)
    assert float(image.psnr(truth, truth)[0]) == pytest.approx(300.0)


def test_ssim_agrees_with_scikit_image():
    truth = RNG.uniform(size=(2, 24, 20, 3)).astype(np.float32)
    noisy = np.clip(truth + 0.2 * RNG.normal(size=truth.shape), 0, 1).astype(np.float32)
    expected = [
        structural_similarity(
            a,
            b,
            channel_axis=-1,
            data_range=1.0,
            gaussian_weights=True,
            use_sample_covariance=False,
        )
        for a, b in zip(noisy, truth, strict=True)
    ]
    total, count = image.ssim(noisy, truth)
    assert float(total / count) == pytest.approx(np.mean(expected), abs=1e-4)


@pytest.mark.parametrize("metric", [image.psnr, image.ssim])
def test_padded_images_have_no_weight(metric):
    truth = RNG.uniform(size=(3, 12, 12, 3)).astype(np.float32)
    guess = RNG.uniform(size=(3, 12, 12, 3)).astype(np.float32)
    alone = metric(guess[:2], truth[:2])
    padded = metric(guess, truth, jnp.asarray([1.0, 1.0, 0.0]))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), padded, alone)
