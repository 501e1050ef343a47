"""Published DINOv2 weights, in Hugging Face's layout, to the image tower.

They were trained on 37 x 37 patches; the table of positions is resized to the grid that is asked
for, by the bicubic interpolation of the original (OpenCV's has the same coefficients).
"""

import math
from collections.abc import Mapping
from typing import Any

import cv2
import jax
import jax.numpy as jnp
import numpy as np

from jaxrelic.errors import UserError
from jaxrelic.nn.vit import VisionTransformer, ViTConfig
from jaxrelic.weights import (
    Rule,
    Transform,
    apply_rules,
    left_out,
    linear_rows,
    norm_rows,
    oihw_to_hwio,
    same,
    strip_prefix,
)

HEAD_WIDTH = 64
"""Channels of a head in the published towers."""

_PATCHES = "embeddings.patch_embeddings.projection.weight"
_POSITIONS = "embeddings.position_embeddings"
_LAYER = r"encoder\.layer\.(\d+)"
_BLOCK = r"params/block_\1"


def rules(grid: int) -> list[Rule]:
    """The table, for inputs of `grid` patches a side."""
    attention = rf"{_LAYER}\.attention"  # Newer versions of their library have shorter names.
    return [
        (
            r"embeddings\.patch_embeddings\.projection\.weight",
            "params/patches/kernel",
            oihw_to_hwio,
        ),
        (r"embeddings\.patch_embeddings\.projection\.bias", "params/patches/bias", same),
        (r"embeddings\.cls_token", "params/class_token", np.ravel),
        (r"embeddings\.position_embeddings", "params/positions", _resized_positions(grid)),
        left_out(r"embeddings\.mask_token"),
        *norm_rows(rf"{_LAYER}\.norm1", f"{_BLOCK}/norm_attention"),
        *linear_rows(rf"{attention}\.(?:attention\.query|q_proj)", f"{_BLOCK}/query"),
        *linear_rows(rf"{attention}\.(?:attention\.key|k_proj)", f"{_BLOCK}/key"),
        *linear_rows(rf"{attention}\.(?:attention\.value|v_proj)", f"{_BLOCK}/value"),
        *linear_rows(rf"{attention}\.(?:output\.dense|o_proj)", f"{_BLOCK}/attended"),
        (rf"{_LAYER}\.layer_scale1\.lambda1", f"{_BLOCK}/scale_attention", same),
        *norm_rows(rf"{_LAYER}\.norm2", f"{_BLOCK}/norm_mlp"),
        *linear_rows(rf"{_LAYER}\.mlp\.fc1", f"{_BLOCK}/hidden"),
        *linear_rows(rf"{_LAYER}\.mlp\.fc2", f"{_BLOCK}/out"),
        (rf"{_LAYER}\.layer_scale2\.lambda1", f"{_BLOCK}/scale_mlp", same),
        *norm_rows("layernorm", "params/norm_last"),
    ]


def _resized_positions(grid: int) -> Transform:
    """The class token's position, then a square table at another size."""

    def resize(x: np.ndarray) -> np.ndarray:
        first, table = np.split(x.reshape(x.shape[-2:]).astype(np.float32), [1])
        side = math.isqrt(len(table))
        if side != grid:
            square = table.reshape(side, side, -1)
            # OpenCV resizes at most four channels of an array of any depth at a time.
            planes = [
                cv2.resize(square[..., c], (grid, grid), interpolation=cv2.INTER_CUBIC)
                for c in range(square.shape[-1])
            ]
            table = np.stack(planes, axis=-1).reshape(grid * grid, -1)
        return np.concatenate([first, table])

    return resize


def convert(
    theirs: Mapping[str, np.ndarray], *, image_size: int = 224, source: str = "the weights"
) -> tuple[ViTConfig, dict[str, Any]]:
    """The tower of a DINOv2 checkpoint: its sizes, read from its tensors, and its variables.

    Args:
        theirs: What `read_weights` gave, under any prefix.
        image_size: Side of the pictures it will get, a multiple of its patches.
        source: Where they are from, for errors.
    """
    prefixes = [key.removesuffix(_PATCHES) for key in theirs if key.endswith(_PATCHES)]
    if not prefixes:
        raise UserError(
            f"{source} hold no DINOv2 tower in Hugging Face's layout: no {_PATCHES} among "
            f"{len(theirs)} tensors"
        )
    tower = strip_prefix(theirs, prefixes[0])
    config = _sizes(tower, image_size, source)
    image = jax.ShapeDtypeStruct((1, image_size, image_size, 3), jnp.float32)
    ours = jax.eval_shape(VisionTransformer(config).init, jax.random.key(0), image)
    return config, apply_rules(tower, rules(config.grid), ours, source=source)


def _sizes(tower: Mapping[str, np.ndarray], image_size: int, source: str) -> ViTConfig:
    """What the shapes of a tower say about it."""
    hidden = tower.get("encoder.layer.0.mlp.fc1.bias")
    if hidden is None:
        raise UserError(f"{source} have no plain perceptron in their blocks; use DINOv2 S, B or L")
    try:
        width, _, side, _ = tower[_PATCHES].shape
        return ViTConfig(
            image_size=image_size,
            patch_size=side,
            width=width,
            layers=sum(f"encoder.layer.{n}.norm1.weight" in tower for n in range(len(tower))),
            heads=width // HEAD_WIDTH,
            mlp_ratio=len(hidden) // width,
            activation="gelu",
            patch_bias=True,
            norm_first=False,
            layer_scale=True,
            projection=None,
            epsilon=1e-6,
        )
    except (ValueError, ZeroDivisionError) as error:
        raise UserError(f"{source} are no DINOv2 tower: {error}") from error


_SIZES = {384: "s", 768: "b", 1024: "l"}


def tower_name(config: ViTConfig) -> str:
    """What candidates found by this tower are called, such as dinov2-b-14."""
    return f"dinov2-{_SIZES.get(config.width, str(config.width))}-{config.patch_size}"
