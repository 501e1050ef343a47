"""The conformance view set of specification one2345 F, in both precisions."""

import dataclasses
import functools
import pathlib
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrelic.geometry import cameras, transforms
from jaxrelic.models.one2345 import blending, convert, cost, model, rays, render
from jaxrelic.models.one2345.config import One2345Config
from jaxrelic.weights import apply_rules

# pytest's importlib mode leaves the folder of the tests out.
sys.path.append(str(pathlib.Path(__file__).parent))

import one2345_specification as specification

PRECISIONS = [np.float64, np.float32]
# These programs are compiled for a few rays; optimising them costs more than it saves.
quick_jit = functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})


def tiny(preset: One2345Config) -> One2345Config:
    return dataclasses.replace(
        preset, volume_size=specification.VOLUME, coarse_samples=16, fine_samples=16
    )


@pytest.fixture(scope="session", name="quick_jit")
def quick_jit_fixture():
    return quick_jit


@pytest.fixture(scope="session")
def compat():
    return model.One2345(tiny(One2345Config.compat()))


@pytest.fixture(scope="session")
def released():
    """Variables by the fill rule, in float64, through the converter's table."""
    wanted = jax.tree.map(
        lambda x: np.empty(x.shape, np.float64),
        convert.abstract_variables(One2345Config.compat()),
    )
    return apply_rules(specification.checkpoint(), convert.RULES, wanted)


@pytest.fixture(scope="session")
def views():
    """Images [4, 32, 32, 3] and cameras, the target first, in float64."""
    return specification.images(), cameras.Camera(*specification.cameras())


@pytest.fixture(scope="session", params=PRECISIONS, ids=["float64", "float32"])
def conformance(request, compat, released, views):
    """Every quantity of specification one2345 F, channels first where it has them so."""
    dtype = request.param
    with jax.enable_x64(dtype == np.float64):
        arrays = jax.tree.map(lambda x: jnp.asarray(x, dtype), (released, *views))
        maps = quick_jit(functools.partial(look, compat))(*arrays)
        fields = quick_jit(functools.partial(ask, compat))(arrays[0], maps["scene"], arrays[2])
        drawn = {
            f"rays at anneal {anneal}": draw(compat, arrays[0], maps["scene"], arrays[2], anneal)
            for anneal in (0.0, 1.0)
        }
    return dtype, jax.tree.map(np.asarray, {"images": arrays[1]} | maps | fields | drawn)


def look(compat, variables, images, camera):
    """What the images become."""
    bound = functools.partial(compat.apply, variables)
    sources = jax.tree.map(lambda x: x[1:], camera)
    coarse, middle, fine = bound(images, method=lambda m, x: m.pyramid.levels(x))
    fused = bound(images, method=lambda m, x: m.pyramid(x))
    compressed = bound(fused[1:], method=lambda m, x: m.compression(x))
    points = cost.voxel_centres(specification.VOLUME, images.dtype)
    index, _ = cost.look_up(sources, points, images.shape[1:3], 0.0)
    volume, _ = cost.cost_volume(
        compressed, sources, size=specification.VOLUME, pixel_centre=0.0, masked=False
    )
    return {
        "f2": coarse,
        "f1": middle,
        "f0": fine,
        "fused": fused,
        "compressed": compressed,
        "samples": jax.vmap(cost.grids.sample_linear)(compressed, index),
        "cost": volume,
        "scene": bound(images[1:], sources, images[:1], method="encode"),
    }


def ask(compat, variables, encoded, camera):
    """What the scene says at the points of the specification."""
    points = jnp.asarray(specification.POINTS, encoded.maps.dtype)
    world_from_cam = transforms.invert_rigid(camera.cam_from_world)
    towards = blending.damped_unit(world_from_cam[:1, :3, 3] - points)
    blend = functools.partial(compat.apply, variables, encoded, points, method="blend")
    sdf, feature = compat.apply(variables, encoded, points, method="sdf")
    _, normals = render.sdf_and_normals(compat, variables, encoded, points)
    samples, visible = model.sample_views(encoded, points, 0.0)
    return {
        "sdf": sdf,
        "gradient": normals,
        "feature": feature,
        "latent": model.sample_volume(encoded.volume, points),
        "view features": samples,
        "angles": blending.angles_between(towards, world_from_cam[1:, :3, 3], points),
        "visible": visible,
        "colour": blend(towards)[0],
        "vertex colour": blend(blending.damped_unit(normals))[0],
    }


@functools.partial(quick_jit, static_argnums=0)
def draw(compat, variables, encoded, camera, anneal):
    target = jax.tree.map(lambda x: x[0], camera)
    pixels = jnp.asarray([(12, 10), (16, 16), (9, 20), (28, 5)])
    four = rays.pixel_rays(target, pixels, pixel_centre=0.0, limits="sphere")
    return render.render_rays(compat, variables, encoded, four, anneal=anneal)
