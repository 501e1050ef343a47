"""Memory and time of One-2-3-45's stages at a chosen size; JSON on stdout.

    python -m benchmarks.one2345 --volume-size 24 --views 8 --rays 64       # runs
    python -m benchmarks.one2345 --no-run                                   # full size, compiled

Memory is what XLA's buffer assignment reserves (arguments, results, temporaries) for this backend;
with --no-run nothing is executed and every stage says "compiled, not run". The peer is the original
on a CPU, quoted from the specification: 19.5 GB and 470 s on two cores for a training step at full
size, 4.5 GB with a volume of 24 and 64 rays of 32 samples.
"""

import dataclasses
import json
import statistics
import time
from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import tyro

from jaxrelic.geometry import cameras
from jaxrelic.losses import combine, distance_bounds
from jaxrelic.losses import one2345 as losses
from jaxrelic.models.one2345 import frame, rays, render
from jaxrelic.models.one2345.config import CubeKind, One2345Config
from jaxrelic.models.one2345.convert import abstract_variables
from jaxrelic.models.one2345.model import One2345, Remat, nearest_views
from jaxrelic.train.tasks.one2345_rays import RaysConfig

GIBI = 2**30
FREE_POINTS = 1024


@dataclasses.dataclass(frozen=True, kw_only=True)
class One2345Benchmark:
    """Compiles encoding, drawing and a training step, and runs them."""

    preset: Literal["modern", "compat"] = "modern"
    """Settings of the network."""
    volume_size: int = 96
    """Voxels per side."""
    views: int = 32
    """Source images."""
    image_size: int = 256
    """Side of an image, in pixels."""
    rays: int = 512
    """Rays of a step."""
    samples: int = 64
    """Even samples per ray, and as many fine ones."""
    chunk: int | None = None
    """Rays drawn at a time; None draws all at once."""
    views_per_ray: int | None = None
    """Sources whose colours are mixed; None mixes all."""
    remat: Remat = "nothing"
    """What is computed again for the gradient."""
    stages: tuple[str, ...] = ("encode", "draw", "training step")
    """Stages to measure."""
    blend_dtype: Literal["float32", "bfloat16"] = "float32"
    """Arithmetic of the colour network."""
    run: bool = True
    """Execute what is compiled."""
    repeats: int = 3
    """Timed executions, after one that is not."""


def build(settings: One2345Benchmark) -> dict[str, tuple[Callable, tuple]]:
    """A function and its arguments for each stage."""
    preset = getattr(One2345Config, settings.preset)()
    config = dataclasses.replace(
        preset,
        volume_size=settings.volume_size,
        coarse_samples=settings.samples,
        fine_samples=settings.samples,
        blend_dtype=settings.blend_dtype,
    )
    model = One2345(config, remat=settings.remat)
    rng = np.random.default_rng(0)
    variables = jax.tree.map(
        lambda x: 0.1 * rng.standard_normal(x.shape).astype(np.float32), abstract_variables(config)
    )
    size = settings.image_size
    images = rng.random((settings.views + 1, size, size, 3), np.float32)
    camera = _cameras(settings, config.cube)
    pixels = rng.integers(0, size, (settings.rays, 2))
    bound_pixels = rng.integers(0, size, (RaysConfig().bound_rays, 2))

    def encode(variables, images, camera):
        sources = jax.tree.map(lambda x: x[1:], camera)
        return model.apply(variables, images[1:], sources, images[:1], method="encode")

    def rays_of(camera, pixels):
        target = jax.tree.map(lambda x: x[0], camera)
        return rays.pixel_rays(
            target, pixels, pixel_centre=config.pixel_centre, limits=config.ray_limits
        )

    def draw(variables, encoded, camera):
        chosen = rays_of(camera, pixels)
        if settings.views_per_ray is not None:
            encoded = nearest_views(encoded, chosen.origins[0], settings.views_per_ray)
        return render.render_rays(model, variables, encoded, chosen, chunk=settings.chunk)

    def loss(variables, images, camera):
        encoded = encode(variables, images, camera)
        drawn = draw(variables, encoded, camera)
        free = jax.random.uniform(jax.random.key(0), (FREE_POINTS, 3), minval=-1, maxval=1)
        free_sdf, _ = model.apply(variables, encoded, free, method="sdf")
        wanted = rays.RayTargets(drawn.rgb * 0, drawn.opacity * 0, drawn.depth * 0)
        terms_of = losses.One2345LossSettings()
        terms = losses.loss_terms(drawn, wanted, free_sdf, terms_of)
        key, along = jax.random.key(1), rays_of(camera, bound_pixels)
        nothing = rays.RayTargets(along.origins * 0, along.near * 0, along.near * 0)
        of_field = model, variables, encoded, key, along, nothing, along.directions
        terms |= distance_bounds.field_terms(*of_field)
        return combine(terms, losses.loss_weights(terms_of, 0))[0]

    encoded = jax.eval_shape(encode, variables, images, camera)
    return {
        "encode": (encode, (variables, images, camera)),
        "draw": (draw, (variables, encoded, camera)),
        "training step": (jax.value_and_grad(loss), (variables, images, camera)),
    }


