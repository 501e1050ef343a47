import jax
import jax.numpy as jnp
import numpy as np

from jaxrelic.nn.mlp import Mlp
from jaxrelic.nn.resnet import ResNet


def count(tree):
    return sum(np.prod(leaf.shape, dtype=int) for leaf in jax.tree.leaves(tree))


def shapes_of(module, *inputs, **options):
    return jax.eval_shape(lambda key: module.init(key, *inputs, **options), jax.random.key(0))


def test_the_default_trunk_has_the_parameters_of_resnet_18():
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
    net = ResNet(widths=(4, 8), blocks=1)
    images = jax.random.uniform(jax.random.key(0), (4, 16, 16, 3))
    variables = net.init(jax.random.key(1), images, train=False)

    def forward(images):
        return net.apply(variables, images, train=True, mutable=["batch_stats"])

    together, stats_together = jax.vmap(forward, axis_name="batch")(images[None])
    apart, stats_apart = jax.vmap(forward, axis_name="batch")(images.reshape(2, 2, 16, 16, 3))
    np.testing.assert_allclose(apart.reshape(4, -1), together[0], atol=1e-5)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a[1], b[0], rtol=1e-4, atol=1e-6),
        stats_apart,
        stats_together,
    )


def test_evaluation_needs_no_batch_axis_and_treats_each_image_alone():
    net = ResNet(widths=(4, 8), blocks=1)
    images = jax.random.uniform(jax.random.key(0), (3, 16, 16, 3))
    variables = net.init(jax.random.key(1), images, train=False)
    all_at_once = net.apply(variables, images, train=False)
    np.testing.assert_allclose(
        net.apply(variables, images[1:2], train=False), all_at_once[1:2], rtol=1e-5, atol=1e-6
    )


def test_the_regressor_counts_as_specified_and_starts_at_zero():
    x = jax.random.normal(jax.random.key(0), (2, 512))
    variables = Mlp(64).init(jax.random.key(1), x)
    assert count(variables["params"]) == 106_944
    assert not np.any(Mlp(64).apply(variables, x))
    assert np.any(Mlp(64, zero_last=False).init_with_output(jax.random.key(1), x)[0])
