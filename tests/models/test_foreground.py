"""The network of foreground perception: sizes, what learns from what, and published weights."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrelic.errors import UserError
from jaxrelic.models.foreground import convert
from jaxrelic.models.foreground.model import Foreground, ForegroundConfig, halve

SIDE = 16
TINY = ForegroundConfig.compact(
    categories=3, widths=(2, 3), blocks=(1, 1), strides=(1, 1), tap=1, classifier_width=4
)
CATEGORY = jnp.array([2, 0])

QUICKLY = {"xla_backend_optimization_level": 0}
"""Compiler options for programs that run once or twice."""


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
    return jax.jit(init, compiler_options=QUICKLY)(jax.random.key(0), image, CATEGORY[:1])


@functools.cache
def images():
    return np.random.default_rng(1).uniform(size=(2, SIDE, SIDE, 3)).astype(np.float32)


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


def output_of(params):
    """Output, features F and generator's logits for two photographs."""
    whole = {"params": params, "batch_stats": variables()["batch_stats"]}
    output, state = Foreground(TINY).apply(
        whole, images(), CATEGORY, train=False, capture_intermediates=True
    )
    inside = state["intermediates"]
    return output, inside["trunk"]["__call__"][0], inside["generator"]["__call__"][0]


quick_output_of = jax.jit(output_of, compiler_options=QUICKLY)


def with_generator(*, scale, bias):
    """Parameters whose generator has its kernel scaled and its bias set."""
    params = variables()["params"]
    kernel = scale * params["generator"]["kernel"]
    return {**params, "generator": {"kernel": kernel, "bias": jnp.full(3, bias)}}


def test_the_map_is_that_of_the_label_and_features_are_summed_under_it():
    output, features, logits = quick_output_of(variables()["params"])
    assert features.shape == (2, 4, 4, 8)
    activation = np.stack([jax.nn.sigmoid(logits[i, ..., c]) for i, c in enumerate(CATEGORY)])
    np.testing.assert_allclose(output.activation, activation, rtol=1e-5)
    foreground = np.einsum("bijq,bij->bq", features, activation)
    np.testing.assert_allclose(output.foreground, foreground, rtol=1e-4, atol=1e-5)
    everything = np.asarray(output.foreground + output.background)
    np.testing.assert_allclose(everything, np.sum(features, axis=(1, 2)), rtol=1e-4, atol=1e-5)
    maps, scores = jax.jit(
        lambda whole: Foreground(TINY).apply(whole, images(), method="perceive"),
        compiler_options=QUICKLY,
    )(variables())
    np.testing.assert_allclose(maps[0, ..., 2], output.activation[0], rtol=1e-5)
    np.testing.assert_allclose(scores, output.scores, rtol=1e-5)


def test_what_learns_from_which_scores():
    """The erase branch teaches neither top nor classifier, and the trunk through the map alone."""

    def scores(params):
        output = output_of(params)[0]
        return jnp.stack([output.erased_scores.sum(), output.scores.sum()])

    def gradients(params):
        _, pull = jax.vjp(scores, params)
        return jax.vmap(lambda row: pull(row)[0])(jnp.eye(2))

    def learning(params):
        found = jax.jit(gradients, compiler_options=QUICKLY)(params)
        return [
            {name for name in found if any(np.any(x[i]) for x in jax.tree.leaves(found[name]))}
            for i in range(2)
        ]

    erased, whole = learning(variables()["params"])
    assert erased == {"generator", "trunk"}
    assert whole == {"trunk", "top", "classifier"}
    # A generator that does not look at the features leaves the trunk nothing to learn.
    erased, _ = learning(with_generator(scale=0.0, bias=0.5))
    assert erased == {"generator"}


def test_erasing_nothing_leaves_the_scores_and_erasing_all_does_not():
    for bias, same in ((-40.0, True), (40.0, False)):
        output = quick_output_of(with_generator(scale=0.0, bias=bias))[0]
        assert np.allclose(output.erased_scores, output.scores, rtol=1e-5) == same


def test_training_leaves_the_running_statistics_to_the_whole_photograph():
    """The erase branch normalises by its own batch and keeps none of it."""

    def step(params):
        whole = {**variables(), "params": params}
        apply = functools.partial(Foreground(TINY).apply, train=True, mutable=["batch_stats"])
        return jax.vmap(lambda *args: apply(whole, *args), axis_name="batch")(
            images()[None], CATEGORY[None]
        )

    step = jax.jit(step, compiler_options=QUICKLY)
    (little, little_kept), (much, much_kept) = (
        step(with_generator(scale=1.0, bias=bias)) for bias in (-2.0, 2.0)
    )
    assert np.abs(little.erased_scores - much.erased_scores).max() > 1e-3
    jax.tree.map(np.testing.assert_array_equal, little_kept, much_kept)


def test_halving_is_over_windows():
    x = jnp.arange(16.0).reshape(1, 4, 4, 1)
    np.testing.assert_array_equal(halve(x, jnp.max)[0, ..., 0], [[5, 7], [13, 15]])
    np.testing.assert_array_equal(halve(x, jnp.mean)[0, ..., 0], [[2.5, 4.5], [10.5, 12.5]])
    with pytest.raises(ValueError, match="3 x 4 has no 2x2 windows"):
        halve(x[:, :3], jnp.max)


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


def two_blocks():
    """Variables of a network with two blocks in its first stage, zeros."""
    config = dataclasses.replace(TINY, blocks=(2, 1))
    return jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), shapes(config, SIDE))


def test_published_weights_land_where_torchvision_has_them():
    ours = two_blocks()
    theirs = torchvision(ours)
    assert {"conv1.weight", "layer1.1.conv3.weight", "layer2.0.downsample.1.running_var"} <= set(
        theirs
    )
    filled = convert.fill(ours, theirs, tap=1, source="file")
    np.testing.assert_array_equal(
        filled["params"]["trunk"]["stage_0_block_1"]["conv_2"]["kernel"],
        theirs["layer1.1.conv3.weight"].transpose(2, 3, 1, 0),
    )
    np.testing.assert_array_equal(
        filled["batch_stats"]["top"]["stage_1_block_0"]["skip_norm"]["var"],
        theirs["layer2.0.downsample.1.running_var"],
    )
    for module in ("trunk", "top"):
        for leaf in jax.tree.leaves(filled["params"][module]):
            assert np.any(leaf)
    assert filled["params"]["generator"] is ours["params"]["generator"]


def test_weights_of_another_network_are_refused_by_name():
    theirs = torchvision(two_blocks())
    del theirs["layer2.0.conv1.weight"]
    theirs["layer4.0.conv1.weight"] = np.zeros((2, 2, 1, 1), np.float32)
    with pytest.raises(UserError, match=r"file do not fit .*layer4.*stage_1_block_0/conv_0"):
        convert.fill(two_blocks(), theirs, tap=1, source="file")
