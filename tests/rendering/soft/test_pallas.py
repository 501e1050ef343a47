"""The Pallas path, interpreted: equal to the reference; and its kernels lower for a GPU."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AbstractDevice, AbstractMesh, use_abstract_mesh

from jaxrelic.rendering import soft_rasterizer
from jaxrelic.rendering.soft_rasterizer import (
    CornerColours,
    RasterSettings,
    UvTexture,
    soft_rasterize,
)

SIZE = (10, 19)
"""No multiple of a tile either way."""
NUM_FACES = 37
"""More than one group of 32."""
SOFT = RasterSettings(sigma=3e-3, gamma=1e-2, near=0.1, far=10)
FULL = dataclasses.replace(SOFT, bary_grad=True)
ABSENT = {
    "zero area": [[-0.5, 0, 2], [0, 0, 2], [0.5, 0, 2]],
    "one point": [[0.1, 0.1, 2]] * 3,
    "behind the camera": [[-0.5, -0.5, -2], [0.5, -0.5, -2], [0, 0.6, -2]],
    "through the camera": [[-0.5, -0.5, 2], [0.5, -0.5, -1], [0, 0.6, 2]],
    "a corner at the camera": [[-0.5, -0.5, 2], [0.5, -0.5, 0], [0, 0.6, 2]],
    "off the image": [[5, 5, 2], [6, 5, 2], [5, 6, 2]],
    "off the image by less than a tile": [[-1.5, 0, 2], [-1.3, 0, 2], [-1.4, 0.5, 2]],
    "far beyond numbers": [[-3e38, 0, 2], [3e38, 0, 2], [0, 3e38, 2]],
    "not a number": [[np.nan, 0, 2], [0.5, 0, 2], [0, 0.5, np.inf]],
}
AWKWARD = [
    [[-0.5, 0, 2], [0, 1e-7, 2], [0.5, 0, 2]],  # Almost edge on.
    [[-0.5, -0.5, 0.01], [0.5, -0.5, 0.01], [0, 0.6, 0.01]],  # Nearer than near.
    [[-9, -9, 2], [9, -9, 2], [0, 9, 3]],  # All over the image, and far beyond.
]


def random_faces(*batch):
    """Faces of all sizes, some reaching out of the image."""
    rng = np.random.default_rng(0)
    centres = rng.uniform(-1, 1, (*batch, NUM_FACES, 1, 2))
    corners = rng.uniform(0.02, 0.7, (*batch, NUM_FACES, 1, 1))
    corners = centres + corners * rng.normal(size=(*batch, NUM_FACES, 3, 2))
    depth = rng.uniform(1, 3, (*batch, NUM_FACES, 3, 1))
    return np.concatenate([corners, depth], axis=-1).astype(np.float32)


def scenes():
    """Random faces; the same with awkward and absent ones among them; and absent ones alone."""
    faces = random_faces(3)
    absent = np.array(list(ABSENT.values()), np.float32)
    faces[1, : 4 * len(absent) : 4] = absent
    faces[1, -len(AWKWARD) :] = AWKWARD
    faces[2] = np.resize(absent, faces[2].shape)
    return faces


def random_array(*shape):
    return np.random.default_rng(1).uniform(size=shape).astype(np.float32)


def score(image):
    """A loss that every pixel and channel pulls at differently, alike in all images."""
    rng = np.random.default_rng(3)
    items = (image.rgb, (*SIZE, 3)), (image.alpha, SIZE), (image.depth, SIZE)
    return sum(
        jnp.sum(x * np.broadcast_to(rng.uniform(-1, 1, shape).astype(np.float32), x.shape))
        for x, shape in items
    )


def draw(faces, appearance, *, path, settings):
    """Image, and gradients of its score with respect to faces and what the appearance learns."""

    def loss(faces, appearance):
        image = soft_rasterize(faces, appearance, image_size=SIZE, settings=settings, path=path)
        return score(image), image

    gradient, image = jax.grad(loss, (0, 1), has_aux=True)(faces, appearance)
    return image, gradient


def draw_textured(faces, texture, *, path):
    uvs = np.random.default_rng(2).uniform(-0.1, 1.1, (NUM_FACES, 3, 2)).astype(np.float32)
    image, gradient = draw(faces, UvTexture(uvs, texture), path=path, settings=FULL)
    return image, (gradient[0], gradient[1].texture)


def assert_same(ours, theirs):
    """Tolerances of issue 3, tightened; gradients relative to the largest of each image."""
    (image, gradient), (expected, expected_gradient) = ours, theirs
    np.testing.assert_allclose(image.alpha, expected.alpha, atol=1e-6)
    np.testing.assert_allclose(image.rgb, expected.rgb, atol=1e-5)
    np.testing.assert_allclose(image.depth, expected.depth, atol=2e-5)
    np.testing.assert_array_equal(image.dropped, expected.dropped)
    for x, reference in zip(
        jax.tree.leaves(gradient), jax.tree.leaves(expected_gradient), strict=True
    ):
        largest = np.abs(reference).max(axis=tuple(range(1, reference.ndim)), keepdims=True)
        assert (np.abs(x - reference) <= 1e-4 * largest).all()


@pytest.fixture(scope="module")
def drawn():
    """The scenes with corner colours, interpreted, with a sigma known only when it runs."""
    colours = CornerColours(random_array(3, NUM_FACES, 3, 3))

    @jax.jit
    def draw_at(sigma):
        settings = dataclasses.replace(SOFT, sigma=sigma)
        return draw(scenes(), colours, path="pallas", settings=settings)

    expected = jax.jit(lambda: draw(scenes(), colours, path="dense", settings=SOFT))()
    return draw_at(SOFT.sigma), expected


def test_corner_colours_are_drawn_and_differentiated_like_the_reference(drawn):
    ours, expected = drawn
    assert_same(ours, expected)


def test_faces_that_cannot_be_drawn_leave_no_trace(drawn):
    (image, gradient), _ = drawn
    np.testing.assert_array_equal(image.alpha[2], 0)
    np.testing.assert_array_equal(image.depth[2], 0)
    np.testing.assert_array_equal(image.rgb[2], 1)
    for x in jax.tree.leaves(gradient):
        np.testing.assert_array_equal(x[2], 0)


def test_textures_mapped_over_a_batch_are_drawn_and_differentiated_like_the_reference():
    """With the full gradient, which also leads through the place in the texture."""
    faces, texture = random_faces(2, 2), random_array(2, 2, 5, 6, 3)
    ours = jax.jit(jax.vmap(functools.partial(draw_textured, path="pallas")))(faces, texture)
    expected = jax.jit(functools.partial(draw_textured, path="dense"))(faces, texture)
    assert_same(ours, expected)


@pytest.mark.filterwarnings("ignore:The Pallas Triton backend is deprecated")
@pytest.mark.parametrize(
    ("function", "learned"),
    [
        (
            lambda faces, colours: draw(
                faces, CornerColours(colours), path="pallas", settings=SOFT
            ),
            (2, NUM_FACES, 3, 3),
        ),
        (functools.partial(draw_textured, path="pallas"), (2, 5, 6, 3)),
    ],
    ids=["corner colours", "texture"],
)
def test_both_kernels_lower_to_triton_for_cuda_without_a_gpu(function, learned):
    arguments = [
        jax.ShapeDtypeStruct(shape, jnp.float32) for shape in ((2, NUM_FACES, 3, 3), learned)
    ]
    device = AbstractDevice("NVIDIA H200", num_cores=132, platform="gpu")
    with use_abstract_mesh(AbstractMesh((1,), ("x",), abstract_device=device)):
        lowered = jax.jit(function).trace(*arguments).lower(lowering_platforms=("cuda",))
    assert lowered.as_text().count("@__gpu$xla.gpu.triton") == 2


@pytest.mark.parametrize("backend", ["cpu", "gpu", "tpu"])
def test_auto_means_pallas_only_on_a_gpu_and_only_once_it_is_told_to(backend, monkeypatch):
    def choose(path):
        return soft_rasterizer._choose(path, SOFT, np.dtype("float32"))

    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    assert choose("auto") == "fast"
    assert choose("pallas") == "pallas"
    monkeypatch.setattr(soft_rasterizer, "AUTO_ON_GPU", "pallas")
    assert choose("auto") == ("pallas" if backend == "gpu" else "fast")
