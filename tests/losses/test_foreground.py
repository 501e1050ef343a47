import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrelic.losses import foreground
from jaxrelic.losses.foreground import ForegroundLossSettings, erased_share
from jaxrelic.models.foreground.model import ForegroundOutput


def test_the_erased_share_is_a_ratio_and_zero_where_erasing_did_not_help():
    scores = jnp.array([[4.0, 1.0], [4.0, 1.0], [2.0, 3.0], [0.0, 1.0]])
    erased = jnp.array([[1.0, 9.0], [4.0, 0.0], [0.0, 6.0], [0.0, 0.0]])
    share = erased_share(scores, erased, jnp.array([0, 0, 1, 0]))
    np.testing.assert_allclose(share, [0.25, 0.0, 0.0, 0.0], atol=1e-6)


def test_only_the_erased_score_of_the_right_category_learns_from_its_share():
    scores, erased = jnp.array([[4.0, 1.0]]), jnp.array([[1.0, 9.0]])

    def loss(scores, erased):
        return erased_share(scores, erased, jnp.array([0]))[0]

    by_whole, by_rest = jax.grad(loss, argnums=(0, 1))(scores, erased)
    assert not np.any(by_whole)
    np.testing.assert_allclose(by_rest, [[0.25, 0.0]], atol=1e-6)


def test_terms_of_a_hand_made_output():
    output = ForegroundOutput(
        activation=jnp.full((1, 2, 2), 0.25),
        scores=jnp.array([[0.0, jnp.log(3.0)]]),
        activated_scores=jnp.zeros((1, 2)),
        erased_scores=jnp.array([[5.0, jnp.log(3.0) / 2]]),
        foreground=jnp.array([[1.0, 0.0]]),
        background=jnp.array([[0.0, 1.0]]),
    )
    bank = jnp.eye(2)
    terms = foreground.loss_terms(
        output,
        jnp.array([1]),
        bank[:1],
        bank[1:],
        settings=ForegroundLossSettings(temperature=1.0),
    )
    expected = {
        "classify": -np.log(0.75),
        "classify_foreground": np.log(2),
        "erase": 0.5,
        "area": 0.25,
        "contrast": 2 * np.log1p(np.exp(-1)),
        "accuracy": 1.0,
    }
    assert terms.keys() == expected.keys()
    for name, value in expected.items():
        assert float(terms[name][0]) == pytest.approx(value, rel=1e-5), name
