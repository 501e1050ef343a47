"""Times Blender views against three full renders per view, and measures their noise.

    python benchmarks/render.py --json

See benchmarks/README.md for what the numbers mean.
"""

import argparse
import concurrent.futures
import contextlib
import dataclasses
import json
import pathlib
import resource
import tempfile
import time

import numpy as np

from data_engine.gltf.reader import load_geometry
from data_engine.procedural.folder import write_relics
from data_engine.rendering import exr
from data_engine.rendering.child import RenderChild, RenderLimits
from data_engine.rendering.framing import frame_relic
from data_engine.rendering.settings import RenderSettings

REFERENCE_SAMPLES = 128
RENDERS_PER_VIEW = 3
"""The published builder renders colour, normalised depth and metric depth one after another."""
REFERENCE_SEED = 1
"""Not ours: with the same one, the two images would share their noise."""
PARALLEL = ((1, 2), (2, 1), (2, 2))
"""(workers, threads) to compare."""


def render(relics, settings, limits, pose_set):
    """Renders relics in one process; images [n, h, w, 4] uint8 of every relic."""
    images = []
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.closing(RenderChild(settings, pose_set, limits)) as child,
    ):
        for relic in relics:
            mesh = load_geometry(relic)
            framing = frame_relic(
                mesh.vertices[np.unique(mesh.faces)], up_axis="Y", poses=pose_set, mode="fit"
            )
            job = {
                "uid": relic.stem,
                "glb": str(relic.absolute()),
                "out": folder,
                "log": f"{folder}/log.txt",
                "world_from_gltf": framing.world_from_gltf().tolist(),
            }
            views = []

            def keep(index, views=views):
                linear, _ = exr.read_exr(pathlib.Path(folder) / f"{index}.exr")
                views.append(exr.to_straight_srgb(linear))

            child.render(job, keep)
            images.append(np.stack(views))
    return images


def measured(function, *arguments):
    """Result, processor seconds of the children (user and system), and wall seconds."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    result = function(*arguments)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return result, cpu, time.perf_counter() - start


def squared_errors(image, reference):
    """Squared error over white of every pixel, and of those the object fills; [0, 1] sRGB."""
    over_white = [(x[..., :3] / 255.0 - 1) * (x[..., 3:] / 255.0) + 1 for x in (image, reference)]
    error = np.square(over_white[0] - over_white[1]).mean(axis=-1)
    return error, error[(image[..., 3] > 127) & (reference[..., 3] > 127)]


def psnr(errors):
    return float(-10 * np.log10(np.mean(errors)))


def compare_noise(images, references):
    """PSNR over all pixels of all relics, and relic by relic."""
    errors = [squared_errors(*pair) for pair in zip(images, references, strict=True)]
    whole, object_only = zip(*errors, strict=True)
    return {
        "psnr_image_db": psnr(np.concatenate([e.ravel() for e in whole])),
        "psnr_object_db": psnr(np.concatenate(object_only)),
        "psnr_image_db_by_relic": [round(psnr(e), 1) for e in whole],
        "psnr_object_db_by_relic": [round(psnr(e), 1) for e in object_only],
    }


def thrice(pose_set):
    """Every camera three times: as many full renders."""
    return dataclasses.replace(
        pose_set, world_from_cam=np.repeat(pose_set.world_from_cam, RENDERS_PER_VIEW, axis=0)
    )


def in_parallel(relics, settings, workers, threads):
    """Shares the relics out among processes."""
    limits = RenderLimits(threads=threads)
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        shares = [relics[worker::workers] for worker in range(workers)]
        jobs = [
            pool.submit(render, share, settings, limits, settings.pose_set()) for share in shares
        ]
        for job in jobs:
            job.result()


def run(relics, views, compare_workers):
    settings = RenderSettings(poses=f"sphere:{views}")
    reference = dataclasses.replace(
        settings, samples=REFERENCE_SAMPLES, noise=0.0, seed=REFERENCE_SEED
    )
    limits, pose_set = RenderLimits(), settings.pose_set()
    total = len(relics) * views
    ours, our_cpu, our_wall = measured(render, relics, settings, limits, pose_set)
    theirs, their_cpu, their_wall = measured(render, relics, reference, limits, thrice(pose_set))
    report = {
        "relics": [relic.stem for relic in relics],
        "views": total,
        "size": settings.size,
        "samples": settings.samples,
        "noise": settings.noise,
        "lighting": settings.lighting,
        "cpu_s_per_view": our_cpu / total,
        "wall_s_per_view": our_wall / total,
        "reference_samples": REFERENCE_SAMPLES,
        "reference_cpu_s_per_view": their_cpu / total,
        "reference_wall_s_per_view": their_wall / total,
        "cpu_ratio": their_cpu / our_cpu,
        **compare_noise(ours, [images[::RENDERS_PER_VIEW] for images in theirs]),
    }
    if compare_workers:
        report["parallel"] = {}
        for workers, threads in PARALLEL:
            _, cpu, wall = measured(in_parallel, relics, settings, workers, threads)
            report["parallel"][f"{workers}x{threads}"] = {"cpu_s": cpu, "wall_s": wall}
    return report


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--relics", nargs="*", type=pathlib.Path, help="GLB files; else procedural")
    parser.add_argument("--count", type=int, default=4, help="procedural relics")
    parser.add_argument("--views", type=int, default=4, help="views of each")
    parser.add_argument("--parallel", action="store_true", help="also compare workers and threads")
    parser.add_argument("--json", action="store_true", help="one line of JSON instead of a table")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        relics = arguments.relics
        if not relics:
            write_relics(folder, arguments.count, seed=0)
            relics = sorted(pathlib.Path(folder).rglob("*.glb"))
        report = run(relics, arguments.views, arguments.parallel)
    if arguments.json:
        print(json.dumps(report))
        return
    for name, value in report.items():
        print(f"{name:30}{value:.4g}" if isinstance(value, float) else f"{name:30}{value}")


if __name__ == "__main__":
    main()
