"""Scores reliefs of the validation scans: inflation, a trained network, and the true two layers.

    python scripts/relief/evaluate.py --data DATA --scans FOLDER --model RUN \
        --out scores.json --sheet sheet.png

Reliefs are placed by the true camera (protocol `none`, all views) or aligned (`unicorn`, one view
an object). Chamfer distances are 100 x mean unsquared, scans have a longest side of 0.8.
"""

import argparse
import json
import os
import pathlib
import time

os.environ.setdefault(
    "XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
)
# Threads of small solves wait for one another where cores are shared.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import cv2
import numpy as np
from pictures import SHEET_PX, turned_pictures

from jaxrelic.data.relief_batches import example
from jaxrelic.data.relief_records import ViewSet
from jaxrelic.geometry.relief.inflation import inflate
from jaxrelic.geometry.relief.relief_mesh import CropCamera, ReliefMesh, close_layers
from jaxrelic.geometry.surface_samples import sample_surface
from jaxrelic.metrics.geometry import chamfer, f_score, surface_distances
from jaxrelic.metrics.protocols import PROTOCOLS
from jaxrelic.metrics.scoring import Shapes, score
from jaxrelic.models.relief.planes import fitted_plane, plane_depth
from jaxrelic.rendering.two_layers.scans import load_scan
from jaxrelic.saved import load

POINTS = 10_000


def camera_of(view) -> CropCamera:
    """The true camera of a view."""
    return CropCamera(
        focal=float(view["focal"]),
        centre=np.float64(view["centre"]),
        depth_centre=float(view["depth_centre"]),
        cam_from_world=np.float64(view["cam_from_world"]),
    )


def network_layers(path: pathlib.Path):
    """A function from a view to front and thickness, of a run or an export."""
    predictor = load.load(path)

    def layers(view) -> tuple[np.ndarray, np.ndarray]:
        found = predictor.layers_of(example(view))
        return found.front, found.thickness

    return layers


def inflated_layers(view) -> tuple[np.ndarray, np.ndarray]:
    """Front and thickness of the inflated mask."""
    half = inflate(view["mask"] > 127)
    return -half, 2 * half


def inflated_on_true_plane(view) -> tuple[np.ndarray, np.ndarray]:
    """The inflation about the true plane: what a perfect head for the plane alone would give."""
    front, thickness = inflated_layers(view)
    layers = [view[name].astype(np.float32)[None] for name in ("front", "back")]
    plane = fitted_plane(sum(layers) / 2, view["covered"].astype(np.float32)[None])
    return front + np.asarray(plane_depth(plane, *front.shape)[0]), thickness


