"""Does One-2-3-45 learn one relic by heart? From a scan to scores; JSON on stdout.

    python -m benchmarks.one2345_overfit --workdir runs/one

Makes a procedural amphora with two handles, renders 16 random views of 192 px (64 px take every
third pixel, whose centre is theirs, so depths are exact), packs them and trains
`configs/one2345_overfit.py`. Then its mesh from 11 of the views is compared with the scan, beside
the visual hull of the same masks, a sphere, and the scan itself: protocols align by random points,
so even the truth does not score zero. Shards carry 10 000 points of a surface, by which the amphora
scores CD 0.62 and F@0.01 0.89 against itself (`unicorn`); here `--points` are drawn from the scan.
Continues where it was stopped.
"""

import dataclasses
import json
import pathlib
from typing import Any

import tyro

from benchmarks.children import cpu_seconds
from configs import one2345_overfit
from data_engine.gltf.reader import Geometry, load_geometry
from data_engine.procedural.folder import write_relics
from data_engine.rendering.framing import Framing
from jaxrelic.evaluation.single_view.evaluate import Evaluation, EvaluationSettings
from jaxrelic.evaluation.single_view.truth import Record
from jaxrelic.evaluation.view_sets import methods, truth
from jaxrelic.evaluation.view_sets.evaluate import evaluate_view_sets
from jaxrelic.geometry import meshes
from jaxrelic.geometry.surface_samples import sample_surface
from jaxrelic.inference.surface import extract
from jaxrelic.saved import facts, load

SEED = 11
"""Seed of the amphora."""
VIEW_PX = 192
ENGINE = "data_engine.cli"


@dataclasses.dataclass(frozen=True, kw_only=True)
class OverfitBenchmark:
    """Where it runs, how long, and how finely it is measured."""

    workdir: pathlib.Path
    """Folder for scan, views and run; one that holds a part of it is continued."""
    steps: int = one2345_overfit.STEPS
    """Training steps."""
    points: int = 100_000
    """Points of each surface."""
    resolution: int = 128
    """Points per side of the grid on which the surface is found."""


def make_shards(folder: pathlib.Path) -> pathlib.Path:
    """Scan, catalog, views and shards of one amphora; returns the scan."""
    scan = folder / "relics"
    if not scan.is_dir():
        write_relics(scan, 1, SEED)
    workspace = "--workspace", folder / "ws"
    cpu_seconds(ENGINE, "ingest", scan, *workspace)
    cpu_seconds(ENGINE, "validate", *workspace)
    light = "--samples", 16, "--noise", 0, "--lighting", "key_fill"
    cpu_seconds(ENGINE, "render", *workspace, "--poses", "random:16@3", "--size", VIEW_PX, *light)
    cpu_seconds(ENGINE, "shards", *workspace, "--val-percent", 0, "--test-percent", 0)
    (path,) = scan.glob("*.glb")
    return path


def train(run: pathlib.Path, shards: pathlib.Path, steps: int) -> float:
    """CPU seconds of the training, or of what was left of it."""
    options = (
        "--workdir",
        run,
        "--data.path",
        shards,
        "--steps",
        steps,
        "--optim.decay-steps",
        steps,
    )
    return cpu_seconds("jaxrelic.cli.main", "train", one2345_overfit.__file__, *options)


def in_world(record: Record, scan: Geometry) -> meshes.Mesh:
    """The scan as it was rendered."""
    framing = Framing(
        scale=float(record["normalize_scale"]), centre=tuple(record["normalize_center"])
    )
    return meshes.Mesh(vertices=framing.to_world(scan.vertices), faces=scan.faces)


def measure(run: pathlib.Path, scan: pathlib.Path, settings: OverfitBenchmark) -> Evaluation:
    """The network's mesh, the baselines and the scan itself."""
    (_, trained), model = facts.read(run), load.load(run)
    record = truth.open_records(trained["path"], "train")[0]
    original = in_world(record, load_geometry(scan))
    points, normals = sample_surface(
        original.vertices, original.faces, count=settings.points, key="truth"
    )
    surface = extract.SurfaceSettings(resolution=settings.resolution)
    named = {
        "model": methods.of_fields(model.read, lambda field: extract.extract(field, surface)),
        **methods.baselines(),
        "scan": lambda views: methods.ViewSetShape(mesh=original),
    }
    return evaluate_view_sets(
        named,
        [{**record, "points": points, "normals": normals}],
        truth.Choice(selection=trained["selection"], num_sources=model.num_sources),
        EvaluationSettings(num_points=settings.points, silhouette_size=model.image_size),
        source_size=model.image_size,
    )


def figures(evaluation: Evaluation) -> dict[str, Any]:
    """What the evaluation says of each method."""
    found: dict[str, Any] = {}
    for row in evaluation.rows:
        found.setdefault(row.method, {})[row.protocol] = {
            "chamfer": row.chamfer,
            "f_score_0.01": row.f_scores[0.01],
            "normal_consistency": row.normal_consistency,
        }
    for row in evaluation.images:
        found.setdefault(row.method, {})["held_out_views"] = {
            "psnr": row.psnr,
            "mask_iou": row.mask_iou,
            "depth_error": row.depth_error,
        }
    return found


def main() -> None:
    settings = tyro.cli(OverfitBenchmark, description=__doc__)
    scan = make_shards(settings.workdir)
    run = settings.workdir / "run"
    spent = train(run, settings.workdir / "ws" / "shards", settings.steps)
    report = {
        "benchmark": "One-2-3-45 learns one relic by heart",
        "peer": "the visual hull of the same masks, and the scan itself under the same protocol",
        "steps": settings.steps,
        "points": settings.points,
        "training_cpu_s": round(spent, 1),
        "methods": figures(measure(run, scan, settings)),
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
