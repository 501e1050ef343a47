"""The released checkpoint of One-2-3-45's reconstruction module (specification one2345 D)."""

import functools
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from jaxrelic.models.one2345.config import One2345Config
from jaxrelic.models.one2345.model import fresh_variables
from jaxrelic.weights import Rule, apply_rules, left_out, oi_to_io, oihw_to_hwio, same

IMAGE_SIZE, NUM_SOURCES = 256, 32
"""Side in pixels and number of the views that the released network was trained on."""
SCALE_EPS = 1e-5
"""What the original's activated normalisation adds to the magnitude of its scale."""


def activated_scale(x: np.ndarray) -> np.ndarray:
    """Scale of a 2-D normalisation: the original uses its magnitude."""
    return np.abs(x) + SCALE_EPS


def sparse_to_dense(x: np.ndarray) -> np.ndarray:
    """A torchsparse kernel [27, c, d], numbered 9 z + 3 y + x, as [x, y, z, c, d]."""
    return np.transpose(x.reshape(3, 3, 3, *x.shape[1:]), (2, 1, 0, 3, 4))


def flat(x: np.ndarray) -> np.ndarray:
    """Lengths of rows [d, 1] as [d]."""
    return x.reshape(-1)


_PYRAMID = r"pyramid_feature_network\."
_SDF = r"sdf_network_lod0\."
_BLEND = r"rendering_network_lod0\."
_SPARSE = rf"{_SDF}sparse_costreg_net\.conv(\d+)\.net\."
_BLEND_LAYERS = {
    "ray_dir_fc": ("angle", 2),
    "base_fc": ("base", 2),
    "vis_fc": ("visibility_0", 2),
    "vis_fc2": ("visibility_1", 2),
    "rgb_fc": ("rgb", 3),
}


def _unit(theirs: str, ours: str) -> list[Rule]:
    return [
        (rf"{theirs}\.conv\.weight", rf"params/{ours}/conv/kernel", oihw_to_hwio),
        (rf"{theirs}\.bn\.weight", rf"params/{ours}/norm/scale", activated_scale),
        (rf"{theirs}\.bn\.bias", rf"params/{ours}/norm/bias", same),
    ]


def _convolution(theirs: str, ours: str) -> list[Rule]:
    return [
        (rf"{theirs}\.weight", rf"params/{ours}/kernel", oihw_to_hwio),
        (rf"{theirs}\.bias", rf"params/{ours}/bias", same),
    ]


def _perceptron(theirs: str, ours: str, layers: int) -> list[Rule]:
    rows = []
    for layer in range(layers):
        place = rf"params/blending/{ours}_{layer}"
        rows += [
            (rf"{_BLEND}{theirs}\.{2 * layer}\.weight", rf"{place}/kernel", oi_to_io),
            (rf"{_BLEND}{theirs}\.{2 * layer}\.bias", rf"{place}/bias", same),
        ]
    return rows


RULES: list[Rule] = [
    *_unit(rf"{_PYRAMID}conv(\d)\.(\d)", r"pyramid/level_\1_unit_\2"),
    *_convolution(rf"{_PYRAMID}toplayer", "pyramid/top"),
    *_convolution(rf"{_PYRAMID}lat(\d)", r"pyramid/lateral_\1"),
    *_convolution(rf"{_PYRAMID}smooth(\d)", r"pyramid/smooth_\1"),
    *_unit(rf"{_SDF}compress_layer", "compression"),
    (rf"{_SPARSE}0\.kernel", r"params/regularization/conv_\1/kernel", sparse_to_dense),
    (rf"{_SPARSE}1\.weight", r"params/regularization/conv_\1/norm/scale", same),
    (rf"{_SPARSE}1\.bias", r"params/regularization/conv_\1/norm/bias", same),
    (rf"{_SDF}sdf_layer\.lin(\d)\.weight_v", r"params/sdf_network/layer_\1/direction", oi_to_io),
    (rf"{_SDF}sdf_layer\.lin(\d)\.weight_g", r"params/sdf_network/layer_\1/scale", flat),
    (rf"{_SDF}sdf_layer\.lin(\d)\.bias", r"params/sdf_network/layer_\1/bias", same),
    (rf"{_BLEND}s", "params/blending/sharpness", same),
    *(
        rule
        for theirs, (ours, layers) in _BLEND_LAYERS.items()
        for rule in _perceptron(theirs, ours, layers)
    ),
    (r"variance_network_lod0\.variance", "params/log_sharpness", same),
    # The original normalises by the scene at hand and never reads its running statistics.
    left_out(r".*\.(running_mean|running_var|num_batches_tracked)"),
    left_out(r"optimizer\..*"),
    left_out(r"iter_step|val_step"),
    # A finer level that was configured, and neither trained nor released.
    left_out(r"(pyramid_feature|sdf|rendering|variance)_network_lod1\..*"),
    left_out(r"rendering_network_outside\..*"),
]


def convert(
    theirs: Mapping[str, np.ndarray], config: One2345Config, *, source: str = "the weights"
) -> dict[str, Any]:
    """Our variables with the weights of a checkpoint that `read_weights` gave."""
    return apply_rules(theirs, RULES, abstract_variables(config), source=source)


def abstract_variables(config: One2345Config) -> dict[str, Any]:
    """Names, shapes and types of the variables; they depend on no image or volume size."""
    return jax.eval_shape(functools.partial(fresh_variables, config), jax.random.key(0))
