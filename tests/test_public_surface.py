"""The public surface changes on purpose, and importing it costs nothing."""

import subprocess
import sys

import pytest

import jaxrelic


def test_the_surface_is_what_the_documentation_lists():
    assert jaxrelic.__all__ == ["Camera", "Mesh", "load", "novel_views", "reconstruct", "render"]
    for name in jaxrelic.__all__:
        assert getattr(jaxrelic, name).__doc__


def test_unknown_names_are_refused():
    with pytest.raises(AttributeError, match="no attribute 'new_views'"):
        _ = jaxrelic.new_views


def test_importing_loads_no_jax_and_the_types_touch_no_device():
    program = (
        "import sys, jaxrelic\n"
        "assert 'jax' not in sys.modules and 'numpy' not in sys.modules\n"
        "jaxrelic.load, jaxrelic.reconstruct, jaxrelic.render, jaxrelic.Mesh, jaxrelic.Camera\n"
        "from jax._src import xla_bridge\n"
        "assert not xla_bridge.backends_are_initialized()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
