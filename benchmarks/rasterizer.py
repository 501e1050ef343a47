"""Times the soft rasterizer on fixed scenes and measures its distance from the dense reference.

    python benchmarks/rasterizer.py --case s64_l3 --json

See benchmarks/README.md for the cases and what the numbers mean.
"""

import argparse
import functools
import json
import pathlib
import statistics
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import raster_cases

from jaxrelic.geometry import meshes
from jaxrelic.rendering.soft_rasterizer import (
    CornerColours,
    RasterSettings,
    UvTexture,
    nearest_face,
    soft_rasterize,
    soft_silhouette,
)

SETTINGS = RasterSettings(
    sigma=raster_cases.SIGMA,
    gamma=raster_cases.GAMMA,
    dist_eps=raster_cases.DIST_EPS,
    near=raster_cases.ZNEAR,
    far=raster_cases.ZFAR,
)
TEXTURE_SIZE = 64
REPEATS = 5
# As the M-SRN demo uses it: a UV texture, and depth in the loss.
DEMO_CASES = {"demo_l2": (2, 64, 16), "demo_l3": (3, 64, 16)}


def make_scene(case):
    """Faces, appearance, image size and target of a case."""
    level, size, batch = {**raster_cases.CASES, **DEMO_CASES}[case]
    faces, colours, _, _, index = raster_cases.scene(level, batch)
    appearance = CornerColours(jnp.asarray(colours))
    if case in DEMO_CASES:
        directions, _ = raster_cases.icosphere(level)
        uvs = meshes.sphere_uv(directions)[index].astype(np.float32)
        shape = (batch, TEXTURE_SIZE, TEXTURE_SIZE, 3)
        appearance = UvTexture(
            jnp.broadcast_to(uvs, (batch, *uvs.shape)), jax.random.uniform(jax.random.key(0), shape)
        )
    return jnp.asarray(faces), appearance, size, jnp.asarray(raster_cases.target(batch, size))


def loss(faces, appearance, target, render):
    """Squared error of colour and alpha against noise; the demo cases add depth."""
    image = render(faces, appearance)
    error = jnp.sum((image.rgb - target[..., :3]) ** 2)
    error += jnp.sum((image.alpha - target[..., 3]) ** 2)
    return error + jnp.sum(image.depth**2) * isinstance(appearance, UvTexture)


def silhouette_loss(faces, target, size, path):
    """The part of `loss` that alpha has."""
    alpha = soft_silhouette(faces, image_size=size, settings=SETTINGS, path=path)
    return jnp.sum((alpha - target[..., 3]) ** 2)


def measure(function, *arguments):
    """Median CPU and fastest wall seconds, what compiling took, and temporary bytes."""
    start_cpu, start = time.process_time(), time.perf_counter()
    compiled = jax.jit(function).lower(*arguments).compile()
    compile_cpu_s, compile_s = time.process_time() - start_cpu, time.perf_counter() - start
    jax.block_until_ready(compiled(*arguments))
    cpu, wall = [], []
    for _ in range(REPEATS):
        start_cpu, start = time.process_time(), time.perf_counter()
        jax.block_until_ready(compiled(*arguments))
        cpu.append(time.process_time() - start_cpu)
        wall.append(time.perf_counter() - start)
    return {
        "cpu_s": statistics.median(cpu),
        "wall_s": min(wall),
        "compile_s": compile_s,
        "compile_cpu_s": compile_cpu_s,
        "temp_bytes": compiled.memory_analysis().temp_size_in_bytes,
    }


def compare(scene, render, reference):
    """Distance from the reference on the first image, which the reference takes seconds for."""
    faces, appearance, _, target = jax.tree.map(lambda x: x[:1] if jnp.ndim(x) else x, scene)
    image, expected = jax.jit(render)(faces, appearance), jax.jit(reference)(faces, appearance)
    gradient, expected_gradient = (
        jax.jit(jax.grad(functools.partial(loss, render=draw), (0, 1)))(faces, appearance, target)
        for draw in (render, reference)
    )

    def relative(ours, theirs):
        return float(jnp.max(jnp.abs(ours - theirs)) / jnp.max(jnp.abs(theirs)))

    def learned(gradient):
        return gradient.texture if isinstance(gradient, UvTexture) else gradient.colours

    return {
        "alpha_max": float(jnp.max(jnp.abs(image.alpha - expected.alpha))),
        "rgb_mean": float(jnp.mean(jnp.abs(image.rgb - expected.rgb))),
        "depth_max": float(jnp.max(jnp.abs(image.depth - expected.depth))),
        "vertex_gradient_relative": relative(gradient[0], expected_gradient[0]),
        "color_gradient_relative": relative(learned(gradient[1]), learned(expected_gradient[1])),
    }


def run(case, path, against_reference):
    scene = make_scene(case)
    faces, appearance, size, target = scene

    def render(faces, appearance, path=path):
        return soft_rasterize(faces, appearance, image_size=size, settings=SETTINGS, path=path)

    report = {
        "case": case,
        "path": path,
        "images": faces.shape[0],
        "faces": faces.shape[1],
        "size": size,
        "device": jax.devices()[0].device_kind,
        "jax": jax.__version__,
        "forward": measure(render, faces, appearance),
        "forward_backward": measure(
            jax.value_and_grad(functools.partial(loss, render=render), (0, 1)),
            faces,
            appearance,
            target,
        ),
        "silhouette_forward_backward": measure(
            jax.value_and_grad(functools.partial(silhouette_loss, size=size, path=path)),
            faces,
            target,
        ),
        "nearest_face": measure(functools.partial(nearest_face, image_size=size), faces),
        "dropped": int(jnp.sum(render(faces, appearance).dropped)),
    }
    if against_reference:
        dense = functools.partial(render, path="dense")
        report["against_dense"] = compare(scene, render, dense)
    return report


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cases = [*raster_cases.CASES, *DEMO_CASES]
    parser.add_argument("--case", choices=cases, default="s64_l3")
    parser.add_argument(
        "--path", choices=("auto", "dense", "fast", "native", "pallas"), default="auto"
    )
    parser.add_argument("--json", action="store_true", help="one line of JSON instead of a table")
    parser.add_argument("--no-reference", action="store_true", help="skip the dense comparison")
    arguments = parser.parse_args()
    report = run(arguments.case, arguments.path, not arguments.no_reference)
    if arguments.json:
        print(json.dumps(report))
        return
    for key, value in report.items():
        fields = value.items() if isinstance(value, dict) else [("", value)]
        for name, number in fields:
            shown = f"{number:.4g}" if isinstance(number, float) else number
            print(f"{key + ' ' + name:45}{shown}")


if __name__ == "__main__":
    main()
