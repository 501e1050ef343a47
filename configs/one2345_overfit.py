"""Can One-2-3-45 learn one relic by heart? A check of the trainer, in minutes on a CPU.

    python -m benchmarks.one2345_overfit --workdir runs/one

renders an amphora, trains this on it and measures. On shards of one's own:

    jaxrelic train configs/one2345_overfit.py --workdir runs/one --data.path SHARDS

`--data.path synthetic` stands for many simpler relics. Every view is the target in turn, seen from
eleven others.
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


def get_config() -> Experiment:
    return Experiment(
        name="one2345_overfit",
        task=One2345Task(
            model=dataclasses.replace(
                One2345Config.modern(), volume_size=24, coarse_samples=24, fine_samples=24
            ),
            data=ViewSetData(
                path="runs/one2345_overfit/shards", image_size=64, num_sources=11, selection="any"
            ),
            losses=dataclasses.replace(
                One2345LossSettings.modern(), sparse_steps=STEPS // 4, anneal_steps=STEPS // 8
            ),
            rays=RaysConfig(count=128, free_points=256, views_per_ray=4),
        ),
        optim=OptimConfig(
            learning_rate=1e-3, schedule="cosine", decay=0.1, decay_steps=STEPS, clip_norm=1.0
        ),
        steps=STEPS,
        checkpoint_every=STEPS // 2,
        validate_every=STEPS // 5,
    )
