"""Published CLIP weights to our image tower, in OpenAI's layout and in Hugging Face's.

OpenAI's has one fused matrix for query, key and value, and a projection that is (in, out) already.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxrelic.errors import UserError
from jaxrelic.models.clip.model import HEAD_WIDTH
from jaxrelic.nn.vit import VisionTransformer, ViTConfig
from jaxrelic.weights import (
    Rule,
    Transform,
    apply_rules,
    left_out,
    linear_rows,
    norm_rows,
    oi_to_io,
    oihw_to_hwio,
    same,
    strip_prefix,
)

_BLOCK = r"params/block_\1"
_OPENAI_BLOCK = r"transformer\.resblocks\.(\d+)"
_HF_BLOCK = r"vision_model\.encoder\.layers\.(\d+)"


def _fused(part: int, ours: str) -> list[Rule]:
    """Query, key or value: a third of a fused layer."""

    def third(transform: Transform) -> Transform:
        return lambda x: transform(np.split(x, 3)[part])

    return [
        (rf"{_OPENAI_BLOCK}\.attn\.in_proj_weight", f"{_BLOCK}/{ours}/kernel", third(oi_to_io)),
        (rf"{_OPENAI_BLOCK}\.attn\.in_proj_bias", f"{_BLOCK}/{ours}/bias", third(same)),
    ]


OPENAI_RULES: list[Rule] = [
    (r"conv1\.weight", "params/patches/kernel", oihw_to_hwio),
    ("class_embedding", "params/class_token", same),
    ("positional_embedding", "params/positions", same),
    *norm_rows("ln_pre", "params/norm_first"),
    *norm_rows(rf"{_OPENAI_BLOCK}\.ln_1", f"{_BLOCK}/norm_attention"),
    *_fused(0, "query"),
    *_fused(1, "key"),
    *_fused(2, "value"),
    *linear_rows(rf"{_OPENAI_BLOCK}\.attn\.out_proj", f"{_BLOCK}/attended"),
    *norm_rows(rf"{_OPENAI_BLOCK}\.ln_2", f"{_BLOCK}/norm_mlp"),
    *linear_rows(rf"{_OPENAI_BLOCK}\.mlp\.c_fc", f"{_BLOCK}/hidden"),
    *linear_rows(rf"{_OPENAI_BLOCK}\.mlp\.c_proj", f"{_BLOCK}/out"),
    *norm_rows("ln_post", "params/norm_last"),
    ("proj", "params/projection/kernel", same),
    left_out("input_resolution"),
]
"""Rules for names below `visual.`."""

HUGGING_FACE_RULES: list[Rule] = [
    (r"vision_model\.embeddings\.patch_embedding\.weight", "params/patches/kernel", oihw_to_hwio),
    (r"vision_model\.embeddings\.class_embedding", "params/class_token", same),
    (r"vision_model\.embeddings\.position_embedding\.weight", "params/positions", same),
    left_out(r"vision_model\.embeddings\.position_ids"),
    *norm_rows(r"vision_model\.pre_layrnorm", "params/norm_first"),  # Their spelling.
    *norm_rows(rf"{_HF_BLOCK}\.layer_norm1", f"{_BLOCK}/norm_attention"),
    *linear_rows(rf"{_HF_BLOCK}\.self_attn\.q_proj", f"{_BLOCK}/query"),
    *linear_rows(rf"{_HF_BLOCK}\.self_attn\.k_proj", f"{_BLOCK}/key"),
    *linear_rows(rf"{_HF_BLOCK}\.self_attn\.v_proj", f"{_BLOCK}/value"),
    *linear_rows(rf"{_HF_BLOCK}\.self_attn\.out_proj", f"{_BLOCK}/attended"),
    *norm_rows(rf"{_HF_BLOCK}\.layer_norm2", f"{_BLOCK}/norm_mlp"),
    *linear_rows(rf"{_HF_BLOCK}\.mlp\.fc1", f"{_BLOCK}/hidden"),
    *linear_rows(rf"{_HF_BLOCK}\.mlp\.fc2", f"{_BLOCK}/out"),
    *norm_rows(r"vision_model\.post_layernorm", "params/norm_last"),
    (r"visual_projection\.weight", "params/projection/kernel", oi_to_io),
]


@dataclasses.dataclass(frozen=True)
class _Layout:
    """Names from which the sizes of a tower are read, and its table."""

    patches: str
    positions: str
    projection: str
    block: str
    """Name of a norm's scale in block {}."""
    hidden: str
    """Name of the bias of a perceptron's hidden layer in block 0."""
    projection_axis: int
    """Axis of the projection that counts entries of the embedding."""
    rules: list[Rule]


