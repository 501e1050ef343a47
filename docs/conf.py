"""Sphinx: `make docs` builds these pages and the functions they lead to; warnings are errors."""

import importlib.metadata
import os
import re

from docutils.nodes import SkipNode
from latex2mathml.converter import convert

# Importing a module must not look for an accelerator.
os.environ.setdefault("JAX_PLATFORMS", "cpu")

project = "jaxrelic"
author = "the authors of jaxrelic"
release = importlib.metadata.version("jaxrelic")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["_build"]
templates_path = ["_templates"]

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
# Anchors of the specification are HTML, so that Git forges follow them too;
# tests/docs/test_citations.py checks every link. What a function returns is named, not typed.
suppress_warnings = ["myst.xref_missing", "ref.python"]

autosummary_generate = True
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
autodoc_member_order = "bysource"
# Several results, each with its name.
napoleon_custom_sections = [("Result", "params_style")]
maximum_signature_line_length = 88
python_use_unqualified_type_names = True
toc_object_entries = False
# Single backticks are code, as in Markdown.
default_role = "literal"

html_theme = "furo"
html_title = "jaxrelic"
html_copy_source = False
# No script from elsewhere: formulas are part of the page, which works without a network.
html_math_renderer = "mathml"

_CODE = re.compile(r"(``.*?``|`[^`]*`)")
_TWO_ARRAYS = re.compile(
    r"~?(?:jaxtyping\.)?(\w+)\[~?(?:[\w.]+\.)?Array, ('[^']*')\]"
    r" \| ~?(?:jaxtyping\.)?\1\[~?(?:numpy\.)?ndarray, \2\]"
)
_as_written = {}


def plain_docstring(app, what, name, obj, options, lines):
    """Keeps shapes and absolute values from being read as markup: [*b 3], |cos|, x_."""
    in_example = False
    for number, line in enumerate(lines):
        following = lines[number + 1] if number + 1 < len(lines) else ""
        if line == "Returns:" and re.match(r" +\w+: ", following):
            lines[number] = "Result:"
            continue
        in_example = line.lstrip().startswith(">>>") or (in_example and bool(line.strip()))
        if in_example:
            continue
        parts = _CODE.split(line)
        parts[::2] = [re.sub(r"([*|]|(?<=\w)_(?!\w))", r"\\\1", part) for part in parts[::2]]
        lines[number] = "".join(parts)
    _as_written[name] = list(lines)


def whole_field(app, what, name, obj, options, lines):
    """Takes back what napoleon does to a field: what stands before a colon is no type here."""
    if what in ("attribute", "data", "property"):
        lines[:] = _as_written[name]


def plain_signature(app, what, name, obj, options, signature, returns):
    """One array type instead of the union that jaxtyping makes of JAX's and NumPy's."""

    def plain(text):
        return _TWO_ARRAYS.sub(r"\1[Array, \2]", text) if text else text

    return plain(signature), plain(returns)


def inline_formula(self, node):
    """Writes a formula in a line as MathML."""
    self.body.append(convert(node.astext()))
    raise SkipNode


def displayed_formula(self, node):
    """Writes a formula on a line of its own as MathML."""
    self.body.append(f'<div class="formula">{convert(node.astext(), display="block")}</div>')
    raise SkipNode


def setup(app):
    """Connects the hooks; napoleon, at 500, reads what the first one leaves."""
    app.connect("autodoc-process-docstring", plain_docstring, priority=400)
    app.connect("autodoc-process-docstring", whole_field, priority=600)
    app.connect("autodoc-process-signature", plain_signature)
    app.add_html_math_renderer("mathml", (inline_formula, None), (displayed_formula, None))
