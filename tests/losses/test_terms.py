import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage

from jaxrelic import losses
from jaxrelic.geometry import cameras, meshes
from jaxrelic.losses import photometric, pose, regularizers, silhouette


def squares():
    """Mask and drawing of specification msrn H-C6."""
    mask, alpha = np.zeros((2, 8, 8), np.float32)
    mask[2:5, 2:5] = 1
    alpha[3:6, 4:7] = 0.9
    alpha[0, 0] = 0.2
    return mask, alpha


def test_distances_are_exact():
    """Specification msrn H-C6."""
    masks = np.random.default_rng(0).random((3, 9, 12)) > 0.9
    expected = [scipy.ndimage.distance_transform_edt(~mask) ** 2 for mask in masks]
    np.testing.assert_allclose(silhouette.squared_distance(masks), expected, rtol=1e-6)
    assert np.all(silhouette.squared_distance(np.zeros((4, 5), bool)) >= silhouette.FAR_SQUARED)


def test_distance_to_the_drawing_matches_the_specification():
    """Specification msrn H-C6."""
    _, alpha = squares()
    distance = silhouette.squared_distance(silhouette.drawn_pixels(alpha, 0.5))
    np.testing.assert_array_equal(distance[2:5, 2:5], [(5, 2, 1), (4, 1, 0), (4, 1, 0)])


@pytest.mark.parametrize(("mode", "expected"), [("transport", 35.8), ("literal", 34.0)])
def test_affinity_matches_the_specification(mode, expected):
    """Specification msrn H-C6."""
    mask, alpha = squares()
    value = silhouette.affinity(alpha, mask, mode=mode)
    np.testing.assert_allclose(value, expected, rtol=1e-6)  # 17.8 plus 18.0 or 16.2.


def test_literal_affinity_is_the_minimum_over_all_pairs():
    rng = np.random.default_rng(1)
    alpha = rng.random((2, 5, 6)).astype(np.float32)
    mask = (rng.random((2, 5, 6)) > 0.6).astype(np.float32)
    p = np.stack(np.mgrid[:5, :6], axis=-1).reshape(-1, 2)
    squared = ((p[:, None] - p[None]) ** 2).sum(-1)
    for a, m in zip(alpha.reshape(2, -1), mask.reshape(2, -1), strict=True):
        first = (a * squared[:, m > 0].min(axis=1)).sum()
        second = (m * (squared * a)[:, a > 0.5].min(axis=1)).sum()
        value = silhouette.affinity(a.reshape(5, 6), m.reshape(5, 6), mode="literal")
        np.testing.assert_allclose(value, first + second, rtol=1e-5)


def test_both_affinities_of_a_binary_drawing_are_the_sum_over_all_pairs():
    """M-SRN eq. 41 where nothing is soft: each pixel of one to the nearest of the other."""
    rng = np.random.default_rng(2)
    alpha, mask = (rng.random((2, 7, 5)) > 0.7).astype(np.float32)
    drawn, wanted = (np.argwhere(x > 0) for x in (alpha, mask))
    squared = ((drawn[:, None] - wanted[None]) ** 2).sum(axis=-1)
    expected = squared.min(axis=1).sum() + squared.min(axis=0).sum()
    for mode in ("transport", "literal"):
        np.testing.assert_allclose(silhouette.affinity(alpha, mask, mode=mode), expected)


def test_literal_affinity_lowers_the_drawing_where_it_is_nearest_to_what_it_lacks():
    """The wrong sign that specification msrn E.3 names: descent draws even less of the mask."""
    mask, alpha = squares()
    alpha[0, 0] = 0
    gradients = {
        mode: jax.grad(functools.partial(silhouette.affinity, mode=mode))(alpha, mask)
        for mode in ("transport", "literal")
    }
    inside = (mask > 0) & (alpha > 0)
    assert np.all(gradients["transport"][inside] <= 0)
    assert np.all(gradients["literal"][inside] >= 0)
    assert np.any(gradients["literal"][inside] > 0)


