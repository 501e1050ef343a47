"""Writes the relief network of a run as the one that travels with the install, with its card.

    jaxrelic train configs/relief.py --workdir RUN --data.path DATA
    python scripts/relief/evaluate.py --data DATA --scans SCANS --model RUN --out scores.json
    python scripts/relief/card.py RUN --scores scores.json --cpu-hours 2.5

The card says what the network was trained on, by which commands, how well it does and where it
fails; `jaxrelic models` shows it.
"""

import argparse
import json
import pathlib

from jaxrelic import shipped
from jaxrelic.data.relief_records import ViewSet
from jaxrelic.saved import one_file, runs

VIEWS = 10
SEEDS = {"abstract": 11, "procedural": 12, "statuary": 13}
FAILURES = (
    "bowls and cups are filled, since what lies between first and last surface is not seen",
    "legs and what stands behind one another become one slab",
    "the back is the mirror image of the front",
    "things that lie or are seen from steeply above may lean",
)


def command(name: str, count: int) -> str:
    """How the views of a set are made."""
    sizes = f"--objects {count // VIEWS} --views {VIEWS}"
    return f"scripts/relief/views.py {name} {sizes} --seed {SEEDS[name]}"


def rounded(scores: dict) -> dict:
    """Both protocols of the network and of what it must beat."""
    named = {"network": "relief network", "inflation": "inflation of the outline"}
    return {
        label: {
            protocol: {key: round(scores[name][protocol][key], 3) for key in ("cd", "f_0.05")}
            for protocol in ("none", "unicorn")
        }
        for name, label in named.items()
        if name in scores
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=pathlib.Path)
    parser.add_argument("--scores", type=pathlib.Path, required=True)
    parser.add_argument("--cpu-hours", type=float, required=True)
    parser.add_argument("--out", type=pathlib.Path, default=shipped.RELIEF)
    args = parser.parse_args()
    model, experiment, step = runs.open_run(args.run)
    data = experiment.task.data
    views = {name: len(ViewSet(pathlib.Path(data.path), [name])) for name in SEEDS}
    card = {
        "training": {
            "steps": step,
            "batch_size": data.batch_size,
            "seed": experiment.seed,
            "cpu_hours": args.cpu_hours,
            "commands": [*map(command, SEEDS, views.values()), "jaxrelic train configs/relief.py"],
            "note": "shards were added while it trained, so a repeat is alike and not the same",
        },
        "data": {"views": views, "note": "all made from formulas; no scan was trained on"},
        "scores": {
            "on": "30 real scans, 4 views each, placed by the true camera (none) or aligned",
            **rounded(json.loads(args.scores.read_text())),
        },
        "failures": list(FAILURES),
        "license": "CC0-1.0",
    }
    one_file.save(args.out, model, card)
    print(f"{args.out}: step {step}, {args.out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
