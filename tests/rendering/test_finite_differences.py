"""Gradients in float64 against differences of the specification's formulas, written out in NumPy.

What is differentiated in practice has no exact derivative to compare with: it holds the
barycentrics constant (specification msrn B.3). Here they are computed once and held by hand.
"""

import dataclasses
import functools

import jax
import numpy as np
import pytest

from jaxrelic.rendering.soft_rasterizer import CornerColours, RasterSettings, soft_rasterize

HEIGHT, WIDTH = 6, 8
PAPER = RasterSettings(sigma=1e-2, gamma=2e-2, near=0.5, far=4.0)
BACKGROUND = (0.2, 0.5, 0.9)
FLOOR = 1e-4  # Alpha below which depth is 0.
STEP = 1e-6


def scene():
    """Five faces of both orientations, overlapping in depth and reaching out of the image."""
    rng = np.random.default_rng(8)
    corners = rng.uniform(-0.8, 0.8, (5, 1, 2)) + rng.normal(0, 0.5, (5, 3, 2))
    depth = rng.uniform(1, 3, (5, 3, 1))
    return np.concatenate([corners, depth], axis=-1), rng.uniform(size=(5, 3, 3))


def centres():
    """Pixel centres in NDC whose longer side spans [-1, 1], [h, w, 2]."""
    row, column = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    return np.stack([2 * column / WIDTH - 1, (1 - 2 * row / HEIGHT) * HEIGHT / WIDTH], axis=-1)


def barycentrics(face):
    """Weights of the corners at every pixel, [h, w, 3], by solving for them."""
    pixels = np.concatenate([centres(), np.ones((HEIGHT, WIDTH, 1))], axis=-1)
    return np.einsum("ij,hwj->hwi", np.linalg.inv(np.stack([*face[:, :2].T, np.ones(3)])), pixels)


def held_weights(faces):
    """Clipped barycentrics of all faces, [f, h, w, 3]."""
    clipped = np.clip([barycentrics(face) for face in isotropic(faces)], 0, 1)
    return clipped / np.maximum(clipped.sum(axis=-1, keepdims=True), 1e-5)


def isotropic(faces):
    return faces * [1, HEIGHT / WIDTH, 1]


def squared_distance(face):
    """Of every pixel to the boundary of a face, [h, w]."""
    found = []
    for start, end in zip(face[:, :2], np.roll(face[:, :2], -1, axis=0), strict=True):
        along = (centres() - start) @ (end - start) / ((end - start) @ (end - start))
        nearest = start + np.clip(along, 0, 1)[..., None] * (end - start)
        found.append(((centres() - nearest) ** 2).sum(axis=-1))
    return np.min(found, axis=0)


def reference(faces, colours, weights):
    """rgb, alpha and depth by the sums of specification msrn B.2 and B.3, at given weights."""
    cover, nearness, depth = [], [], []
    for face, weight in zip(isotropic(faces), weights, strict=True):
        bary, squared = barycentrics(face), squared_distance(face)
        inside = ((bary > 0) & (bary < 1)).all(axis=-1)
        kept = inside | (squared < np.log(1 / PAPER.dist_eps - 1) * PAPER.sigma)
        sign = np.where(inside, 1, -1)
        cover.append(kept / (1 + np.exp(-sign * squared / PAPER.sigma)))
        depth.append(1 / (weight / face[:, 2]).sum(axis=-1))
        nearness.append((PAPER.far - depth[-1]) / (PAPER.far - PAPER.near))
    cover, nearness, depth = map(np.array, (cover, nearness, depth))
    share = cover * np.exp(nearness / PAPER.gamma)
    behind = np.exp(2e-3 / PAPER.gamma)
    shade = np.einsum("fhwk,fkc->fhwc", weights, colours)
    rgb = (share[..., None] * shade).sum(axis=0) + behind * np.array(BACKGROUND)
    rgb /= (share.sum(axis=0) + behind)[..., None]
    alpha = 1 - np.prod(1 - cover, axis=0)
    total = share.sum(axis=0)
    mean_depth = (share * depth).sum(axis=0) / np.where(total > 0, total, 1)
    return rgb, alpha, np.where(alpha > FLOOR, mean_depth, 0)


def score(rgb, alpha, depth):
    """A loss that every value of the image pulls at differently."""
    mix = functools.partial(np.random.default_rng(3).uniform, -1, 1)
    return sum((x * mix(x.shape)).sum() for x in (rgb, alpha, depth))


@pytest.mark.parametrize("path", ["dense", "fast"])
def test_images_and_both_gradients_are_those_of_the_formulas(path):
    """Specification msrn H-B3."""
    faces, colours = scene()
    weights = held_weights(faces)
    image, (held, by_colours), whole = ours(faces, colours, path)
    expected = reference(faces, colours, weights)
    for x, y in zip((image.rgb, image.alpha, image.depth), expected, strict=True):
        np.testing.assert_allclose(x, y, atol=1e-12)

    measured = slopes(lambda x: reference(x, colours, weights), faces)
    np.testing.assert_allclose(held, measured, atol=1e-7 * np.abs(held).max())
    measured = slopes(lambda x: reference(x, colours, held_weights(x)), faces)
    np.testing.assert_allclose(whole, measured, atol=1e-7 * np.abs(whole).max())
    measured = slopes(lambda x: reference(faces, x, weights), colours)
    np.testing.assert_allclose(by_colours, measured, atol=1e-7 * np.abs(by_colours).max())
    # They are two different gradients; by depth alone they agree.
    assert np.abs(held - whole)[..., :2].max() > 0.1 * np.abs(whole).max()
    np.testing.assert_allclose(held[..., 2], whole[..., 2], atol=1e-9)


def ours(faces, colours, path):
    """The image, its gradients with held weights (by faces, by colours), and the full one."""

    def loss(faces, colours, settings):
        image = soft_rasterize(
            faces,
            CornerColours(colours),
            image_size=(HEIGHT, WIDTH),
            settings=settings,
            background=BACKGROUND,
            path=path,
        )
        return score(image.rgb, image.alpha, image.depth), image

    full = dataclasses.replace(PAPER, bary_grad=True)
    gradient = jax.jit(jax.grad(loss, (0, 1), has_aux=True), static_argnums=2)
    with jax.enable_x64(True):
        held, image = gradient(faces, colours, PAPER)
        (whole, _), _ = gradient(faces, colours, full)
    return image, held, whole


def slopes(draw, x):
    """Central differences of the score of what `draw` makes of x, in every coordinate."""
    found = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[index] = STEP
        found[index] = (score(*draw(x + step)) - score(*draw(x - step))) / (2 * STEP)
    return found
