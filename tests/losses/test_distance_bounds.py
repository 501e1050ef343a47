"""Bounds of signed distances, on a sphere whose distances, depths and masks are known exactly."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrelic.losses import distance_bounds
from jaxrelic.models.one2345.rays import Rays, RayTargets

RADIUS, AWAY = 0.5, 3.0
BEYOND_ROUNDING = 1e-6


def rays_and_targets(count=200):
    """Parallel rays towards a sphere: some hit it, some pass it by, some graze its edge."""
    offsets = np.random.default_rng(0).uniform(-0.9, 0.9, (count, 2)).astype(np.float32)
    origins = np.concatenate([offsets, np.full((count, 1), -AWAY, np.float32)], axis=-1)
    beside = np.linalg.norm(offsets, axis=-1)
    hit = beside < RADIUS
    half_chord = np.sqrt(np.maximum(RADIUS**2 - beside**2, 0))
    rays = Rays(
        origins=origins,
        directions=np.tile(np.float32([0, 0, 1]), (count, 1)),
        near=np.full(count, AWAY - 1, np.float32),
        far=np.full(count, AWAY + 1, np.float32),
    )
    target = RayTargets(
        rgb=np.zeros((count, 3), np.float32),
        mask=np.float32(hit),
        depth=np.float32(np.where(hit, AWAY - half_chord, 0)),
    )
    return rays, target


def sphere(points, radius=RADIUS):
    return jnp.linalg.norm(points, axis=-1) - radius


def terms_of(sdf, target=None):
    rays, known = rays_and_targets()
    bounded = distance_bounds.bounded_points(jax.random.key(0), rays, target or known)
    return distance_bounds.bound_terms(sdf(bounded.points), bounded), bounded


def test_the_true_field_keeps_every_bound():
    def true(points):  # A chord shorter than THICKNESS is left again within it.
        return jnp.where(points[:, 2] > 0, jnp.minimum(sphere(points), 0), sphere(points))

    terms, bounded = terms_of(true)
    assert 0.2 < np.mean(bounded.by_depth) < 0.4
    assert 0.6 < np.mean(bounded.by_mask) < 0.8
    assert max(terms.values()) < BEYOND_ROUNDING


def test_points_end_with_the_ray_before_it_and_behind_it():
    (_, bounded), (_, target) = terms_of(sphere), rays_and_targets()
    z = bounded.points[:, 2].reshape(distance_bounds.POINTS_PER_RAY, -1) + AWAY
    end, before, behind = z[:, target.depth > 0]
    wanted = target.depth[target.depth > 0]
    np.testing.assert_allclose(end, wanted, atol=1e-6)
    assert np.all((before <= wanted + 1e-6) & (before >= AWAY - 1))
    assert np.all((behind >= wanted - 1e-6) & (behind <= wanted + distance_bounds.THICKNESS + 1e-6))
    assert np.all((z >= AWAY - 1 - 1e-6) & (z <= AWAY + 1 + 1e-6))


@pytest.mark.parametrize("radius", [0.4, 0.7])
def test_a_wrong_sphere_is_found_out(radius):
    """Where rays end, it is off by the difference of radii, and there for every ray."""
    terms, bounded = terms_of(lambda points: sphere(points, radius))
    excess = np.abs(radius - RADIUS)
    assert terms["surface"] > excess / distance_bounds.POINTS_PER_RAY
    assert (terms["empty"] > 0) == (radius > RADIUS)
    slope = jax.grad(
        lambda r: distance_bounds.bound_terms(sphere(bounded.points, r), bounded)["surface"]
    )(radius)
    assert np.sign(slope) == np.sign(radius - RADIUS)


def test_the_mean_of_the_excess_is_what_the_bounds_say():
    """Against loops over points, with a field that is wrong in every way."""

    def wrong(points):
        return 0.3 * jnp.sin(9 * points[:, 0]) + 0.1

    terms, bounded = terms_of(wrong)
    sdf = np.asarray(wrong(bounded.points))
    for name, which in {"surface": bounded.by_depth, "empty": bounded.by_mask}.items():
        each = [
            max(low - value, value - high, 0)
            for value, low, high, counts in zip(
                sdf, bounded.lower, bounded.upper, which, strict=True
            )
            if counts
        ]
        np.testing.assert_allclose(terms[name], np.mean(each), rtol=1e-5)


def test_rays_that_may_meet_something_unknown_bound_nothing():
    _, known = rays_and_targets()
    edge = dataclasses.replace(
        known, mask=np.full_like(known.mask, 0.3), depth=np.zeros_like(known.depth)
    )
    terms, _ = terms_of(lambda points: sphere(points, 3.0), edge)
    assert terms == {"surface": 0, "empty": 0}
    nowhere = jax.grad(lambda r: terms_of(lambda p: sphere(p, r), edge)[0]["surface"])(0.5)
    assert nowhere == 0


def test_an_unknown_depth_is_no_depth():
    """Depth below 0 is what a view without one has; its object is known by its mask alone."""
    _, known = rays_and_targets()
    unknown = dataclasses.replace(known, depth=np.full_like(known.depth, -1))
    terms, bounded = terms_of(lambda points: sphere(points, 3.0), unknown)
    assert not np.any(bounded.by_depth)
    assert terms["surface"] == 0 < terms["empty"]


def test_normals_are_compared_by_length_where_they_are_known():
    gradient = np.float32([[0, 0, 1], [0, 3, 4], [2, 0, 0], [9, 9, 9]])
    normals = np.float32([[0, 0, 1], [0, 0, 0], [0, 1, 0], [1, 0, 0]])
    found = distance_bounds.normal_term(gradient, normals)
    np.testing.assert_allclose(found, (0 + np.sqrt(5) + np.sqrt(226)) / 3, rtol=1e-6)
    slope = jax.grad(distance_bounds.normal_term)(gradient, normals)
    assert not slope[:2].any()  # Right, and unknown.
    np.testing.assert_allclose(slope[2], np.float32([2, -1, 0]) / np.sqrt(5) / 3, rtol=1e-6)
    assert distance_bounds.normal_term(gradient, np.zeros_like(normals)) == 0
