"""The layered aggregator against closed forms and the golden scene of specification msrn H-B1."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrelic.rendering.soft.layered import layered_rasterize
from jaxrelic.rendering.soft_rasterizer import CornerColours, RasterSettings

ONE = np.array([[[-0.5, -0.5, 2], [0.5, -0.5, 2], [0, 0.6, 2.5]]], np.float32)
GOLDEN = {
    0.01: [[0, 0.0], [0, 0.504125], [0, 1], [0, 0.001930]],
    0.1: [[0.003895, 0.427415], [0.055363, 0.933800], [0.334242, 1], [0.286505, 0.535261]],
}
RED, GREEN = np.float32([1, 0, 0]), np.float32([0, 1, 0])


def draw(faces, colours, size=4, sigma=0.01, **options):
    return layered_rasterize(
        faces,
        CornerColours(jnp.broadcast_to(colours, faces.shape)),
        image_size=size,
        settings=RasterSettings(sigma=sigma),
        **options,
    )


@pytest.mark.parametrize("sigma", GOLDEN)
def test_one_triangle_is_the_layered_scene_b1(sigma):
    alpha = np.asarray(draw(ONE, np.ones((1, 3, 1), np.float32), sigma=sigma).alpha)
    left = np.array(GOLDEN[sigma])
    if sigma == 0.01:  # The table leaves the first row out.
        alpha, left = alpha[1:], left[1:]
    np.testing.assert_allclose(alpha[:, :2], left, atol=1e-6)
    np.testing.assert_allclose(alpha, alpha[:, ::-1], atol=1e-6)


def sheets(edge):
    """Red, at depth 2, right of x = edge; green, at depth 3, everywhere; the farther one first."""
    far = np.float32([[-90, -90, 3], [90, -90, 3], [0, 90, 3]])
    near = jnp.asarray([[0, -50, 2], [80, 0, 2], [0, 50, 2]], jnp.float32)
    return jnp.stack([jnp.asarray(far), near + jnp.array([[1, 0, 0]]) * edge])


COLORS = np.stack([GREEN, RED])[:, None]


def test_a_nearer_sheet_hides_and_its_edge_fades_like_a_gaussian():
    inside, outside = (draw(sheets(edge), COLORS, size=1) for edge in (-0.1, 0.1))
    np.testing.assert_allclose(inside.rgb[0, 0], RED, atol=1e-6)
    np.testing.assert_allclose(inside.depth, 2, rtol=1e-6)
    faded = np.exp(-(0.1**2) / 0.01)
    np.testing.assert_allclose(outside.rgb[0, 0], faded * RED + (1 - faded) * GREEN, atol=1e-6)
    np.testing.assert_allclose(outside.depth, 2 * faded + 3 * (1 - faded), rtol=1e-5)
    np.testing.assert_allclose(outside.alpha, 1)
    slope = jax.grad(lambda edge: draw(sheets(edge), COLORS, size=1).rgb[0, 0, 0])(0.1)
    np.testing.assert_allclose(slope, -2 * 0.1 / 0.01 * faded, rtol=1e-5)


def test_faces_beyond_the_nearest_k_are_counted_and_the_background_shines_through():
    image = draw(sheets(0.1), COLORS, size=1, faces_per_pixel=1, background=(0.0, 0.0, 1.0))
    faded = np.exp(-(0.1**2) / 0.01)
    np.testing.assert_allclose(image.rgb[0, 0], [faded, 0, 1 - faded], atol=1e-6)
    np.testing.assert_allclose(image.alpha, faded, rtol=1e-5)
    assert int(image.dropped) == 1


def test_order_of_faces_does_not_matter_and_gradients_are_finite():
    rng = np.random.default_rng(0)
    faces = np.concatenate(
        [rng.uniform(-1, 1, (2, 6, 3, 2)), rng.uniform(1, 3, (2, 6, 3, 1))], axis=-1
    ).astype(np.float32)
    faces[0, 0] = 0  # No area, at the camera.
    colours = rng.uniform(size=(2, 6, 3, 3)).astype(np.float32)
    order = rng.permutation(6)

    def total(faces, colours):
        image = draw(faces, colours, size=8)
        return jnp.sum(image.rgb**2) + jnp.sum(image.depth), image

    value = jax.jit(jax.grad(total, has_aux=True))
    (gradient, image), (moved, same) = (
        value(faces, colours),
        value(faces[:, order], colours[:, order]),
    )
    np.testing.assert_allclose(image.rgb, same.rgb, atol=1e-6)
    np.testing.assert_allclose(gradient[:, order], moved, atol=1e-4)
    assert np.isfinite(gradient).all()
    assert np.abs(gradient).max() > 0.1
