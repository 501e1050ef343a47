"""ResNet-50 as torchvision publishes it, as trunk and top of foreground perception.

Generator and classifier have no published counterpart and keep what they start with.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxrelic.weights import Rule, apply_rules, left_out, oihw_to_hwio, same

_PUBLISHED = ("trunk", "top")
"""Our modules that are filled."""

_NORM = {
    "weight": "params/{}/scale",
    "bias": "params/{}/bias",
    "running_mean": "batch_stats/{}/mean",
    "running_var": "batch_stats/{}/var",
}


def rules(tap: int) -> list[Rule]:
    """The table for a network whose trunk has `tap` stages; torchvision counts from 1."""
    table = [left_out(r"fc\..*"), left_out(r".*\.num_batches_tracked")]
    table += _layer(r"conv1", r"bn1", "trunk/stem", "trunk/stem_norm")
    for stage in range(4):
        theirs = rf"layer{stage + 1}\.(\d+)\."
        ours = rf"{'trunk' if stage < tap else 'top'}/stage_{stage}_block_\1"
        for layer in range(3):
            pair = f"conv{layer + 1}", f"bn{layer + 1}"
            names = f"{ours}/conv_{layer}", f"{ours}/norm_{layer}"
            table += _layer(*(theirs + each for each in pair), *names)
        skip = theirs + "downsample"
        table += _layer(rf"{skip}\.0", rf"{skip}\.1", f"{ours}/skip", f"{ours}/skip_norm")
    return table


def _layer(their_conv: str, their_norm: str, conv: str, norm: str) -> list[Rule]:
    """A convolution and the normalisation behind it."""
    norms = [(rf"{their_norm}\.{part}", path.format(norm), same) for part, path in _NORM.items()]
    return [(rf"{their_conv}\.weight", f"params/{conv}/kernel", oihw_to_hwio), *norms]


def fill(
    variables: Mapping[str, Any], theirs: Mapping[str, np.ndarray], *, tap: int, source: str
) -> dict[str, Any]:
    """`variables` with the published weights in them; misfits are reported all at once.

    Args:
        variables: `params` and `batch_stats` of a `Foreground`.
        theirs: What `read_weights` gave.
        tap: Stages of its trunk.
        source: Where theirs are from, for the error.
    """
    wanted = {
        collection: {module: variables[collection][module] for module in _PUBLISHED}
        for collection in ("params", "batch_stats")
    }
    filled = apply_rules(theirs, rules(tap), wanted, source=source)
    return {
        **variables,
        **{name: {**variables[name], **modules} for name, modules in filled.items()},
    }
