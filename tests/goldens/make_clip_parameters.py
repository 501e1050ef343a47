"""Writes names and shapes of CLIP's image tower, of its blocks the last: a file format.

    PYTHONPATH=. python tests/goldens/make_clip_parameters.py

Source: our own model (flax 0.12.8). Run it only when a change of the format is meant.
"""

import pathlib

import jax

from jaxrelic.models.clip.convert import abstract_variables
from jaxrelic.models.clip.model import VIT_L_14

leaves = jax.tree_util.tree_leaves_with_path(abstract_variables(VIT_L_14))
lines = [
    f"{jax.tree_util.keystr(path, simple=True, separator='/')} {leaf.shape}\n"
    for path, leaf in leaves
    if "block_" not in str(path) or "block_23" in str(path)
]
golden = pathlib.Path(__file__).parent / "clip_vit_l_14_parameters.txt"
golden.write_text("".join(lines))
