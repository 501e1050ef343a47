"""Both paths of the rasterizer: equal to each other, invariant and finite."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrelic.rendering.soft import fast, traversal
from jaxrelic.rendering.soft_rasterizer import (
    CornerColours,
    RasterSettings,
    UvTexture,
    soft_rasterize,
)

SIZE = (12, 20)
SOFT = RasterSettings(sigma=3e-3, gamma=1e-2, near=0.1, far=10)
FULL = dataclasses.replace(SOFT, bary_grad=True)
PATHS = ("dense", "fast")
BATCH = (2, 12)
NUM_FACES = 7
# One batch shape and one number of faces serve most tests, so that little is compiled.


def random_faces(seed, *batch, faces=NUM_FACES):
    """Faces of all sizes, some reaching out of the image."""
    rng = np.random.default_rng(seed)
    centres = rng.uniform(-1, 1, (*batch, faces, 1, 2))
    corners = centres + rng.uniform(0.1, 1, (*batch, faces, 1, 1)) * rng.normal(
        size=(*batch, faces, 3, 2)
    )
    depth = rng.uniform(1, 3, (*batch, faces, 3, 1))
    return np.concatenate([corners, depth], axis=-1).astype(np.float32)


def random_colours(*batch, faces=NUM_FACES):
    return np.random.default_rng(1).uniform(size=(*batch, faces, 3, 3)).astype(np.float32)


def random_texture(*batch, faces=NUM_FACES):
    rng = np.random.default_rng(2)
    uvs = rng.uniform(-0.1, 1.1, (faces, 3, 2)).astype(np.float32)
    return uvs, rng.uniform(size=(*batch, 5, 6, 3)).astype(np.float32)


def score(image):
    """A loss that every pixel and channel of an image pulls at differently."""
    mix = functools.partial(np.random.default_rng(3).uniform, -1, 1)
    return sum(
        jnp.sum(x * jnp.asarray(mix(x.shape), x.dtype))
        for x in (image.rgb, image.alpha, image.depth)
    )


@functools.partial(jax.jit, static_argnames=("path", "settings"))
def draw(faces, colours, path, settings=SOFT):
    """Image, and gradients of its score with respect to both arguments."""

    def loss(faces, colours):
        image = soft_rasterize(
            faces, CornerColours(colours), image_size=SIZE, settings=settings, path=path
        )
        return score(image), image

    gradient, image = jax.grad(loss, (0, 1), has_aux=True)(faces, colours)
    return image, gradient


@functools.partial(jax.jit, static_argnames=("path", "settings"))
def draw_textured(faces, uvs, texture, path, settings=FULL):
    def loss(faces, texture):
        appearance = UvTexture(uvs, texture)
        image = soft_rasterize(faces, appearance, image_size=SIZE, settings=settings, path=path)
        return score(image), image

    gradient, image = jax.grad(loss, (0, 1), has_aux=True)(faces, texture)
    return image, gradient


def assert_same(ours, theirs):
    """Tolerances of issue 3, tightened; gradients relative to the largest."""
    (image, gradient), (expected, expected_gradient) = ours, theirs
    np.testing.assert_allclose(image.alpha, expected.alpha, atol=2e-6)
    np.testing.assert_allclose(image.rgb, expected.rgb, atol=1e-5)
    np.testing.assert_allclose(image.depth, expected.depth, atol=2e-5)
    for x, reference in zip(gradient, expected_gradient, strict=True):
        np.testing.assert_allclose(x, reference, atol=1e-4 * np.abs(reference).max())


@pytest.fixture(scope="module")
def plain():
    """A scene with two batch axes, drawn by the reference."""
    faces, colours = random_faces(0, *BATCH), random_colours(*BATCH)
    return faces, colours, draw(faces, colours, "dense")


def test_the_fast_path_draws_and_differentiates_corner_colours_like_the_reference(plain):
    faces, colours, expected = plain
    assert_same(draw(faces, colours, "fast"), expected)


def test_the_fast_path_draws_and_differentiates_textures_like_the_reference():
    scene = random_faces(4, 3), *random_texture(3)
    fast_result = draw_textured(*scene, path="fast")
    assert_same(fast_result, draw_textured(*scene, path="dense"))


def test_work_of_many_chunks_and_blocks_adds_up_to_the_same(plain, monkeypatch):
    faces, colours, expected = plain
    monkeypatch.setattr(traversal, "CHUNK_WINDOWS", 16)
    monkeypatch.setattr(traversal, "BLOCK_FRAGMENTS", 64)
    assert_same(jax.jit(draw_in_pieces)(faces, colours), expected)


def draw_in_pieces(faces, colours):
    """`draw` past the public function, whose compiled programs know nothing of patches."""

    def loss(faces, colours):
        isotropic = faces * np.array([[[[[1, SIZE[0] / SIZE[1], 1]]]]], np.float32)
        image = fast.rasterize_fast(
            isotropic.reshape(-1, NUM_FACES, 3, 3),
            CornerColours(colours.reshape(-1, NUM_FACES, 3, 3)),
            jnp.ones(3),
            image_size=SIZE,
            settings=SOFT,
        )
        image = jax.tree.map(lambda x: x.reshape(*BATCH, *x.shape[1:]), image)
        return score(image), image

    gradient, image = jax.grad(loss, (0, 1), has_aux=True)(faces, colours)
    return image, gradient


def test_the_fast_path_maps_over_a_batch_it_does_not_know_of(plain):
    faces, colours, expected = plain
    mapped = jax.jit(
        jax.vmap(
            lambda faces, colours: soft_rasterize(
                faces, CornerColours(colours), image_size=SIZE, settings=SOFT, path="fast"
            )
        )
    )
    assert_same((mapped(faces, colours), ()), (expected[0], ()))


@pytest.mark.parametrize("path", PATHS)
def test_sigma_may_be_annealed_inside_a_compiled_function(path, plain):
    faces, colours, _ = plain

    @jax.jit
    def draw_at(sigma):
        settings = dataclasses.replace(SOFT, sigma=sigma)
        return soft_rasterize(
            faces, CornerColours(colours), image_size=SIZE, settings=settings, path=path
        )

    sharp = dataclasses.replace(SOFT, sigma=1e-4)
    image, _ = draw(faces, colours, path, sharp)
    np.testing.assert_allclose(draw_at(1e-4).alpha, image.alpha, rtol=1e-5, atol=1e-6)
    assert np.abs(np.asarray(draw_at(3e-3).alpha - image.alpha)).max() > 0.1


@pytest.mark.parametrize("path", PATHS)
def test_order_of_faces_and_corners_does_not_matter(path, plain):
    """Specification msrn H-A8."""
    faces, colours, expected = plain
    order = np.random.default_rng(5).permutation(faces.shape[2])
    corners = [2, 0, 1]
    image, gradient = draw(
        faces[:, :, order][..., corners, :], colours[:, :, order][..., corners, :], path
    )
    moved = [x[:, :, order][..., corners, :] for x in expected[1]]
    assert_same((image, gradient), (expected[0], moved))


@pytest.mark.parametrize("path", PATHS)
def test_a_mirrored_scene_gives_a_mirrored_image(path, plain):
    """Specification msrn H-A8."""
    faces, colours, (expected, _) = plain
    image, _ = draw(faces * np.array([[[[[-1, 1, 1]]]]], np.float32), colours, path)
    np.testing.assert_allclose(image.alpha, expected.alpha[..., ::-1], atol=2e-6)
    np.testing.assert_allclose(image.rgb, expected.rgb[..., ::-1, :], atol=2e-5)


@pytest.mark.parametrize("path", PATHS)
def test_a_step_of_one_pixel_moves_the_image_by_one_pixel(path, plain):
    """Specification msrn H-A8."""
    faces, colours, (expected, _) = plain
    step = np.array([[[[[2 / SIZE[1], -2 / SIZE[0], 0]]]]], np.float32)
    image, _ = draw(faces + step, colours, path)
    np.testing.assert_allclose(image.alpha[..., 1:, 1:], expected.alpha[..., :-1, :-1], atol=1e-5)
    np.testing.assert_allclose(image.depth[..., 1:, 1:], expected.depth[..., :-1, :-1], atol=1e-4)


TRIANGLE = [[-0.5, -0.5, 2], [0.5, -0.5, 2], [0, 0.6, 2.5]]
HOSTILE = {
    "zero area": [[-0.5, 0, 2], [0, 0, 2], [0.5, 0, 2]],
    "one point": [[0.1, 0.1, 2]] * 3,
    "two corners in one": [[0.1, 0.1, 2], [0.1, 0.1, 3], [0.5, 0.2, 2]],
    "almost edge on": [[-0.5, 0, 2], [0, 1e-7, 2], [0.5, 0, 2]],
    "behind the camera": [[-0.5, -0.5, -2], [0.5, -0.5, -2], [0, 0.6, -2]],
    "through the camera": [[-0.5, -0.5, 2], [0.5, -0.5, -1], [0, 0.6, 2]],
    "a corner at the camera": [[-0.5, -0.5, 2], [0.5, -0.5, 0], [0, 0.6, 2]],
    "off the image": [[5, 5, 2], [6, 5, 2], [5, 6, 2]],
    "far beyond numbers": [[-3e38, 0, 2], [3e38, 0, 2], [0, 3e38, 2]],
    "not a number": [[np.nan, 0, 2], [0.5, 0, 2], [0, 0.5, np.inf]],
    "nearer than near": [[-0.5, -0.5, 0.01], [0.5, -0.5, 0.01], [0, 0.6, 0.01]],
    "on pixel centres": [[-0.95, 11 / 12, 2], [0.95, 11 / 12, 2], [0.05, -11 / 12, 2]],
}


@pytest.fixture(scope="module", params=PATHS)
def hostile(request):
    """Images and gradients of every hostile face, alone (0) and beside a sound triangle (1)."""
    alone = np.repeat(np.array(list(HOSTILE.values()), np.float32)[:, None], NUM_FACES, axis=1)
    beside = alone.copy()
    beside[:, 3] = TRIANGLE
    return draw(np.stack([alone, beside]), random_colours(*BATCH), request.param)


@pytest.mark.parametrize("case", HOSTILE)
def test_images_and_gradients_stay_finite(case, hostile):
    number = list(HOSTILE).index(case)
    for x in jax.tree.leaves(hostile):
        assert np.isfinite(x[:, number]).all()


ABSENT = sorted(HOSTILE.keys() - {"almost edge on", "nearer than near", "on pixel centres"})


@pytest.mark.parametrize("case", ABSENT)
def test_faces_that_cannot_be_drawn_leave_no_trace(case, hostile):
    image, gradient = jax.tree.map(lambda x: x[0, list(HOSTILE).index(case)], hostile)
    np.testing.assert_array_equal(image.alpha, 0)
    np.testing.assert_array_equal(image.depth, 0)
    np.testing.assert_array_equal(image.rgb, 1)
    for x in gradient:
        np.testing.assert_array_equal(x, 0)


@pytest.mark.parametrize("path", PATHS)
def test_no_faces_at_all_show_the_background(path):
    empty = np.zeros((2, 0, 3, 3), np.float32)
    image = soft_rasterize(empty, CornerColours(empty), image_size=3, path=path)
    np.testing.assert_array_equal(image.alpha, np.zeros((2, 3, 3)))
    np.testing.assert_array_equal(image.rgb, np.ones((2, 3, 3, 3)))