_OPENAI = _Layout(
    patches="conv1.weight",
    positions="positional_embedding",
    projection="proj",
    block="transformer.resblocks.{}.ln_1.weight",
    hidden="transformer.resblocks.0.mlp.c_fc.bias",
    projection_axis=1,
    rules=OPENAI_RULES,
)
_HUGGING_FACE = _Layout(
    patches="vision_model.embeddings.patch_embedding.weight",
    positions="vision_model.embeddings.position_embedding.weight",
    projection="visual_projection.weight",
    block="vision_model.encoder.layers.{}.layer_norm1.weight",
    hidden="vision_model.encoder.layers.0.mlp.fc1.bias",
    projection_axis=0,
    rules=HUGGING_FACE_RULES,
)


def convert(
    theirs: Mapping[str, np.ndarray], *, source: str = "the weights"
) -> tuple[ViTConfig, dict[str, Any]]:
    """The image tower of a CLIP checkpoint: its sizes, read from its tensors, and its variables.

    The activation is not in a checkpoint: OpenAI's QuickGELU is assumed. The text tower, and what
    else there is beside the image tower, is left aside.

    Args:
        theirs: What `read_weights` gave, under any prefix.
        source: Where they are from, for errors.
    """
    layout, tower = _find(theirs, source)
    config = _sizes(layout, tower, source)
    return config, apply_rules(tower, layout.rules, abstract_variables(config), source=source)


def _find(theirs: Mapping[str, np.ndarray], source: str) -> tuple[_Layout, dict[str, np.ndarray]]:
    """The tensors of the image tower, without the prefix they have in the checkpoint."""
    for key in theirs:
        if key.endswith(f"visual.{_OPENAI.patches}"):
            return _OPENAI, strip_prefix(theirs, key.removesuffix(_OPENAI.patches))
        if key.endswith(_HUGGING_FACE.patches):
            below = strip_prefix(theirs, key.removesuffix(_HUGGING_FACE.patches))
            ours = ("vision_model.", "visual_projection.")
            return _HUGGING_FACE, {name: x for name, x in below.items() if name.startswith(ours)}
    raise UserError(
        f"{source} hold no CLIP image tower: neither visual.{_OPENAI.patches} (OpenAI) nor "
        f"{_HUGGING_FACE.patches} (Hugging Face) is among {len(theirs)} tensors"
    )


def _sizes(layout: _Layout, tower: Mapping[str, np.ndarray], source: str) -> ViTConfig:
    """What the shapes of a tower say about it."""
    names = (layout.patches, layout.positions, layout.projection, layout.hidden)
    if missing := [name for name in names if name not in tower]:
        raise UserError(f"{source} lack {missing} of a CLIP image tower with its projection")
    patches, positions, projection, hidden = (tower[name].shape for name in names)
    try:
        width, _, side, _ = patches
        return ViTConfig(
            image_size=math.isqrt(positions[0] - 1) * side,
            patch_size=side,
            width=width,
            layers=sum(layout.block.format(layer) in tower for layer in range(len(tower))),
            heads=width // HEAD_WIDTH,
            mlp_ratio=hidden[0] // width,
            projection=projection[layout.projection_axis],
        )
    except (ValueError, IndexError, ZeroDivisionError) as error:
        raise UserError(f"{source} are no CLIP image tower: {error}") from error


def abstract_variables(config: ViTConfig) -> Any:
    """Names, shapes and types of a tower's variables."""
    image = jax.ShapeDtypeStruct((1, config.image_size, config.image_size, 3), jnp.float32)
    return jax.eval_shape(VisionTransformer(config).init, jax.random.key(0), image)
