import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from places import GOLDENS

from jaxrelic.models.clip.model import VIT_B_32, VIT_L_14
from jaxrelic.nn.vit import Block, VisionTransformer, ViTConfig

TINY = ViTConfig(image_size=8, patch_size=4, width=12, layers=2, heads=3, projection=5)


def shapes(config):
    image = jax.ShapeDtypeStruct((1, config.image_size, config.image_size, 3), jnp.float32)
    return jax.eval_shape(VisionTransformer(config).init, jax.random.key(0), image)


def random_like(tree, seed=0):
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda x: rng.normal(scale=0.5, size=x.shape).astype(np.float32), tree)


@pytest.mark.parametrize(
    ("config", "count"), [(VIT_L_14, 303_966_208), (VIT_B_32, 87_849_216)], ids=["l-14", "b-32"]
)
def test_published_towers_have_the_published_number_of_parameters(config, count):
    assert sum(math.prod(x.shape) for x in jax.tree.leaves(shapes(config))) == count


def test_the_parameter_tree_is_the_golden_one():
    lines = [
        f"{jax.tree_util.keystr(path, simple=True, separator='/')} {leaf.shape}\n"
        for path, leaf in jax.tree_util.tree_leaves_with_path(shapes(VIT_L_14))
        if "block_" not in str(path) or "block_23" in str(path)
    ]
    assert "".join(lines) == (GOLDENS / "clip_vit_l_14_parameters.txt").read_text()


def slow_norm(x, params, epsilon):
    centred = x - x.mean(-1, keepdims=True)
    deviation = np.sqrt((centred**2).mean(-1, keepdims=True) + epsilon)
    return centred / deviation * params["scale"] + params["bias"]


def slow_linear(x, params):
    return x @ params["kernel"] + params["bias"]


def slow_block(x, params, config):
    """One token and one head at a time, in double precision."""
    y = slow_norm(x, params["norm_attention"], config.epsilon)
    q, k, v = (slow_linear(y, params[name]) for name in ("query", "key", "value"))
    size = config.width // config.heads
    attended = np.zeros_like(x)
    for head in range(config.heads):
        own = slice(head * size, (head + 1) * size)
        for token in range(len(x)):
            logits = k[:, own] @ q[token, own] / math.sqrt(size)
            weights = np.exp(logits - logits.max())
            attended[token, own] = weights / weights.sum() @ v[:, own]
    branch = slow_linear(attended, params["attended"])
    x = x + branch * params.get("scale_attention", 1.0)
    y = slow_linear(slow_norm(x, params["norm_mlp"], config.epsilon), params["hidden"])
    if config.activation == "quick_gelu":
        y = y / (1 + np.exp(-1.702 * y))
    else:
        y = y * 0.5 * (1 + np.vectorize(math.erf)(y / math.sqrt(2)))
    return x + slow_linear(y, params["out"]) * params.get("scale_mlp", 1.0)


@pytest.mark.parametrize(
    "options", [{}, {"activation": "gelu", "layer_scale": True, "epsilon": 1e-6}]
)
def test_a_block_agrees_with_a_slow_reference(options):
    config = ViTConfig(image_size=8, patch_size=4, width=12, heads=3, **options)
    tokens = np.random.default_rng(1).normal(size=(5, 12)).astype(np.float32)
    variables = random_like(
        jax.eval_shape(Block(config).init, jax.random.key(0), jnp.asarray(tokens[None]))
    )
    ours = jax.jit(Block(config).apply)(variables, tokens[None])[0]
    wide = jax.tree.map(np.float64, variables["params"])
    np.testing.assert_allclose(ours, slow_block(np.float64(tokens), wide, config), atol=1e-4)


def test_the_tower_is_patches_class_token_positions_blocks_and_projection():
    variables = random_like(shapes(TINY))
    image = np.random.default_rng(2).normal(size=(8, 8, 3)).astype(np.float32)
    ours = jax.jit(VisionTransformer(TINY).apply)(variables, image[None])[0]
    params = jax.tree.map(np.float64, variables["params"])
    patches = [
        np.tensordot(image[i : i + 4, j : j + 4], params["patches"]["kernel"], 3)
        for i in (0, 4)
        for j in (0, 4)
    ]
    x = np.stack([params["class_token"], *patches]) + params["positions"]
    x = slow_norm(x, params["norm_first"], TINY.epsilon)
    for layer in range(2):
        x = slow_block(x, params[f"block_{layer}"], TINY)
    expected = slow_norm(x[0], params["norm_last"], TINY.epsilon) @ params["projection"]["kernel"]
    np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-4)


def test_without_projection_the_class_token_comes_out():
    config = ViTConfig(image_size=8, patch_size=4, width=12, layers=1, heads=3, projection=None)
    image = jax.ShapeDtypeStruct((2, 8, 8, 3), jnp.float32)
    out = jax.eval_shape(VisionTransformer(config).apply, shapes(config), image)
    assert out.shape == (2, 12)


def test_sizes_that_do_not_divide_are_refused():
    with pytest.raises(ValueError, match="not whole patches of 16"):
        ViTConfig(image_size=40, patch_size=16)
