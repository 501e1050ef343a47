"""Does One-2-3-45 learn? Its own rows on procedural relics, small, in minutes on a CPU.

    data-engine render --workspace ws --poses one2345
    jaxrelic train configs/one2345_learns.py:modern --workdir runs/learns/one2345 --data.path SHARDS

`compat` is the network and the losses of the released training, `modern` ours; depth is learned
from in one row of each: drawn depth in both, and bounds of the distance field in `modern`. The
schedules of the original are scaled to the length of this run.
"""

import dataclasses

from jaxrelic.data.view_sets.batches import ViewSetData
from jaxrelic.losses.one2345 import One2345LossSettings
from jaxrelic.models.one2345.config import One2345Config
from jaxrelic.train.experiment import Experiment
from jaxrelic.train.optim import OptimConfig
from jaxrelic.train.tasks.one2345 import One2345Task
from jaxrelic.train.tasks.one2345_rays import RaysConfig

STEPS = 800
ORIGINAL_STEPS = 200_000
SIZES = {"volume_size": 24, "hidden": 128, "coarse_samples": 24, "fine_samples": 24}


def _scaled(losses: One2345LossSettings) -> One2345LossSettings:
    """Schedules that take the same part of the run as originally."""
    names = ("sparse_steps", "mask_start", "anneal_steps")
    scaled = {name: getattr(losses, name) * STEPS // ORIGINAL_STEPS for name in names}
    return dataclasses.replace(losses, **scaled)


def _row(
    name: str, model: One2345Config, losses: One2345LossSettings, *, depth: bool
) -> Experiment:
    weights = dataclasses.replace(losses.weights, depth=float(depth))
    if not depth:
        weights = dataclasses.replace(weights, surface=0.0, normal=0.0)
    return Experiment(
        name=f"one2345_learns_{name}",
        task=One2345Task(
            model=dataclasses.replace(model, **SIZES),
            data=ViewSetData(path="runs/learns/shards", image_size=64, num_sources=8),
            losses=dataclasses.replace(_scaled(losses), weights=weights),
            rays=RaysConfig(count=96, free_points=256, views_per_ray=4),
        ),
        optim=OptimConfig(
            learning_rate=1e-3, schedule="cosine", decay=0.1, decay_steps=STEPS, clip_norm=1.0
        ),
        steps=STEPS,
        checkpoint_every=STEPS // 3,
        validate_every=STEPS // 3,
    )


MODERN = One2345Config.modern(), One2345LossSettings.modern()
COMPAT = One2345Config.compat(), One2345LossSettings.compat()

ROWS = {
    "modern": lambda: _row("modern", *MODERN, depth=True),
    "modern_without_depth": lambda: _row("modern_without_depth", *MODERN, depth=False),
    "compat": lambda: _row("compat", *COMPAT, depth=False),
    "compat_with_depth": lambda: _row("compat_with_depth", *COMPAT, depth=True),
}