@pytest.mark.parametrize("mode", ["transport", "literal"])
@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_silhouette_terms_have_finite_gradients_where_alpha_is_certain_or_even(mode, value):
    masks = np.stack([np.zeros((4, 4)), np.ones((4, 4)), np.eye(4)]).astype(np.float32)

    def total(alpha):
        affinity = silhouette.affinity(alpha, masks, mode=mode)
        return jnp.sum(affinity + silhouette.binary_cross_entropy(alpha, masks))

    value, gradient = jax.value_and_grad(total)(jnp.full(masks.shape, value))
    assert np.isfinite(value)
    assert np.all(np.isfinite(gradient))


def test_transport_raises_alpha_where_the_mask_is_uncovered_and_lowers_it_outside():
    mask, alpha = squares()
    gradient = jax.grad(silhouette.affinity)(alpha, mask)
    np.testing.assert_allclose(gradient[2:5, 2:4], [(-5, -2), (-4, -1), (-4, -1)])
    assert gradient[0, 0] == 8


def test_affinity_of_empty_masks_and_drawings_stays_finite():
    mask, alpha = squares()
    assert silhouette.affinity(alpha, np.zeros_like(mask)) == 0
    faint = 0.2 * alpha
    assert 0 < silhouette.affinity(faint, mask) < silhouette.FAR_SQUARED


def test_a_drawing_that_knows_nothing_costs_log_two():
    """Specification msrn H-C7."""
    half = np.full((2, 4, 4), 0.5, np.float32)
    value = silhouette.binary_cross_entropy(half, np.ones_like(half))
    np.testing.assert_allclose(value, np.log(2), rtol=1e-6)
    certain = silhouette.binary_cross_entropy(1 - np.ones_like(half), np.ones_like(half))
    assert np.all(np.isfinite(certain))


def test_colour_distance_of_a_known_offset():
    """Specification msrn H-C7."""
    rgb = np.full((2, 3, 4, 3), 0.2, np.float32)
    target = rgb + np.float32([0.3, 0.4, 0.0])
    value = photometric.rgb_difference(rgb, target)
    np.testing.assert_allclose(value, 0.5, rtol=1e-5)
    gradient = jax.grad(lambda x: jnp.sum(photometric.rgb_difference(x, rgb)))(rgb)
    assert np.all(np.isfinite(gradient))


def test_depth_is_compared_only_where_both_see_a_surface():
    depth, target = np.zeros((2, 1, 4, 4), np.float32)
    depth[0, :2], target[0, 1:3] = 1.0, 1.25
    np.testing.assert_allclose(photometric.depth_difference(depth, target), [0.25])
    assert photometric.depth_difference(0 * depth, target)[0] == 0


@pytest.mark.parametrize(
    ("level", "smooth", "flat"),
    [
        (0, 0.5528005, 0.2546440),
        (1, 0.1691748, 0.0624735),
        (2, 0.0483796, 0.0155947),
        (3, 0.0139336, 0.0039060),
        (4, 0.0040010, 0.0009781),
    ],
)
def test_mesh_terms_of_the_icosphere_match_the_specification(level, smooth, flat):
    """Specification msrn H-C9."""
    vertices, faces = meshes.icosphere(level)
    edges, opposite = meshes.edge_topology(faces)
    np.testing.assert_allclose(regularizers.laplacian(vertices, edges), smooth, rtol=2e-5)
    consistency = regularizers.normal_consistency(vertices[None], edges, opposite)
    np.testing.assert_allclose(consistency, [flat], rtol=2e-4)  # 1 - cos in float32.


@pytest.mark.parametrize(("size", "smooth"), [(0.4, 0.0044985), (0.6, 0.0067478)])
def test_mesh_terms_of_the_papers_ellipsoids_match_the_specification(size, smooth):
    """Specification msrn H-C9, its last two rows."""
    vertices, faces = meshes.icosphere(3)
    vertices = vertices * np.float32([size, 0.7 * size, 0.7 * size])
    edges, opposite = meshes.edge_topology(faces)
    np.testing.assert_allclose(regularizers.laplacian(vertices, edges), smooth, rtol=2e-5)
    flat = regularizers.normal_consistency(vertices, edges, opposite)
    np.testing.assert_allclose(flat, 0.0040239, rtol=2e-4)