def true_layers(view) -> tuple[np.ndarray, np.ndarray]:
    """Front and thickness as rendered, continued beyond their cells."""
    front, back = (view[name].astype(np.float32) for name in ("front", "back"))
    outside = np.uint8(~view["covered"])
    _, label = cv2.distanceTransformWithLabels(
        outside, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    nearest = np.zeros(label.max() + 1, np.int64)
    nearest[label[view["covered"]]] = np.flatnonzero(view["covered"])
    source = nearest[label]
    return front.reshape(-1)[source], (back - front).reshape(-1)[source]


def build(view, layers) -> ReliefMesh:
    """The closed relief of one view."""
    photo, mask = view["photo"].astype(np.float32) / 255, view["mask"] > 127
    return close_layers(*layers(view), mask, photo, camera_of(view))


def truth_samples(scans: pathlib.Path, slugs) -> tuple[list, list]:
    """Points and normals of every scan as it is, without a cap."""
    manifest = json.loads((scans / "manifest.json").read_text())["objects"]
    by_slug = {entry["slug"]: entry for entry in manifest}
    pairs = []
    for slug in slugs:
        entry = by_slug[slug]
        mesh = load_scan(scans / entry["file"], entry["up_axis"], close_foot=False)
        faces = np.arange(3 * len(mesh.corners)).reshape(-1, 3)
        corners = mesh.corners.reshape(-1, 3)
        pairs.append(sample_surface(corners, faces, count=POINTS, key=slug))
    return tuple(zip(*pairs, strict=True))


def scores_of(name: str, views, layers, truth, slugs) -> tuple[dict, list[ReliefMesh]]:
    """Both protocols of one method."""
    points, normals = truth
    rows, first = [], {}
    for view in views:
        relief, index = build(view, layers), int(view["relic"])
        samples = sample_surface(relief.vertices, relief.faces, count=POINTS, key=name)
        distances = surface_distances(np.float64(samples[0]), np.float64(points[index]))
        rows.append((chamfer(distances), f_score(distances, 0.01), f_score(distances, 0.05)))
        first.setdefault(index, (relief, samples, view))
    order = sorted(first)
    eye = np.broadcast_to(np.eye(4), (len(order), 4, 4))
    predicted = Shapes(
        points=np.stack([np.float64(first[i][1][0]) for i in order]),
        normals=np.stack([np.float64(first[i][1][1]) for i in order]),
        cam_from_world=eye,
    )
    true = Shapes(
        points=np.stack([np.float64(points[i]) for i in order]),
        normals=np.stack([np.float64(normals[i]) for i in order]),
        cam_from_world=eye,
    )
    aligned = score(PROTOCOLS["unicorn"], predicted, true, rng=np.random.default_rng(0))
    means = np.mean(rows, axis=0)
    table = {
        "views": len(rows),
        "none": {"cd": means[0], "f_0.01": means[1], "f_0.05": means[2]},
        "unicorn": {
            "cd": float(np.mean([s.chamfer for s in aligned])),
            "cd_median": float(np.median([s.chamfer for s in aligned])),
            "f_0.01": float(np.mean([s.f_scores[0.01] for s in aligned])),
            "f_0.05": float(np.mean([s.f_scores[0.05] for s in aligned])),
        },
        "by_scan_unicorn": {
            slugs[i]: round(s.chamfer, 2) for i, s in zip(order, aligned, strict=True)
        },
    }
    return table, [first[i][0] for i in order]


def write_sheet(path: pathlib.Path, views, meshes: list[ReliefMesh], columns: int = 3) -> None:
    """Photograph, front, 40, 90 and 180 degrees of every object."""
    seen, strips = set(), []
    for view in views:
        if (index := int(view["relic"])) in seen:
            continue
        seen.add(index)
        photo = cv2.resize(view["photo"], (SHEET_PX, SHEET_PX), interpolation=cv2.INTER_AREA)
        strips.append(
            np.concatenate([photo, *turned_pictures(meshes[index], camera_of(view))], axis=1)
        )
    while len(strips) % columns:
        strips.append(np.full_like(strips[0], 255))
    per = len(strips) // columns
    blocks = [np.concatenate(strips[at : at + per]) for at in range(0, len(strips), per)]
    cv2.imwrite(str(path), np.concatenate(blocks, axis=1)[..., ::-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--scans", type=pathlib.Path, required=True)
    parser.add_argument("--model", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--sheet", type=pathlib.Path)
    parser.add_argument("--methods", nargs="*", default=["inflation", "network", "true_layers"])
    args = parser.parse_args()
    slugs = json.loads((args.data / "scans_validation.json").read_text())["scans"]
    stored = ViewSet(args.data, ["scans_validation"])
    views = stored[np.arange(len(stored))]
    truth = truth_samples(args.scans, slugs)
    methods = {
        "inflation": inflated_layers,
        "inflation_true_plane": inflated_on_true_plane,
        "true_layers": true_layers,
    }
    if args.model:
        methods["network"] = network_layers(args.model)
    tables = {}
    for name in args.methods:
        start = time.process_time()
        tables[name], meshes = scores_of(name, views, methods[name], truth, slugs)
        tables[name]["cpu_s"] = round(time.process_time() - start, 1)
        short = {key: tables[name][key] for key in ("none", "unicorn", "cpu_s")}
        print(name, json.dumps(short, default=lambda x: round(float(x), 4)), flush=True)
        if args.sheet and name == args.methods[-1]:
            write_sheet(args.sheet, views, meshes)
    if args.out:
        args.out.write_text(json.dumps(tables, indent=1, default=float))


if __name__ == "__main__":
    main()
