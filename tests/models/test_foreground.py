"""The network of foreground perception: sizes, what learns from what, and published weights."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrelic.errors import UserError
from jaxrelic.models.foreground import convert
from jaxrelic.models.foreground.model import Foreground, ForegroundConfig, halved

SIDE = 32
TINY = ForegroundConfig.compact(
    categories=3,
    widths=(2, 3, 2),
    blocks=(1, 2, 1),
    strides=(1, 2, 1),
    tap=2,
    classifier_width=4,
)
CATEGORY = jnp.array([2, 0])


def shapes(config, side):
    image = jax.ShapeDtypeStruct((1, side, side, 3), jnp.float32)
    category = jax.ShapeDtypeStruct((1,), jnp.int32)
    init = functools.partial(Foreground(config).init, train=False)
    return jax.eval_shape(init, jax.random.key(0), image, category)


def count(tree):
    return sum(np.prod(leaf.shape, dtype=int) for leaf in jax.tree.leaves(tree))


@functools.cache
def variables():
    image = jnp.zeros((1, SIDE, SIDE, 3))
    init = functools.partial(Foreground(TINY).init, train=False)
    return jax.jit(init)(jax.random.key(0), image, CATEGORY[:1])


@functools.cache
def images():
    return jax.random.uniform(jax.random.key(1), (2, SIDE, SIDE, 3))


def test_the_default_trunk_and_top_are_resnet_50_with_the_maps_of_bas():
    whole = shapes(ForegroundConfig(categories=9), 224)
    assert count([whole["params"][name] for name in ("trunk", "top")]) == 23_508_032

    def forward(variables):
        image, category = jnp.zeros((1, 224, 224, 3)), jnp.zeros(1, jnp.int32)
        return Foreground(ForegroundConfig(categories=9)).apply(
            variables, image, category, train=False, capture_intermediates=True
        )

    output, state = jax.eval_shape(forward, whole)
    assert output.activation.shape == (1, 28, 28)
    assert output.foreground.shape == (1, 1024)
    assert state["intermediates"]["trunk"]["__call__"][0].shape == (1, 28, 28, 1024)
    assert state["intermediates"]["top"]["__call__"][0].shape == (1, 14, 14, 2048)
    assert state["intermediates"]["classifier"]["__call__"][0].shape == (1, 14, 14, 9)


def test_a_class_agnostic_generator_has_one_map():
    kernels = [
        shapes(ForegroundConfig(categories=9, class_agnostic=agnostic), 224)["params"]
        for agnostic in (False, True)
    ]
    assert [each["generator"]["kernel"].shape[-1] for each in kernels] == [9, 1]


def output_of(params, config=TINY):
    whole = {"params": params, "batch_stats": variables()["batch_stats"]}
    return Foreground(config).apply(
        whole, images(), CATEGORY, train=False, capture_intermediates=True
    )


def test_the_map_is_that_of_the_label_and_features_are_summed_under_it():
    output, state = output_of(variables()["params"])
    features = state["intermediates"]["trunk"]["__call__"][0]
    logits = state["intermediates"]["generator"]["__call__"][0]
    activation = np.stack([jax.nn.sigmoid(logits[i, ..., c]) for i, c in enumerate(CATEGORY)])
    np.testing.assert_allclose(output.activation, activation, rtol=1e-5)
    assert features.shape == (2, 4, 4, 12)
    foreground = np.einsum("bijq,bij->bq", features, activation)
    np.testing.assert_allclose(output.foreground, foreground, rtol=1e-4, atol=1e-5)
    everything = np.asarray(output.foreground + output.background)
    np.testing.assert_allclose(everything, np.sum(features, axis=(1, 2)), rtol=1e-4, atol=1e-5)


def learning(loss):
    """Modules of the network that a loss of its output and parameters gives a gradient to."""
    gradients = jax.jit(jax.grad(loss))(variables()["params"])
    return {
        name for name, tree in gradients.items() if any(np.any(x) for x in jax.tree.leaves(tree))
    }


def test_the_erase_branch_teaches_neither_top_nor_classifier():
    erased = learning(lambda params: jnp.sum(output_of(params)[0].erased_scores))
    assert erased == {"generator", "trunk"}
    whole = learning(lambda params: jnp.sum(output_of(params)[0].scores))
    assert whole == {"trunk", "top", "classifier"}


def test_the_erase_branch_teaches_the_trunk_through_the_map_alone():
    """With a generator that ignores the features, nothing of the trunk is left to learn."""

    def loss(params):
        blind = jax.tree.map(jnp.zeros_like, params["generator"]["kernel"])
        generator = {**params["generator"], "kernel": jax.lax.stop_gradient(blind)}
        return jnp.sum(output_of({**params, "generator": generator})[0].erased_scores)

    assert learning(loss) == {"generator"}


def test_erased_scores_are_those_of_the_network_on_the_features_that_are_left():
    """A map of zeros erases nothing; one of ones leaves what the layers make of zeros."""
    params = variables()["params"]
    for bias, same in ((-40.0, True), (40.0, False)):
        kernel = jnp.zeros_like(params["generator"]["kernel"])
        generator = {"kernel": kernel, "bias": jnp.full(3, bias)}
        output, _ = output_of({**params, "generator": generator})
        assert np.allclose(output.erased_scores, output.scores, rtol=1e-5) == same


def test_training_leaves_the_running_statistics_to_the_whole_photograph():
    """The erase branch normalises by its own batch and keeps none of it."""

    def statistics(bias):
        params = variables()["params"]
        generator = {**params["generator"], "bias": jnp.full(3, bias)}
        whole = {**variables(), "params": {**params, "generator": generator}}
        apply = functools.partial(Foreground(TINY).apply, train=True, mutable=["batch_stats"])
        step = jax.vmap(lambda image, c: apply(whole, image, c)[1], axis_name="batch")
        return step(images()[None], CATEGORY[None])

    jax.tree.map(np.testing.assert_array_equal, statistics(-2.0), statistics(2.0))


def test_perceiving_shows_every_category_and_one_map_serves_all_when_class_agnostic():
    maps, scores = Foreground(TINY).apply(variables(), images(), method="perceive")
    output, _ = output_of(variables()["params"])
    np.testing.assert_allclose(maps[0, ..., 2], output.activation[0], rtol=1e-5)
    np.testing.assert_allclose(scores, output.scores, rtol=1e-5)


def test_halving_is_over_windows():
    x = jnp.arange(16.0).reshape(1, 4, 4, 1)
    np.testing.assert_array_equal(halved(x, jnp.max)[0, ..., 0], [[5, 7], [13, 15]])
    np.testing.assert_array_equal(halved(x, jnp.mean)[0, ..., 0], [[2.5, 4.5], [10.5, 12.5]])
    with pytest.raises(ValueError, match="3 x 4 has no 2x2 windows"):
        halved(x[:, :3], jnp.max)


NORM = {"scale": "weight", "bias": "bias", "mean": "running_mean", "var": "running_var"}


def torchvision(ours, seed=0):
    """Random weights under torchvision's names and in its layouts, for the sizes of `ours`."""
    rng = np.random.default_rng(seed)
    theirs = {"fc.weight": np.zeros((5, 8)), "bn1.num_batches_tracked": np.int64(3)}
    for collection in ("params", "batch_stats"):
        for module in ("trunk", "top"):
            for path, leaf in jax.tree_util.tree_leaves_with_path(ours[collection][module]):
                *where, part = [each.key for each in path]
                block, layer = ("", where[0]) if len(where) == 1 else where
                kind = "conv" if part == "kernel" else "bn"
                if block:
                    _, stage, _, number = block.split("_")
                    kind = f"layer{int(stage) + 1}.{number}.{kind}"
                    kind = kind.replace("conv", "downsample.0") if layer == "skip" else kind
                    kind = kind.replace("bn", "downsample.1") if layer == "skip_norm" else kind
                if layer[-1].isdigit():
                    kind += str(int(layer[-1]) + 1)
                elif not block:
                    kind += "1"
                value = rng.normal(size=leaf.shape).astype(np.float32)
                turned = value.transpose(3, 2, 0, 1) if part == "kernel" else value
                theirs[f"{kind}.{NORM.get(part, 'weight')}"] = turned
    return theirs


