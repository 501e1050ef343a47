"""How many false positives foreground perception takes out of coarse masks, as JSON.

    jaxrelic train configs/foreground_demo.py --workdir runs/foreground_demo
    python -m benchmarks.foreground runs/foreground_demo

Scenes of a split that was not trained on: the true mask plus a second blob elsewhere, as a network
for salient objects gives when a bystander is salient too. The peer is that coarse mask itself; the
map alone, thresholded, and the largest piece of the coarse mask show what each part contributes.
"""

import argparse
import json
import pathlib

import cv2
import numpy as np

from jaxrelic.data.foreground import batches as foreground_batches
from jaxrelic.data.foreground import clutter
from jaxrelic.photos.masks.finder import MaskPredictor
from jaxrelic.photos.masks.refinement import RefineSettings, refine
from jaxrelic.saved import load


def with_false_positive(truth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The mask with an ellipse about as large as the object that overlaps at most a tenth of it."""
    size, area = truth.shape[0], max(float(truth.sum()), 1.0)
    for _ in range(100):
        blob = np.zeros_like(truth)
        axes = np.sqrt(area / np.pi) * rng.uniform(0.6, 1.1, 2)
        centre = rng.uniform(0.1 * size, 0.9 * size, 2)
        angle = rng.uniform(0, 180)
        box = (tuple(map(float, centre)), tuple(map(float, 2 * axes)), float(angle))
        cv2.ellipse(blob, box, 1.0, -1)
        if blob.sum() > 0.25 * area and (blob * truth).sum() < 0.1 * area:
            return np.maximum(truth, blob)
    return truth


def iou(mask: np.ndarray, truth: np.ndarray) -> float:
    """Intersection over union of two hard masks."""
    mask, truth = mask >= 0.5, truth >= 0.5
    return float((mask & truth).sum() / max((mask | truth).sum(), 1))


def measure(
    mask_predictor: MaskPredictor, *, split: str, count: int, seed: int
) -> dict[str, dict[str, float]]:
    """Mean intersection over union with the truth, by category and by what the mask is made of.

    Beside it how often too little was left of the coarse mask, so that it was kept.
    """
    cutouts, size = foreground_batches.SyntheticCutouts(split), mask_predictor.image_size
    rng = np.random.default_rng(seed)
    rows, none = {name: [] for name in ("all", *cutouts.categories)}, RefineSettings(threshold=0.0)
    for index in rng.permutation(len(cutouts))[:count]:
        painted = foreground_batches.PaintSurface().random_map(cutouts[int(index)], rng)
        placed = clutter.place(painted["rgba"], size, rng)
        rgb, truth = clutter.compose(placed, clutter.background(size, rng)), placed[..., 3]
        coarse, activation = with_false_positive(truth, rng), mask_predictor.activation(rgb)
        masks = {
            "coarse": coarse,
            "largest_piece_of_coarse": refine(coarse, activation, none).mask,
            "map_alone": (activation >= RefineSettings.threshold).astype(np.float32),
            "refined_literal": refine(coarse, activation, RefineSettings.literal()).mask,
            "refined": refine(coarse, activation, RefineSettings()).mask,
        }
        row = {name: iou(mask, truth) for name, mask in masks.items()}
        row["fell_back"] = refine(coarse, activation, RefineSettings()).fell_back
        for name in ("all", cutouts.categories[int(painted["category"])]):
            rows[name].append(row)
    return {category: _means(of_it) for category, of_it in rows.items() if of_it}


def _means(rows: list[dict[str, float]]) -> dict[str, float]:
    return {name: round(float(np.mean([row[name] for row in rows])), 4) for name in rows[0]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=pathlib.Path, help="folder of a foreground run")
    parser.add_argument("--split", default="test")
    parser.add_argument("--count", type=int, default=160)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    mask_predictor = load.load(args.run, role="a photograph into a mask")
    result = measure(mask_predictor, split=args.split, count=args.count, seed=args.seed)
    print(json.dumps({**vars(args), "run": str(args.run), "mean_iou": result}, indent=2))


if __name__ == "__main__":
    main()
