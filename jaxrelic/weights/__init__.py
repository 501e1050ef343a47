"""Published weights: read without the framework that wrote them, and renamed through a table.

theirs = read_weights(path)                     # {"layer1.0.conv1.weight": array, ...}
variables = apply_rules(theirs, RULES, ours)    # {"params": {"stage_0": {...}}}
"""

from jaxrelic.weights.files import digest, read_weights
from jaxrelic.weights.rules import (
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

__all__ = [
    "Rule",
    "Transform",
    "apply_rules",
    "digest",
    "left_out",
    "linear_rows",
    "norm_rows",
    "oi_to_io",
    "oihw_to_hwio",
    "read_weights",
    "same",
    "strip_prefix",
]
