"""Writes names and shapes of One-2-3-45's variables: the file format of its checkpoints.

    PYTHONPATH=. python tests/goldens/make_one2345_parameters.py

Source: our own model (flax 0.12.8). Run it only when a change of the format is meant.
"""

import pathlib

import jax

from jaxrelic.models.one2345.config import One2345Config
from jaxrelic.models.one2345.convert import abstract_variables

shapes = abstract_variables(One2345Config())
lines = [
    f"{jax.tree_util.keystr(path, simple=True, separator='/')} {leaf.shape}\n"
    for path, leaf in jax.tree_util.tree_leaves_with_path(shapes)
]
golden = pathlib.Path(__file__).parent / "one2345_parameters.txt"
golden.write_text("".join(lines))