@pytest.mark.parametrize("angle", [0.0, 0.3, 2.0])
def test_normal_consistency_of_a_fold_is_one_minus_its_cosine(angle):
    """Specification msrn H-C8."""
    a, b = (-1.0, 0.3, 0.0), (np.cos(angle), 0.5, np.sin(angle))
    vertices = np.float32([(0, 0, 0), (0, 1, 0), a, b])
    edges, opposite = np.array([[0, 1]]), np.array([[2, 3]])
    value = regularizers.normal_consistency(vertices, edges, opposite)
    np.testing.assert_allclose(value, 1 - np.cos(angle), atol=1e-6)


def test_a_triangulated_cube_folds_at_two_thirds_of_its_edges():
    """Specification msrn H-C8."""
    corners = np.array([(x, y, z) for x in (0, 1) for y in (0, 1) for z in (0, 1)], np.float32)
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    faces = np.array([t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))])
    edges, opposite = meshes.edge_topology(faces)
    value = regularizers.normal_consistency(corners, edges, opposite)
    np.testing.assert_allclose(value, 2 / 3, rtol=1e-6)


def test_mesh_terms_have_finite_gradients_on_a_collapsed_mesh():
    vertices, faces = meshes.icosphere(1)
    edges, opposite = meshes.edge_topology(faces)

    def total(v):
        smooth = regularizers.laplacian(v, edges)
        return smooth + regularizers.normal_consistency(v, edges, opposite)

    assert np.all(np.isfinite(jax.jit(jax.grad(total))(0 * vertices)))


def orbit(azimuth, elevation=0.2, roll=0.0):
    return cameras.orbit(
        *jnp.broadcast_arrays(*map(jnp.asarray, (azimuth, elevation, roll))),
        jnp.broadcast_to(jnp.asarray([0.0, 0.0, 1.2]), (*jnp.shape(azimuth), 3)),
    )


def test_rotation_angle_is_geodesic_and_differentiable_everywhere():
    turn = jnp.asarray([0.0, 0.5, 3.0, jnp.pi])
    a = orbit(turn, elevation=jnp.zeros(4))[:, :3, :3]
    b = jnp.broadcast_to(orbit(0.0, elevation=0.0)[None, :3, :3], a.shape)
    np.testing.assert_allclose(pose.rotation_angle(a, b), turn, atol=2e-6)
    gradient = jax.grad(lambda a: jnp.sum(pose.rotation_angle(a, b)))(a)
    assert np.all(np.isfinite(gradient))


def test_sectors_follow_azimuth_whatever_elevation_and_roll():
    middles = jnp.deg2rad(jnp.arange(6) * 60.0)
    azimuth = jnp.deg2rad(jnp.asarray([-29.0, 29.0, 31.0, 200.0, 331.0]))
    poses = orbit(azimuth, elevation=1.1, roll=0.7)
    assert pose.nearest_sector(poses, middles).tolist() == [0, 0, 1, 3, 0]
    np.testing.assert_allclose(jnp.cos(pose.azimuth(poses) - azimuth), 1, rtol=1e-6)


def test_the_sector_of_the_camera_is_the_cheapest_answer():
    logits = jnp.asarray([[0.0, 5.0, 0.0]])
    cost = [pose.sector_cross_entropy(logits, jnp.asarray([k]))[0] for k in range(3)]
    assert np.argmin(cost) == 1
    even = pose.sector_cross_entropy(jnp.zeros((2, 6)), jnp.asarray([0, 3]))
    np.testing.assert_allclose(even, np.log(6), rtol=1e-6)


def test_uneven_use_sees_the_batch_of_all_replicas():
    certain = 50 * jnp.eye(4)
    np.testing.assert_allclose(pose.uneven_use(certain), 0, atol=1e-6)
    np.testing.assert_allclose(pose.uneven_use(certain[:1]), 2 * 0.75 / 4, rtol=1e-5)
    replicas = jax.vmap(lambda x: pose.uneven_use(x, axis_name="batch"), axis_name="batch")
    np.testing.assert_allclose(replicas(certain[:, None]), 0, atol=1e-6)


def test_terms_are_weighted_by_name_and_typos_are_refused():
    terms = {"rgb": jnp.asarray([1.0, 3.0]), "seen": jnp.asarray([7.0])}
    total, means = losses.combine(terms, {"rgb": 0.5})
    assert total == 1
    assert means == {"rgb": 2, "seen": 7}
    with pytest.raises(ValueError, match=r"no loss term named \['rbg'\]"):
        losses.combine(terms, {"rbg": 1.0})
