"""Conversion of published layouts, on small random towers of exactly those names."""

import re

import jax
import numpy as np
import pytest

from jaxrelic.errors import UserError
from jaxrelic.models.clip import convert as clip
from jaxrelic.models.clip.model import tower_name
from jaxrelic.models.dino import convert as dino
from jaxrelic.nn.vit import ViTConfig

WIDTH, LAYERS, SIDE, GRID, OUT = 128, 2, 4, 3, 24
HIDDEN = 4 * WIDTH


def openai_shapes():
    block = {
        "ln_1.weight": (WIDTH,),
        "ln_1.bias": (WIDTH,),
        "attn.in_proj_weight": (3 * WIDTH, WIDTH),
        "attn.in_proj_bias": (3 * WIDTH,),
        "attn.out_proj.weight": (WIDTH, WIDTH),
        "attn.out_proj.bias": (WIDTH,),
        "ln_2.weight": (WIDTH,),
        "ln_2.bias": (WIDTH,),
        "mlp.c_fc.weight": (HIDDEN, WIDTH),
        "mlp.c_fc.bias": (HIDDEN,),
        "mlp.c_proj.weight": (WIDTH, HIDDEN),
        "mlp.c_proj.bias": (WIDTH,),
    }
    return {
        "class_embedding": (WIDTH,),
        "positional_embedding": (GRID**2 + 1, WIDTH),
        "proj": (WIDTH, OUT),
        "conv1.weight": (WIDTH, 3, SIDE, SIDE),
        **{
            f"{name}.{kind}": (WIDTH,)
            for name in ("ln_pre", "ln_post")
            for kind in ("weight", "bias")
        },
        **{
            f"transformer.resblocks.{layer}.{name}": shape
            for layer in range(LAYERS)
            for name, shape in block.items()
        },
    }


def openai():
    rng = np.random.default_rng(0)
    return {
        name: rng.normal(scale=0.1, size=shape).astype(np.float16)
        for name, shape in openai_shapes().items()
    }


def as_hugging_face(tower):
    """The renaming of specification one2345 B.9, by replacement of words."""
    words = {
        "conv1": "vision_model.embeddings.patch_embedding",
        "class_embedding": "vision_model.embeddings.class_embedding",
        "positional_embedding": "vision_model.embeddings.position_embedding.weight",
        "ln_pre": "vision_model.pre_layrnorm",
        "ln_post": "vision_model.post_layernorm",
        "transformer.resblocks": "vision_model.encoder.layers",
        "attn.out_proj": "self_attn.out_proj",
        "ln_1": "layer_norm1",
        "ln_2": "layer_norm2",
        "c_fc": "fc1",
        "c_proj": "fc2",
    }
    theirs = {"vision_model.embeddings.position_ids": np.arange(GRID**2 + 1)[None]}
    for name, x in tower.items():
        if name == "proj":
            theirs["visual_projection.weight"] = x.T
            continue
        for ours, word in words.items():
            name = re.sub(rf"(^|\.){re.escape(ours)}(\.|$)", rf"\g<1>{word}\g<2>", name)
        if "in_proj" in name:
            stem, kind = name.split("attn.in_proj_")
            for letter, part in zip("qkv", np.split(x, 3), strict=True):
                theirs[f"{stem}self_attn.{letter}_proj.{kind}"] = part
        else:
            theirs[name] = x
    return theirs


def test_both_layouts_of_clip_give_the_same_tower_with_sizes_told_from_the_tensors():
    config, variables = clip.convert({f"visual.{name}": x for name, x in openai().items()})
    assert config == ViTConfig(
        image_size=SIDE * GRID, patch_size=SIDE, width=WIDTH, layers=LAYERS, heads=2, projection=OUT
    )
    assert tower_name(config) == f"clip-vit-{WIDTH}-{SIDE}-{SIDE * GRID}"
    other_config, other = clip.convert(as_hugging_face(openai()))
    assert other_config == config
    jax.tree.map(np.testing.assert_array_equal, variables, other)
    params, source = variables["params"], openai()
    fused = source["transformer.resblocks.1.attn.in_proj_weight"]
    np.testing.assert_array_equal(params["block_1"]["key"]["kernel"], fused[WIDTH : 2 * WIDTH].T)
    np.testing.assert_array_equal(params["projection"]["kernel"], source["proj"])
    assert params["patches"]["kernel"][1, 2, 0, 5] == source["conv1.weight"][5, 0, 1, 2]
    assert {x.dtype for x in jax.tree.leaves(variables)} == {np.dtype(np.float32)}


def test_the_tower_is_found_in_a_whole_checkpoint_and_the_rest_left_aside():
    prefix = "cond_stage_model.model.visual."
    whole = {f"{prefix}{name}": x for name, x in openai().items()}
    whole |= {"cond_stage_model.model.ln_final.weight": np.zeros(3), "betas": np.zeros(9)}
    config, variables = clip.convert(whole)
    assert config.layers == LAYERS
    text = {"text_model.final_layer_norm.bias": np.zeros(3), "logit_scale": np.zeros(())}
    _, other = clip.convert(as_hugging_face(openai()) | text)
    jax.tree.map(np.testing.assert_array_equal, variables, other)


