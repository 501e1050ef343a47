import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from jaxrelic.nn.mlp import Mlp
from jaxrelic.nn.resnet import BottleneckBlock, BottleneckStages, ResNet, max_pool


def count(tree):
    return sum(np.prod(leaf.shape, dtype=int) for leaf in jax.tree.leaves(tree))


def shapes_of(module, *inputs, **options):
    return jax.eval_shape(lambda key: module.init(key, *inputs, **options), jax.random.key(0))


def test_the_default_trunk_has_the_parameters_of_resnet_18():
    """Specification msrn H-F1."""
    variables = shapes_of(ResNet(), jnp.zeros((1, 64, 64, 3)), train=False)
    assert count(variables["params"]) == 11_176_512


def test_maps_halve_as_published():
    variables = shapes_of(ResNet(), jnp.zeros((1, 64, 64, 3)), train=False)

    def forward(variables):
        return ResNet().apply(
            variables, jnp.zeros((1, 64, 64, 3)), train=False, capture_intermediates=True
        )

    features, state = jax.eval_shape(forward, variables)
    blocks = state["intermediates"]
    sides = [blocks[f"stage_{i}_block_1"]["__call__"][0].shape[1] for i in range(4)]
    assert blocks["stem"]["__call__"][0].shape[1] == 32
    assert sides == [16, 8, 4, 2]
    assert features.shape == (1, 512)


def test_statistics_are_shared_between_replicas():
    net = ResNet(widths=(4,), blocks=1)
    images = jax.random.uniform(jax.random.key(0), (4, 16, 16, 3))
    variables = jax.jit(lambda key: net.init(key, images, train=False))(jax.random.key(1))

    def forward(images):
        return net.apply(variables, images, train=True, mutable=["batch_stats"])

    replicas = jax.jit(jax.vmap(forward, axis_name="batch"))
    together, stats_together = replicas(images[None])
    apart, stats_apart = replicas(images.reshape(2, 2, 16, 16, 3))
    np.testing.assert_allclose(apart.reshape(4, -1), together[0], atol=1e-5)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a[1], b[0], rtol=1e-4, atol=1e-6),
        stats_apart,
        stats_together,
    )


def test_evaluation_needs_no_batch_axis_and_treats_each_image_alone():
    net = ResNet(widths=(4, 8), blocks=1)
    images = jax.random.uniform(jax.random.key(0), (3, 16, 16, 3))
    variables = jax.jit(lambda key: net.init(key, images, train=False))(jax.random.key(1))
    evaluate = jax.jit(lambda images: net.apply(variables, images, train=False))
    one, all_at_once = evaluate(images[1:2]), evaluate(images)
    np.testing.assert_allclose(one, all_at_once[1:2], rtol=1e-5, atol=1e-6)


def test_pooling_agrees_with_flax_and_has_its_gradient():
    x = jax.random.normal(jax.random.key(0), (2, 6, 9, 3))

    def theirs(x):
        return nn.max_pool(x, (3, 3), strides=(2, 2), padding=((1, 1), (1, 1)))

    weights = jax.random.normal(jax.random.key(1), theirs(x).shape)
    results = [
        jax.jit(jax.value_and_grad(lambda x, pool=pool: jnp.sum(weights * pool(x))))(x)
        for pool in (theirs, max_pool)
    ]
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), *results)


def test_the_regressor_counts_as_specified_and_starts_at_zero():
    """Specification msrn H-F1."""
    x = jax.random.normal(jax.random.key(0), (2, 512))
    variables = Mlp(64).init(jax.random.key(1), x)
    assert count(variables["params"]) == 106_944
    assert not np.any(Mlp(64).apply(variables, x))
    assert np.any(Mlp(64, zero_last=False).init_with_output(jax.random.key(1), x)[0])


def test_stages_in_parts_are_the_stages_of_resnet_50():
    whole = BottleneckStages((64, 128, 256, 512), (3, 4, 6, 3), (1, 2, 2, 2))
    image = jnp.zeros((1, 64, 64, 3))
    assert count(shapes_of(whole, image, train=False)["params"]) == 23_508_032
    lower = BottleneckStages((64, 128, 256), (3, 4, 6), (1, 2, 2))
    upper = BottleneckStages((512,), (3,), (2,), first=3)
    features = jnp.zeros((1, 4, 4, 1024))
    parts = [
        shapes_of(module, x, train=False)["params"]
        for module, x in ((lower, image), (upper, features))
    ]
    assert parts[0] | parts[1] == shapes_of(whole, image, train=False)["params"]


def test_the_middle_convolution_of_a_bottleneck_strides():
    variables = shapes_of(BottleneckBlock(8, 2), jnp.zeros((1, 8, 8, 4)), train=False)

    def forward(variables):
        block = BottleneckBlock(8, 2)
        x = jnp.zeros((1, 8, 8, 4))
        return block.apply(variables, x, train=False, capture_intermediates=True)

    output, state = jax.eval_shape(forward, variables)
    inside = state["intermediates"]
    assert [inside[f"conv_{i}"]["__call__"][0].shape[1] for i in range(3)] == [8, 4, 4]
    assert output.shape == (1, 4, 4, 32)
