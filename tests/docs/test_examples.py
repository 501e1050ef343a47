"""Examples in docstrings are run, and what they show is true.

An explicit list rather than `--doctest-modules`, which finds no function behind `typechecked`.
"""

import ast
import doctest
import importlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from places import ROOT

import jaxrelic

EXAMPLES = {
    "jaxrelic.api": ["render"],
    "jaxrelic.geometry.cameras": [
        "Camera",
        "cam_from_world_from_blender",
        "intrinsics",
        "orbit",
        "project",
    ],
    "jaxrelic.geometry.meshes": ["Mesh", "edge_topology", "icosphere"],
    "jaxrelic.rendering.settings": ["RasterSettings"],
    "jaxrelic.rendering.soft_rasterizer": ["soft_rasterize", "soft_silhouette"],
    "jaxrelic.rendering.views": ["render_views"],
    "jaxrelic.rendering.overlap": ["soft_iou"],
    "jaxrelic.losses.silhouette": ["affinity", "binary_cross_entropy"],
    "jaxrelic.losses.regularizers": ["laplacian", "normal_consistency"],
    "jaxrelic.metrics.geometry": ["chamfer", "f_score"],
    "jaxrelic.mesh_files.glb_writer": ["write_glb"],
    "jaxrelic.mesh_files.glb_reader": ["read_glb"],
    "jaxrelic.mesh_files.formats": ["write"],
    "jaxrelic.data.pose_files.read": ["read"],
    "data_engine.procedural.relic": ["make_relic"],
    "data_engine.procedural.folder": ["write_relics"],
    "data_engine.rendering.poses": ["load_poses"],
    "data_engine.rights.license_words": ["known_spdx"],
    "data_engine.rights.licenses": ["credit_line", "spdx_of", "strictness"],
}
KNOWN = {"jax": jax, "jnp": jnp, "np": np, "jaxrelic": jaxrelic}
"""What an example may use without an import, beside the names of its own module."""


def failures(text: str, names: dict, where: str) -> str:
    """What an example's text says that is not so; empty if all of it is."""
    test = doctest.DocTestParser().get_doctest(text, names, where, None, 0)
    assert test.examples, f"{where} has no example"
    report = []
    doctest.DocTestRunner(verbose=False).run(test, out=report.append)
    return "".join(report)


@pytest.mark.parametrize(
    ("module", "name"), [(module, name) for module, names in EXAMPLES.items() for name in names]
)
def test_an_example_shows_what_happens(module, name):
    home = importlib.import_module(module)
    names = vars(home) | KNOWN
    assert failures(getattr(home, name).__doc__, names, f"{module}.{name}") == ""


def test_no_example_stays_unrun():
    found = set()
    for package in ("jaxrelic", "data_engine"):
        for path in (ROOT / package).rglob("*.py"):
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ">>>" in (
                    ast.get_docstring(node) or ""
                ):
                    found.add((module, getattr(node, "name", "")))
    assert found == {(module, name) for module, names in EXAMPLES.items() for name in names}


def test_an_example_that_is_not_so_is_found():
    assert failures(">>> 1 + 1\n2\n", {}, "true") == ""
    assert "Got:\n    2" in failures(">>> 1 + 1\n3\n", {}, "false")