def test_what_is_no_clip_or_not_all_of_it_is_told():
    with pytest.raises(UserError, match=r"resnet\.pth hold no CLIP image tower: neither"):
        clip.convert({"layer1.weight": np.zeros(1)}, source="resnet.pth")
    theirs = as_hugging_face(openai())
    del theirs["visual_projection.weight"]
    with pytest.raises(UserError, match=r"lack \['visual_projection.weight'\]"):
        clip.convert(theirs)
    theirs = {f"visual.{name}": x for name, x in openai().items()}
    del theirs["visual.transformer.resblocks.1.mlp.c_proj.bias"]
    theirs["visual.extra"] = np.zeros(2)
    with pytest.raises(
        UserError, match=r"names \(extra\); 1 ours left empty \(params/block_1/out/b"
    ):
        clip.convert(theirs)


def dinov2(grid=5):
    rng = np.random.default_rng(0)
    layer = {
        **{
            f"{norm}.{kind}": (WIDTH,) for norm in ("norm1", "norm2") for kind in ("weight", "bias")
        },
        **{
            f"attention.{name}.{kind}": (WIDTH, WIDTH)[: 2 if kind == "weight" else 1]
            for name in ("attention.query", "attention.key", "attention.value", "output.dense")
            for kind in ("weight", "bias")
        },
        "layer_scale1.lambda1": (WIDTH,),
        "layer_scale2.lambda1": (WIDTH,),
        "mlp.fc1.weight": (HIDDEN, WIDTH),
        "mlp.fc1.bias": (HIDDEN,),
        "mlp.fc2.weight": (WIDTH, HIDDEN),
        "mlp.fc2.bias": (WIDTH,),
    }
    shapes = {
        "embeddings.cls_token": (1, 1, WIDTH),
        "embeddings.mask_token": (1, WIDTH),
        "embeddings.position_embeddings": (1, grid**2 + 1, WIDTH),
        "embeddings.patch_embeddings.projection.weight": (WIDTH, 3, SIDE, SIDE),
        "embeddings.patch_embeddings.projection.bias": (WIDTH,),
        "layernorm.weight": (WIDTH,),
        "layernorm.bias": (WIDTH,),
        **{f"encoder.layer.{n}.{name}": s for n in range(LAYERS) for name, s in layer.items()},
    }
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def test_dinov2_has_its_options_and_its_positions_at_the_size_that_is_asked_for():
    theirs = dinov2()
    config, variables = dino.convert(theirs, image_size=5 * SIDE)
    assert (config.activation, config.layer_scale, config.norm_first) == ("gelu", True, False)
    params = variables["params"]
    np.testing.assert_array_equal(params["positions"], theirs["embeddings.position_embeddings"][0])
    np.testing.assert_array_equal(
        params["block_1"]["scale_mlp"], theirs["encoder.layer.1.layer_scale2.lambda1"]
    )
    flat = np.full_like(theirs["embeddings.position_embeddings"], 3)
    _, smaller = dino.convert(
        theirs | {"embeddings.position_embeddings": flat}, image_size=3 * SIDE
    )
    np.testing.assert_allclose(smaller["params"]["positions"], np.full((10, WIDTH), 3), rtol=1e-6)


def test_the_shorter_names_of_newer_versions_are_the_same_tower():
    def shorter(name):
        name = re.sub(r"attention\.(q|k|v)[a-z]+", r"\1_proj", name)
        return name.replace("output.dense", "o_proj")

    config, variables = dino.convert(dinov2())
    newer = {shorter(name): x for name, x in dinov2().items()}
    assert "encoder.layer.0.attention.q_proj.weight" in newer
    other_config, other = dino.convert(newer)
    assert other_config == config
    jax.tree.map(np.testing.assert_array_equal, variables, other)


def test_positions_are_resized_with_the_cubic_of_the_original():
    """At twice the size, a new point lies 1/4 from an old one: Keys' kernel with a = -3/4."""
    line = np.random.default_rng(0).normal(size=8)
    table = np.repeat(line[:, None], 8, axis=1)  # The same along x.
    x = np.concatenate([np.zeros(1), table.ravel()])[None, :, None].astype(np.float32)
    resized = dino._resized_positions(16)(x)[1:, 0].reshape(16, 16)

    def keys(d, a=-0.75):
        near = (a + 2) * d**3 - (a + 3) * d**2 + 1
        return near if d < 1 else a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a

    # New row 7 lies at old row 3.25, between the rows 2 ... 5.
    weights = [keys(abs(row - 3.25)) for row in range(2, 6)]
    expected = np.dot(weights, line[2:6])
    np.testing.assert_allclose(resized[7, 4], expected, rtol=1e-5)


def test_what_is_no_dinov2_is_told():
    with pytest.raises(UserError, match="hold no DINOv2 tower in Hugging Face's layout"):
        dino.convert(openai())
    giant = {name: x for name, x in dinov2().items() if ".mlp." not in name}
    with pytest.raises(UserError, match="use DINOv2 S, B or L"):
        dino.convert(giant)
