"""From a network of random weights to a mesh: the pieces fit, whatever they think."""

import jax
import numpy as np
import pytest

from jaxrelic.inference import mesh_report, one2345
from jaxrelic.inference.surface import extract
from jaxrelic.mesh_files import formats
from jaxrelic.models.one2345 import convert
from jaxrelic.models.one2345.config import One2345Config

TINY = One2345Config(
    volume_size=8, hidden=16, coarse_samples=8, fine_samples=8, fine_rounds=1, min_ray_samples=2
)


@pytest.fixture(scope="module")
def field(ring_of_views):
    rng = np.random.default_rng(0)
    shapes = convert.abstract_variables(TINY)
    variables = jax.tree.map(lambda x: 0.2 * rng.normal(size=x.shape).astype(x.dtype), shapes)
    # Distances of these weights are from 0.10 to 0.16 all over the cube.
    variables["params"]["sdf_network"]["layer_2"]["bias"][0] -= 0.13
    vertices = np.float32([[-0.3, -0.3, -0.3], [0.3, 0, 0], [0, 0.3, 0], [0, 0, 0.3]])
    faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
    views = ring_of_views(vertices, faces, azimuths_deg=[0, 90, 180, 270], size=24)
    model = one2345.One2345Predictor(
        config=TINY, image_size=24, num_sources=4, variables=variables, points_per_block=4096
    )
    return model.read(views)


def test_a_network_becomes_a_closed_coloured_file(field, tmp_path):
    settings = extract.SurfaceSettings(resolution=33, coarsest=17)
    mesh = extract.extract(field, settings)
    assert mesh.vertex_colours.shape == mesh.vertices.shape
    assert np.isfinite(mesh.vertex_colours).all()
    report = mesh_report.check(mesh, field.views)
    assert report.watertight
    assert report.volume > 0
    assert max(report.extent) <= 0.88 * 1.001
    formats.write(mesh, tmp_path / "relic.glb")
