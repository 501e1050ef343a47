import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import one2345_specification as specification
import pytest
from places import GOLDENS

from jaxrelic.geometry import cameras
from jaxrelic.models.one2345 import cost, model, rays, render, sdf
from jaxrelic.models.one2345.config import One2345Config
from jaxrelic.models.one2345.convert import abstract_variables

GOLDEN = GOLDENS / "one2345_parameters.txt"
STEP = 1e-6
"""Of central differences in float64."""
PARAMETERS = {
    "pyramid": 48_976,
    "compression": 8_096,
    "regularization": 311_648,
    "sdf_network": 42_624,
    "blending": 19_567,
    "log_sharpness": 1,
}


@pytest.fixture(scope="module")
def modern():
    config = dataclasses.replace(
        One2345Config.modern(), volume_size=8, coarse_samples=8, fine_samples=8, fine_rounds=2
    )
    return model.One2345(config)


@pytest.fixture(scope="module")
def scene_of(modern, released, views, quick_jit):
    """Encodes views, by default the three sources of the conformance view set, in float32."""
    variables = jax.tree.map(np.float32, released)
    images, camera = jax.tree.map(np.float32, views)
    encode = quick_jit(functools.partial(modern.apply, method="encode"))

    def encoded(order=(1, 2, 3), change=lambda images: images):
        chosen = jax.tree.map(lambda x: x[list(order)], camera)
        return encode(variables, change(images[list(order)]), chosen)

    return encoded


@pytest.mark.parametrize("preset", ["compat", "modern"])
def test_parameter_names_and_shapes_are_the_golden_ones(preset):
    shapes = abstract_variables(getattr(One2345Config, preset)())
    lines = [
        f"{jax.tree_util.keystr(path, simple=True, separator='/')} {leaf.shape}"
        for path, leaf in jax.tree_util.tree_leaves_with_path(shapes)
    ]
    assert lines == GOLDEN.read_text().splitlines()
    counts = {
        name: sum(leaf.size for leaf in jax.tree.leaves(part))
        for name, part in shapes["params"].items()
    }
    assert counts == PARAMETERS


def test_before_training_the_surface_is_nearly_a_sphere(quick_jit):
    directions = np.random.default_rng(0).normal(size=(64, 3)).astype(np.float32)
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    radius = np.linspace(0.1, 0.9, 64, dtype=np.float32)
    latent = np.random.default_rng(1).normal(size=(64, 16)).astype(np.float32)
    network = sdf.SdfNetwork(128, 6)

    @quick_jit
    def distances(key):
        variables = network.init(key, directions, latent)
        points = radius[:, None] * directions
        return [network.apply(variables, points, x)[0] for x in (latent, 2 * latent)]

    found, same = distances(jax.random.key(0))
    np.testing.assert_array_equal(found, same)
    # 0.82 and -0.43 in the specification, for one draw of the weights.
    np.testing.assert_allclose(np.polyfit(radius, found, 1), [0.82, -0.43], atol=0.2)
    assert np.all(found[radius < 0.3] < 0)
    assert np.all(found[radius > 0.8] > 0)


def test_the_order_of_the_views_does_not_matter(scene_of):
    volume, turned = scene_of().volume, scene_of(order=(3, 1, 2)).volume
    np.testing.assert_allclose(volume, turned, atol=2e-3)
    assert np.any(volume != 0)


def test_each_view_is_normalised_by_itself_in_modern(scene_of):
    def brighten(images):
        return np.concatenate([images[:2], 0.5 * images[2:]])

    plain, changed = scene_of().maps, scene_of(change=brighten).maps
    np.testing.assert_array_equal(plain[:2], changed[:2])
    assert np.any(plain[2] != changed[2])


def test_masked_aggregation_ignores_what_lies_behind_a_camera():
    # Two cameras look outward from z = 0.5 along +z, a third along +z from far below: the voxels
    # below 0.5 are seen by the third alone, and project to mirrored pixels of the others.
    pose = np.tile(np.eye(4, dtype=np.float32), (4, 1, 1))
    pose[:, 2, 3] = (-0.5, -0.5, 3, 3)
    intrinsics = np.array([[2, 0, 8], [0, 2, 8], [0, 0, 1]], np.float32)
    camera = cameras.Camera(pose, np.stack([intrinsics] * 4))
    # The first two have features 5, the others 1.
    maps = np.ones((4, 16, 16, 1), np.float32) * np.float32([5, 5, 1, 1]).reshape(4, 1, 1, 1)
    volume = jax.jit(
        functools.partial(cost.cost_volume, size=5, pixel_centre=0.5), static_argnames="masked"
    )
    masked, active = volume(maps, camera, masked=True)
    leaking, same = volume(maps, camera, masked=False)
    assert np.array_equal(active, same)
    # Variance and mean in the middle of the plane z = -1: two views that see it, with 1.
    np.testing.assert_allclose(masked[2, 2, 0], [0, 1], atol=1e-4)
    np.testing.assert_allclose(leaking[2, 2, 0], [26 - 36, 6], atol=1e-3)
    np.testing.assert_allclose(masked[2, 2, 4], leaking[2, 2, 4], atol=1e-6)


