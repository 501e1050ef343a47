import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrelic.losses import combine
from jaxrelic.losses import one2345 as losses
from jaxrelic.models.one2345.rays import RayTargets
from jaxrelic.models.one2345.render import RenderedRays

COMPAT, MODERN = losses.One2345LossSettings.compat(), losses.One2345LossSettings.modern()


def rays(**changes):
    """Four rays of one scene; the first is not valid, the last is background."""
    drawn = RenderedRays(
        rgb=np.full((4, 3), 0.5, np.float32),
        depth=np.array([1.0, 2.0, 3.0, 0.4], np.float32),
        opacity=np.array([1.0, 0.8, 1.0, 0.3], np.float32),
        normals=np.zeros((4, 3), np.float32),
        valid=np.array([False, True, True, True]),
        sdf=np.full((4, 5), 100.0, np.float32),
        gradient_error=np.array([1.0, 2.0, 0.0, 0.0], np.float32),
        inside=np.array([4, 2, 0, 0]),
    )
    return dataclasses.replace(drawn, **changes)


def target(**changes):
    wanted = RayTargets(
        rgb=np.array([[9.0] * 3, [0.5] * 3, [0.8] * 3, [1.0] * 3], np.float32),
        mask=np.array([1.0, 1.0, 1.0, 0.0], np.float32),
        depth=np.array([1.5, 2.0, 2.0, 0.0], np.float32),
    )
    return dataclasses.replace(wanted, **changes)


loss_terms = jax.jit(losses.loss_terms, static_argnums=3)


def test_terms_are_what_the_specification_writes():
    free = np.array([0.0, 0.01, 1.0, -0.01], np.float32)
    found = loss_terms(rays(), target(), free, COMPAT)
    np.testing.assert_allclose(found["rgb"], (0 + 0.3 + 0.5) / 3, rtol=1e-5)
    np.testing.assert_allclose(found["depth"], (0.5 + 0 + 1 + 0.4) / 4, rtol=1e-5)
    np.testing.assert_allclose(found["sparse"], (1 + 2 * np.exp(-1)) / 4 / 2, rtol=1e-5)
    np.testing.assert_allclose(found["mask"], (0.2 + 0.3) / 4, rtol=1e-5)
    np.testing.assert_allclose(found["eikonal"], 3 / (6 + 1e-5), rtol=1e-6)
    np.testing.assert_allclose(found["psnr_db"], -10 * np.log10((0.09 + 0.25) / 3), rtol=1e-5)
    modern = loss_terms(rays(), target(), free, MODERN)
    np.testing.assert_allclose(modern["depth"], (0.5 + 0 + 1) / 3, rtol=1e-5)


def test_scenes_are_separate_and_weigh_by_their_names():
    two = jax.tree.map(lambda *x: np.stack(x), rays(), rays(opacity=np.ones(4, np.float32)))
    wanted = jax.tree.map(lambda x: np.stack([x, x]), target())
    terms = loss_terms(two, wanted, np.ones((2, 8), np.float32), MODERN)
    alone = loss_terms(rays(), target(), np.ones(8, np.float32), MODERN)["mask"]
    assert terms["mask"][0] == pytest.approx(float(alone))
    assert terms["mask"][1] == pytest.approx(-np.log(1e-3) / 4, rel=1e-2)
    terms |= {"surface": np.float32([0.1, 0.2]), "empty": np.float32([0.3, 0.4])}
    terms |= {"normal": np.float32([0.5, 0.7])}
    total, _ = combine(terms, losses.loss_weights(MODERN, 25_000))
    means = {name: float(np.mean(terms[name])) for name in terms}
    by_hand = means["rgb"] + means["depth"] + 0.01 * means["sparse"]
    by_hand += 0.1 * means["mask"] + 0.1 * means["eikonal"] + 10 * 0.15 + 10 * 0.35 + 0.5 * 0.6
    np.testing.assert_allclose(total, by_hand, rtol=1e-5)


def test_no_valid_ray_gives_zero_and_no_nan():
    nothing = rays(valid=np.zeros(4, bool))
    gradient = jax.grad(
        lambda rgb: loss_terms(
            dataclasses.replace(nothing, rgb=rgb), target(), np.ones(4, np.float32), MODERN
        )["rgb"]
    )(nothing.rgb)
    assert not np.any(gradient)


def test_the_mask_is_compared_by_cross_entropy_and_an_opaque_wrong_ray_still_has_a_gradient():
    opacity = np.array([0.2, 0.9, 0.5, 0.3], np.float32)
    found = loss_terms(rays(opacity=opacity), target(), np.ones(4, np.float32), MODERN)["mask"]
    wanted = -np.mean(np.log([0.2, 0.9, 0.5, 1 - 0.3]))
    np.testing.assert_allclose(found, wanted, rtol=5e-3)  # Squeezed by a thousandth.

    def of_a_wall(opacity):
        return losses.mask_error(
            jnp.full(4, opacity), jnp.zeros(4), form="cross_entropy", guarded=False
        )

    assert jax.grad(of_a_wall)(1.0) > 100


def test_over_another_background_only_what_the_mask_leaves_free_changes():
    white = target(mask=np.array([1.0, 0.25, 0.0, 0.0], np.float32))
    colour = np.array([0.2, 0.4, 1.0], np.float32)
    moved = losses.over(white, colour)
    np.testing.assert_allclose(moved.rgb[0], white.rgb[0], atol=1e-7)
    np.testing.assert_allclose(moved.rgb[1], white.rgb[1] + 0.75 * (colour - 1), atol=1e-6)
    np.testing.assert_allclose(moved.rgb[2], white.rgb[2] + colour - 1, atol=1e-6)


def test_backgrounds_are_white_in_compat_and_differ_from_key_to_key_in_modern():
    keys = [jax.random.key(number) for number in range(2)]
    np.testing.assert_array_equal(losses.draw_background(keys[0], COMPAT), np.ones(3))
    first, second = (losses.draw_background(key, MODERN) for key in keys)
    assert np.all((first >= 0) & (first <= 1))
    assert np.abs(first - second).max() > 0.1


def test_unknown_depth_and_rays_without_background_count_for_nothing_in_compat():
    free = np.ones(4, np.float32)
    unknown = target(depth=np.array([-1.0, 2, 2, 0], np.float32))
    assert loss_terms(rays(), unknown, free, COMPAT)["depth"] == 0
    crowded = target(mask=np.ones(4, np.float32))
    assert loss_terms(rays(), crowded, free, COMPAT)["mask"] == 0
    assert loss_terms(rays(), crowded, free, MODERN)["mask"] > 0


@pytest.mark.parametrize(
    ("step", "sparse", "mask", "anneal"),
    [(0, 0, 0, 0), (12_500, 0.005, 0, 0.5), (49_999, 0.0199996, 0, 1), (10**6, 0.02, 0.1, 1)],
)
def test_the_schedules_are_those_of_the_released_training(step, sparse, mask, anneal):
    weights = losses.loss_weights(COMPAT, step)
    found = [weights["sparse"], weights["mask"], losses.anneal_at(COMPAT, step)]
    np.testing.assert_allclose(found, [sparse, mask, anneal], rtol=1e-5)
    assert (weights["rgb"], weights["depth"], weights["eikonal"]) == (1.0, 0.0, 0.1)
    assert losses.loss_weights(MODERN, 0)["mask"] == pytest.approx(0.1)
