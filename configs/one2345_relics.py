"""One-2-3-45's reconstruction on the relic renders at full size: posed views to a surface.

    data-engine render --workspace ws --poses one2345
    jaxrelic train configs/one2345_relics.py --workdir runs/one2345 --data.path SHARDS

For one GPU or TPU per example: 8.1 GiB of temporaries. On two CPU cores a step takes 104 CPU s, the
original 470 s on as many (`python -m benchmarks.one2345 --chunk 64 --remat encoding --repeats 1`).
Half of the sources are spoiled in the way of predicted views; a folder in One-2-3-45's layout
brings predictions of its own, which --data.corruption.probability 0 leaves as they are. Learning
rate, clip and schedule are those of the released training (specification one2345 C.14).
"""

import dataclasses

from jaxrelic.data.view_sets.batches import ViewSetData
from jaxrelic.data.view_sets.corruption import CorruptionConfig
from jaxrelic.losses.one2345 import One2345LossSettings
from jaxrelic.models.one2345.config import One2345Config
from jaxrelic.train.experiment import Experiment
from jaxrelic.train.optim import OptimConfig
from jaxrelic.train.tasks.one2345 import One2345Task
from jaxrelic.train.tasks.one2345_rays import RaysConfig

STEPS = 200_000


def get_config() -> Experiment:
    return Experiment(
        name="one2345_relics",
        task=One2345Task(
            model=One2345Config.modern(),
            data=ViewSetData(
                path="runs/one2345/shards",
                image_size=256,
                num_sources=32,
                corruption=dataclasses.replace(CorruptionConfig.moderate(), probability=0.5),
            ),
            losses=One2345LossSettings.modern(),
            rays=RaysConfig(chunk=64, remat="encoding"),
        ),
        optim=OptimConfig(
            learning_rate=2e-4, schedule="cosine", decay=0.1, decay_steps=STEPS, clip_norm=1.0
        ),
        steps=STEPS,
        log_every=100,
        checkpoint_every=5000,
        validate_every=1600,
    )
