"""Closed forms and golden scenes of specification msrn H-A and H-B, in float64, on both paths."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrelic.geometry import cameras, meshes
from jaxrelic.rendering.soft_rasterizer import CornerColours, RasterSettings, soft_rasterize
from jaxrelic.rendering.views import project_to_ndc

FOCAL = 1 / np.tan(np.deg2rad(15))
DISTANCE = 2.732


@pytest.fixture(autouse=True)
def _float64():
    with jax.enable_x64(True):
        yield


@pytest.fixture(params=["dense", "fast"])
def render(request):
    return functools.partial(draw, path=request.param)


@functools.partial(jax.jit, static_argnames=("size", "settings", "background", "path"))
def draw(faces, colours=None, *, path, size, settings, background=(1.0, 1.0, 1.0)):
    return soft_rasterize(
        faces,
        CornerColours(jnp.ones_like(faces) if colours is None else colours),
        image_size=size,
        settings=settings,
        background=background,
        path=path,
    )


def paper(**changes):
    fixed = {"near": 1, "far": 100, "sigma": 1e-4}  # The released kernel's defaults.
    return RasterSettings(**(fixed | changes))


def mirrored(left):
    """Completes rows of which only the left half is given."""
    return np.concatenate([left, np.flip(left, axis=1)], axis=1)


ONE = np.array([[[-0.5, -0.5, 2], [0.5, -0.5, 2], [0, 0.6, 2.5]]])
ONE_ALPHA = {
    0.01: [[0, 0.000203], [0, 0.335162], [0, 0.823624], [0, 0.001927]],
    0.1: [[0.003880, 0.299433], [0.052459, 0.482883], [0.250511, 0.538451], [0.222700, 0.348645]],
}
ONE_RED = {
    0.01: [
        [1, 0.153846, 0, 1],
        [1, 0.375, 0, 1],
        [1, 0.636364, 0.136364, 1],
        [1, 0.703704, 0.296296, 1],
    ],
    0.1: [
        [0.405405, 0.153846, 0, 0],
        [0.571429, 0.375, 0, 0],
        [0.814815, 0.636364, 0.136364, 0],
        [1, 0.703704, 0.296296, 0],
    ],
}
ONE_GRADIENT = {
    0.01: [[-3.556761, 1.520558, 0], [3.556761, 1.520558, 0], [0, 2.816176, 0]],
    0.1: [[-2.681169, -1.175689, 0], [2.681169, -1.175689, 0], [0, 1.979823, 0]],
}

TWO = np.array(
    [
        [[-0.8, -0.7, 2], [0.7, -0.6, 3], [0.1, 0.8, 2.5]],
        [[-0.6, 0.5, 2.2], [0.6, 0.7, 2.4], [0.2, -0.8, 4]],
    ]
)
TWO_COLOURS = np.array([np.eye(3), [[1, 1, 0], [0, 1, 1], [1, 0, 1]]])
TWO_ALPHA = [
    [0.000203, 0.027792, 0.392338, 0.075858],
    [0.001234, 0.970662, 0.997513, 0.001106],
    [0.027684, 0.997776, 0.999853, 0.032948],
    [0.429673, 0.321304, 0.570962, 0.075858],
]
TWO_RGB = [
    [
        [0.996950, 0.657153, 0.194808, 0],
        [0.999966, 0.641646, 0.301178, 0.268213],
        [0.730923, 0.553095, 0.281883, 0],
        [0.946429, 0.620087, 0.391206, 0.009174],
    ],
    [
        [0.999848, 0.985124, 0.700360, 0.999999],
        [0.864292, 0.439405, 0.564351, 0.731704],
        [0, 0.214943, 0.513697, 0.786882],
        [0.053571, 0.379913, 0.608794, 0.990823],
    ],
    [
        [0.003050, 0.342847, 0.766108, 1],
        [0.135708, 0.478783, 0.721689, 1],
        [0.269077, 0.303774, 0.375215, 0.213118],
        [0, 0, 0.131901, 0.000002],
    ],
]
TWO_GRADIENT = [
    [
        [-0.292692, -4.715615, 0.338478],
        [1.610807, -3.611366, 0.226769],
        [1.379791, 0.483655, 0.495886],
    ],
    [
        [-1.294904, 1.427176, -0.421054],
        [1.870618, 4.008342, -0.393883],
        [1.424276, -0.789054, -0.270353],
    ],
]
TWO_RED_GRADIENT = [[3.40691, 3.618492, 1.806627], [3.233326, 2.98189, 0.952476]]


@pytest.mark.parametrize("sigma", [0.01, 0.1])
def test_one_triangle_is_scene_b1(render, sigma):
    """Specification msrn H-B1."""
    settings = paper(sigma=sigma, gamma=1e-2)
    image = render(ONE, np.eye(3)[None], size=4, settings=settings)
    np.testing.assert_allclose(image.alpha, mirrored(np.array(ONE_ALPHA[sigma])), atol=1e-6)
    np.testing.assert_allclose(image.rgb[..., 0], ONE_RED[sigma], atol=1e-6)
    gradient = jax.grad(lambda faces: render(faces, size=4, settings=settings).alpha.sum())(ONE)
    np.testing.assert_allclose(gradient[0], ONE_GRADIENT[sigma], atol=1e-5)


def test_two_overlapping_triangles_are_scene_b2(render):
    """Specification msrn H-B2."""
    settings = paper(sigma=1e-2, gamma=5e-2, far=10)

    def loss(faces, colours):
        image = render(faces, colours, size=4, settings=settings, background=(0.0, 0.0, 1.0))
        return image.alpha.sum() + image.rgb[..., 0].sum(), image

    (by_faces, by_colours), image = jax.grad(loss, (0, 1), has_aux=True)(TWO, TWO_COLOURS)
    np.testing.assert_allclose(image.alpha, TWO_ALPHA, atol=1e-6)
    np.testing.assert_allclose(np.moveaxis(image.rgb, -1, 0), TWO_RGB, atol=1e-6)
    np.testing.assert_allclose(by_faces, TWO_GRADIENT, atol=1e-5)
    np.testing.assert_allclose(by_colours[..., 0], TWO_RED_GRADIENT, atol=1e-5)


def half_plane(edge):
    """Covers the image right of x = edge."""
    return jnp.array([[[edge, -50, 2], [edge + 80, 0, 2], [edge, 50, 2]]], float)


def test_a_half_plane_covers_like_a_sigmoid_of_squared_distance(render):
    """Specification msrn H-A1 and H-A2."""

    def alpha(edge):
        return render(half_plane(edge), size=1, settings=paper(sigma=1e-4)).alpha[0, 0]

    expected = {0.01: 0.731059, -0.01: 0.268941, 0.02: 0.982014, -0.0303: 1.028e-4, -0.0304: 0}
    for distance, value in expected.items():
        np.testing.assert_allclose(alpha(-distance), value, atol=1e-6)
    steepness = 0.731059 * 0.268941 * 2 * 0.01 / 1e-4
    np.testing.assert_allclose(jax.grad(alpha)(-0.01), -steepness, rtol=1e-5)
    np.testing.assert_allclose(jax.grad(alpha)(0.01), -steepness, rtol=1e-5)
    assert jax.grad(alpha)(0.0) == 0


SQUARE = np.array(
    [
        [[-0.5, -0.5, 2], [0.5, -0.5, 2], [0.5, 0.5, 2]],
        [[-0.5, -0.5, 2], [0.5, 0.5, 2], [-0.5, 0.5, 2]],
    ]
)


def test_the_diagonal_of_a_sharp_square_shows_the_seam_of_two_half_covers(render):
    """Specification msrn H-A3."""
    expected = np.zeros((8, 8))
    expected[2:6, 2:6] = 1 - 0.25 * np.eye(4)[::-1]
    alpha = render(SQUARE, size=8, settings=paper(sigma=1e-4)).alpha
    np.testing.assert_allclose(alpha, expected, atol=1e-6)


def test_a_soft_square_has_the_golden_rows(render):
    """Specification msrn H-A3."""
    alpha = render(SQUARE, size=8, settings=paper(sigma=1e-2)).alpha
    row_1 = [0.042088, 0.173288, 0.173288, 0.173288, 0.208083, 0.082404]
    row_3 = [0.173288, 0.826712, 0.959684, 0.75, 0.834005, 0.173288]
    np.testing.assert_allclose(alpha[1, 1:7], row_1, atol=1e-6)
    np.testing.assert_allclose(alpha[3, 1:7], row_3, atol=1e-6)


@pytest.mark.parametrize(
    ("gamma", "step", "red", "slope"),
    [
        (1e-4, 0.01, 0.733040, -79.067636),
        (1e-4, 0.1, 0.999959, -0.01658),
        (1e-3, 0.01, 0.525231, -10.075288),
        (1e-2, 0.1, 0.525231, -1.007529),
    ],
)
def test_nearer_faces_win_by_a_softmax_over_depth(render, gamma, step, red, slope):
    """Specification msrn H-A4."""
    triangle = np.array([[-20, -20, 2], [20, -20, 2], [0, 40, 2]], float)
    faces = np.stack([triangle, triangle + np.array([[0, 0, step]])])
    colours = np.stack([np.tile([1.0, 0, 0], (3, 1)), np.tile([0, 1.0, 0], (3, 1))])

    def total_red(faces):
        image = render(faces, colours, size=2, settings=paper(sigma=1e-4, gamma=gamma))
        return image.rgb[..., 0].sum()

    value, gradient = jax.value_and_grad(total_red)(faces)
    np.testing.assert_allclose(value / 4, red, atol=1e-6)
    by_depth = gradient[..., 2].sum(axis=-1)
    np.testing.assert_allclose(by_depth, [slope, -slope], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("gamma", "white"), [(0.1, 0.99994876), (1.0, 0.72867273)])
def test_the_background_weighs_exp_two_eps_over_gamma(render, gamma, white):
    """Specification msrn H-A5."""
    settings = paper(sigma=1e-4, gamma=gamma)
    image = render(half_plane(-9.0), size=2, settings=settings, background=(0.0, 0.0, 0.0))
    np.testing.assert_allclose(image.rgb, white, atol=1e-8)
    np.testing.assert_allclose(image.depth, 2.0, rtol=1e-12)


def ellipsoid(axes, azimuth_deg, elevation_deg):
    """Faces of a level-3 icosphere through the camera of specification msrn A.7, x to the right."""
    vertices, faces = meshes.icosphere(3)
    a, e = np.deg2rad([azimuth_deg, elevation_deg])
    about_y = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(e), -np.sin(e)], [0, np.sin(e), np.cos(e)]])
    x, y, z = (vertices.astype(float) * axes @ (about_x @ about_y).T).T
    z = z + DISTANCE
    return np.stack([FOCAL * x / z, FOCAL * y / z, z], axis=-1)[faces]


@pytest.mark.parametrize(
    ("sigma", "total", "covered"), [(1e-4, 1005.27, 1024), (1e-5, 986.23, 1000)]
)
def test_a_sphere_covers_its_disc_and_the_known_dilation(render, sigma, total, covered):
    """Specification msrn H-A6."""
    alpha = render(ellipsoid([0.4, 0.4, 0.4], 0, 0), size=64, settings=paper(sigma=sigma)).alpha
    np.testing.assert_allclose(alpha.sum(), total, atol=0.006)
    assert abs(int((alpha > 0.5).sum()) - covered) <= 1
    for axis in (0, 1):
        seen = np.flatnonzero((alpha > 0.5).any(axis=axis))
        assert (seen.min(), seen.max()) == (14, 49)


def test_a_sphere_drawn_ever_sharper_tends_to_its_disc(render):
    """Specification msrn H-A6, the closed form: a disc of radius f r / sqrt(z^2 - r^2)."""
    radius_px = 32 * FOCAL * 0.4 / np.sqrt(DISTANCE**2 - 0.4**2)
    assert radius_px == pytest.approx(17.6759, abs=1e-4)
    assert np.pi * radius_px**2 == pytest.approx(981.555, abs=1e-3)
    alpha = render(ellipsoid([0.4, 0.4, 0.4], 0, 0), size=64, settings=paper(sigma=1e-8)).alpha
    # The polyhedron lies within its sphere, and pixels are counted whole.
    assert 0.98 * 981.555 < alpha.sum() < 981.555


@pytest.mark.parametrize(
    ("size", "azimuth", "elevation", "soft", "sharp"),
    [
        (0.4, 0, 30, 707.75, 674.55),
        (0.4, 60, 30, 603.16, 574.45),
        (0.4, 90, 30, 566.86, 534.50),
        (0.6, 60, 10, 1276.00, 1251.04),
    ],
)
def test_ellipsoids_cover_the_golden_areas(render, size, azimuth, elevation, soft, sharp):
    """Specification msrn H-A7."""
    faces = ellipsoid(size * np.array([1, 0.7, 0.7]), azimuth, elevation)
    for sigma, total in ((1e-4, soft), (1e-5, sharp)):
        alpha = render(faces, size=64, settings=paper(sigma=sigma)).alpha
        np.testing.assert_allclose(alpha.sum(), total, atol=0.006)


def test_a_point_lands_at_the_pixel_of_a9(render):
    """(0.1, 0.2, 0) before the camera of specification msrn A.7: in column 27.13 and row 22.76."""
    world = cameras.Camera(
        # The specification's x points left and y up; ours point right and down.
        cam_from_world=jnp.diag(jnp.array([-1.0, -1, 1, 1])).at[2, 3].set(DISTANCE),
        pixel_from_cam=jnp.array([[32 * FOCAL, 0, 32], [0, 32 * FOCAL, 32], [0, 0, 1]]),
    )
    ndc = project_to_ndc(jnp.array([[0.1, 0.2, 0]]), world, 64, 64)[0]
    np.testing.assert_allclose(ndc[:2], [-0.136605, 0.273210], atol=1e-6)
    uv, _ = cameras.project(world, jnp.array([[0.1, 0.2, 0]]))
    # The specification counts pixel centres from 0.
    np.testing.assert_allclose(uv[0] - 0.5, [27.1286, 22.7573], atol=1e-4)
    # A speck there covers the pixel whose centre is nearest, most of all.
    speck = np.asarray(ndc) + 0.01 * np.array([[0, 1, 0], [-1, -1, 0], [1, -1, 0]])
    alpha = render(speck[None], size=64, settings=paper(sigma=1e-3)).alpha
    row, column = np.unravel_index(np.argmax(alpha), alpha.shape)
    assert (row, column) == (23, 27)
