"""Writes training views of the relief network: forms, relics, statuary, scans.

    python scripts/relief/views.py abstract --out DATA --objects 1500 --views 10 --seed 11
    python scripts/relief/views.py procedural --out DATA --objects 1000 --views 10 --seed 12
    python scripts/relief/views.py statuary --out DATA --objects 800 --views 10 --seed 13
    python scripts/relief/views.py scans --out DATA --scans FOLDER --split validation --views 4

A shard that is there already is kept, so a run that was stopped goes on where it was.
"""

import argparse
import json
import pathlib
import time

import numpy as np

from data_engine.procedural import families, make_relic
from data_engine.procedural.on_request.statuary import STATUARY
from jaxrelic.data.relief_records import shard_path, write_shard
from jaxrelic.rendering.two_layers.painted import PaintedMesh, painted
from jaxrelic.rendering.two_layers.scans import load_scan
from jaxrelic.rendering.two_layers.shots import Habits, Shot, random_shot
from jaxrelic.rendering.two_layers.views import View, random_view

PER_SHARD = 50
"""Objects."""
SPLIT = pathlib.Path(__file__).with_name("scan_split.json")
EVALUATION = Habits(
    lens_deg=(30, 50),
    elevation_deg=(0, 40),
    usual_elevation_deg=(0, 40),
    roll_deg=0.0,
    margin=(1.2, 1.2),
)
"""How validation scans are photographed (issue 14's table)."""


def formula_relic(kind: str, seed: int, index: int) -> PaintedMesh:
    """One relic of the abstract family, of statuary, or in turn of the default families."""
    names = {"abstract": ["abstract"], "statuary": list(STATUARY)}.get(kind, list(families()))
    number = int(np.random.SeedSequence([seed, index]).generate_state(1)[0])
    relic = make_relic(names[index % len(names)], number)
    return painted(relic.vertices, relic.faces, relic.normals, uvs=relic.uvs, texture=relic.texture)


def row(view: View, shot: Shot, relic: int) -> tuple:
    """A row of `relief_records.VIEW`."""
    camera = (shot.cam_from_world, shot.focal, shot.centre, shot.depth_centre, shot.elevation)
    return (view.photo, view.mask, view.front, view.back, view.covered, *camera, relic)


def photographs(mesh: PaintedMesh, count: int, rng, habits: Habits, relic: int):
    """Rows of one object, and the worst share of its back layer that shows its front side."""
    points = np.unique(mesh.corners.reshape(-1, 3)[::3], axis=0)
    rows, turned = [], 0.0
    while len(rows) < count:
        shot = random_shot(points, rng, habits)
        view = random_view(mesh, shot, rng)
        if view.covered.sum() >= 30:
            rows.append(row(view, shot, relic))
            turned = max(turned, view.inside_out)
    return rows, turned


def write_formulas(args) -> None:
    """Shards of relics made from formulas."""
    for shard in range(args.first // PER_SHARD, -(-(args.first + args.objects) // PER_SHARD)):
        path = shard_path(args.out, args.name or args.kind, shard)
        if path.exists():
            continue
        start, rows = time.process_time(), []
        end = min((shard + 1) * PER_SHARD, args.first + args.objects)
        for index in range(shard * PER_SHARD, end):
            mesh = formula_relic(args.kind, args.seed, index)
            rng = np.random.default_rng([args.seed, index, 1])
            rows += photographs(mesh, args.views, rng, Habits(), index)[0]
        write_shard(path, rows)
        print(
            f"{path.name}: {len(rows)} views, {time.process_time() - start:.0f} CPU s", flush=True
        )


def write_scans(args) -> None:
    """One shard of the scans of one half, and what is open about them."""
    manifest = json.loads((args.scans / "manifest.json").read_text())["objects"]
    chosen = json.loads(SPLIT.read_text())[args.split]
    habits = EVALUATION if args.split == "validation" else Habits()
    rows, facts = [], {}
    for index, slug in enumerate(chosen):
        entry = next(item for item in manifest if item["slug"] == slug)
        mesh = load_scan(args.scans / entry["file"], entry["up_axis"])
        rng = np.random.default_rng([args.seed, index, 1])
        views, facts[slug] = photographs(mesh, args.views, rng, habits, index)
        rows += views
        print(f"{slug}: back layer shows its front side on {facts[slug]:.0%}", flush=True)
    name = args.name or f"scans_{args.split}"
    write_shard(shard_path(args.out, name, 0), rows)
    (args.out / f"{name}.json").write_text(json.dumps({"scans": chosen, "turned": facts}, indent=1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=("abstract", "procedural", "statuary", "scans"))
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--objects", type=int, default=100)
    parser.add_argument("--first", type=int, default=0, help="object, in whole shards of 50")
    parser.add_argument("--views", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--name", help="of the set; the kind unless given")
    parser.add_argument("--scans", type=pathlib.Path, help="folder with manifest.json")
    parser.add_argument("--split", choices=("training", "validation"), default="validation")
    args = parser.parse_args()
    write_scans(args) if args.kind == "scans" else write_formulas(args)


if __name__ == "__main__":
    main()