def test_published_weights_land_where_torchvision_has_them():
    theirs = torchvision(variables())
    assert {"conv1.weight", "layer2.1.conv3.weight", "layer1.0.downsample.1.running_var"} <= set(
        theirs
    )
    filled = convert.fill(variables(), theirs, tap=TINY.tap, source="file")
    trunk, top = filled["params"]["trunk"], filled["params"]["top"]
    kernel = trunk["stage_1_block_1"]["conv_2"]["kernel"]
    np.testing.assert_array_equal(kernel, theirs["layer2.1.conv3.weight"].transpose(2, 3, 1, 0))
    np.testing.assert_array_equal(
        filled["batch_stats"]["top"]["stage_2_block_0"]["skip_norm"]["var"],
        theirs["layer3.0.downsample.1.running_var"],
    )
    assert top["stage_2_block_0"]["norm_0"]["scale"].shape == (2,)
    generator = variables()["params"]["generator"]
    assert filled["params"]["generator"] is generator


def test_weights_of_another_network_are_refused_by_name():
    theirs = torchvision(variables())
    del theirs["layer3.0.conv1.weight"]
    theirs["layer4.0.conv1.weight"] = np.zeros((2, 2, 1, 1), np.float32)
    with pytest.raises(UserError, match=r"file do not fit .*layer4.*stage_2_block_0/conv_0"):
        convert.fill(variables(), theirs, tap=TINY.tap, source="file")