def _cameras(settings: One2345Benchmark, kind: CubeKind) -> cameras.Camera:
    """Evenly turned about the object, in the frame of the cube; the target is the first."""
    count = settings.views + 1
    azimuth = jnp.arange(count) * (2 * jnp.pi * 0.381966)
    elevation = jnp.linspace(-0.5, 1.0, count)
    translation = jnp.broadcast_to(jnp.asarray([0.0, 0.0, 1.2]), (count, 3))
    pose = cameras.orbit(azimuth, elevation, jnp.zeros(count), translation)
    intrinsics = cameras.intrinsics(
        280 / 256 * settings.image_size, settings.image_size, settings.image_size
    )
    camera = cameras.Camera(pose, jnp.broadcast_to(intrinsics, (count, 3, 3)))
    reference = jax.tree.map(lambda x: x[0], camera)
    cube = frame.choose_cube(kind, camera, reference, (settings.image_size,) * 2)
    return cube.cameras(camera)


def measure(function: Callable, arguments: tuple, settings: One2345Benchmark) -> dict[str, Any]:
    """Memory of one stage, and its time when it may run."""
    start = time.process_time()
    compiled = jax.jit(function).lower(*arguments).compile()
    memory = compiled.memory_analysis()
    found: dict[str, Any] = {
        "compile_cpu_s": round(time.process_time() - start, 1),
        "arguments_gib": round(memory.argument_size_in_bytes / GIBI, 3),
        "results_gib": round(memory.output_size_in_bytes / GIBI, 3),
        "temporaries_gib": round(memory.temp_size_in_bytes / GIBI, 3),
    }
    if not settings.run:
        return found | {"time": "compiled, not run"}
    filled = jax.tree.map(_numbers, arguments)
    jax.block_until_ready(compiled(*filled))
    cpu_s, wall_s = [], []
    for _ in range(settings.repeats):
        cpu, wall = time.process_time(), time.perf_counter()
        jax.block_until_ready(compiled(*filled))
        cpu_s.append(time.process_time() - cpu)
        wall_s.append(time.perf_counter() - wall)
    return found | {
        "median_cpu_s": round(statistics.median(cpu_s), 3),
        "median_wall_s": round(statistics.median(wall_s), 3),
    }


def _numbers(x: Any) -> Any:
    """Ones instead of a shape without content."""
    return jnp.ones(x.shape, x.dtype) if isinstance(x, jax.ShapeDtypeStruct) else x


def main(settings: One2345Benchmark) -> None:
    stages = build(settings)
    report = {
        "benchmark": "One-2-3-45, stages",
        "backend": jax.default_backend(),
        "settings": dataclasses.asdict(settings),
        "stages": {name: measure(*stages[name], settings) for name in settings.stages},
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main(tyro.cli(One2345Benchmark))
