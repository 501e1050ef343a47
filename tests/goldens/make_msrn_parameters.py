"""Writes names and shapes of M-SRN's variables: the file format of its checkpoints.

    PYTHONPATH=. python tests/goldens/make_msrn_parameters.py

Source: our own model (flax 0.12.8). Run it only when a change of the format is meant.
"""

import pathlib

import jax
import jax.numpy as jnp

from jaxrelic.models.msrn.model import Msrn, MsrnConfig

for preset, config in (("full", MsrnConfig()), ("compact", MsrnConfig.compact())):
    image = jnp.zeros((1, 64, 64, 3))
    shapes = jax.eval_shape(
        lambda key, config=config, image=image: Msrn(config).init(key, image, train=False),
        jax.random.key(0),
    )
    lines = [
        f"{jax.tree_util.keystr(path, simple=True, separator='/')} {leaf.shape}\n"
        for path, leaf in jax.tree_util.tree_leaves_with_path(shapes)
    ]
    golden = pathlib.Path(__file__).parent / f"msrn_parameters_{preset}.txt"
    golden.write_text("".join(lines))