@pytest.fixture(scope="module")
def five_rays(modern, released, views, scene_of):
    """Draws five rays of the target in chunks."""
    variables, encoded = jax.tree.map(np.float32, released), scene_of()
    target = jax.tree.map(lambda x: np.float32(x[0]), views[1])
    pixels = np.array([(12, 10), (16, 16), (9, 20), (28, 5), (2, 30)])

    def draw(variables, chunk):
        five = rays.pixel_rays(target, pixels, pixel_centre=0.5, limits="cube")
        return render.render_rays(modern, variables, encoded, five, anneal=0.5, chunk=chunk)

    return draw, variables


def test_chunks_of_rays_make_the_same_picture(five_rays, quick_jit):
    draw, variables = five_rays
    draw = quick_jit(draw, static_argnums=1)
    whole, parts = draw(variables, None), draw(variables, 2)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4), whole, parts)
    assert np.all((whole.opacity >= 0) & (whole.opacity <= 1 + 1e-4))
    assert np.any(whole.inside > 0)


def test_chunks_of_rays_have_the_same_finite_gradient(five_rays, quick_jit):
    draw, variables = five_rays

    def loss(variables, chunk):
        drawn = draw(variables, chunk)
        return jnp.mean(drawn.rgb**2) + jnp.mean(drawn.depth + drawn.gradient_error)

    slope = quick_jit(jax.grad(loss), static_argnums=1)
    for a, b in zip(
        *map(jax.tree.leaves, (slope(variables, None), slope(variables, 2))), strict=True
    ):
        assert np.all(np.isfinite(a))
        np.testing.assert_allclose(a, b, rtol=1e-2, atol=1e-3 * max(np.abs(a).max(), 1e-3))


def test_smoothing_removes_every_second_voxels_pattern_and_keeps_slopes():
    index = np.indices((6, 6, 6))
    checkers = np.float32((-1) ** index.sum(axis=0))[..., None]
    slope = np.float32(index[0] - 2.0 * index[1] + 3.0 * index[2])[..., None]
    inner = np.s_[1:-1, 1:-1, 1:-1]
    found = np.asarray(model.smooth(np.concatenate([checkers, slope], axis=-1)))
    np.testing.assert_allclose(found[inner][..., 0], 0, atol=1e-6)
    np.testing.assert_allclose(found[inner][..., 1], slope[inner][..., 0], atol=1e-5)
    flat = np.full((5, 5, 5, 2), 3, np.float32)
    np.testing.assert_allclose(model.smooth(flat), flat, atol=1e-6)


class Painted:
    """In the place of the network: the colour of a point is where it is."""

    def apply(self, variables, encoded, points, towards, method):
        assert method == "blend"
        np.testing.assert_allclose(np.linalg.norm(towards, axis=-1), 1, atol=1e-5)
        return points, None


def test_the_colours_of_the_heaviest_samples_stand_for_the_others():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(5, 7, 3)).astype(np.float32)
    weights = rng.uniform(0, 0.2, (5, 7)).astype(np.float32)
    weights[4] = 0
    origins = np.full((5, 3), 9, np.float32)
    some = rays.Rays(origins=origins, directions=origins, near=weights[:, 0], far=weights[:, 0])

    def colour(most):
        return render._colour(Painted(), {}, None, some, points, weights, most)

    every = np.einsum("rn,rnc->rc", weights, points)
    for most in (None, 7, 99):
        np.testing.assert_allclose(colour(most), every, atol=1e-6)
    for ray, found in enumerate(colour(3)):
        kept = np.argsort(weights[ray])[-3:]
        mean = np.average(points[ray, kept], axis=0, weights=weights[ray, kept] + 1e-20)
        np.testing.assert_allclose(found, weights[ray].sum() * mean, atol=1e-6)
    assert np.all(colour(3)[4] == 0)


def test_second_derivatives_of_the_eikonal_term_are_those_of_differences(released, quick_jit):
    network, points = sdf.SdfNetwork(128, 6), specification.POINTS[:3]
    rng = np.random.default_rng(0)
    inputs = released["params"]["sdf_network"], rng.normal(size=(4, 4, 4, 16))

    def eikonal(parameters, volume):
        def distance(points):
            latent = model.sample_volume(volume, points)
            return jnp.sum(network.apply({"params": parameters}, points, latent)[0])

        gradient = jax.grad(distance)(points)
        return jnp.mean((jnp.linalg.norm(gradient, axis=-1) - 1) ** 2)

    direction = jax.tree.map(lambda x: rng.normal(size=x.shape), inputs)
    with jax.enable_x64(True):
        slope = quick_jit(jax.value_and_grad(eikonal, argnums=(0, 1)))
        value, gradient = slope(*inputs)
        ahead, behind = (
            slope(*jax.tree.map(lambda x, d, step=step: x + step * d, inputs, direction))[0]
            for step in (STEP, -STEP)
        )
    pairs = zip(jax.tree.leaves(gradient), jax.tree.leaves(direction), strict=True)
    expected = sum(np.sum(np.asarray(g) * d) for g, d in pairs)
    assert value > 0
    assert all(np.all(np.isfinite(g)) for g in jax.tree.leaves(gradient))
    assert np.any(gradient[1])
    np.testing.assert_allclose((float(ahead) - float(behind)) / (2 * STEP), expected, rtol=1e-5)


def test_settings_that_contradict_one_another_are_refused():
    with pytest.raises(ValueError, match="set norm 'batch'"):
        One2345Config(target_in_statistics=True)
    with pytest.raises(ValueError, match="no multiple of fine_rounds"):
        One2345Config(fine_samples=10)
