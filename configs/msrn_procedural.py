"""M-SRN, compact, on a thousand procedural relics: what the demo would become with more time.

    data-engine procedural --count 1000 --out relics/procedural
    jaxrelic train configs/msrn_procedural.py --workdir runs/procedural --data.path SHARDS

The network of the demo at 64 px targets, with a wider deformation field and more steps.
"""

import dataclasses

from jaxrelic.data.single_view.batches import SingleViewData
from jaxrelic.losses.msrn import MsrnLossSettings
from jaxrelic.models.msrn.model import MsrnConfig
from jaxrelic.rendering.settings import RasterSettings
from jaxrelic.train.experiment import Experiment
from jaxrelic.train.optim import OptimConfig
from jaxrelic.train.tasks.msrn import MsrnTask

STEPS = 10_000


def get_config() -> Experiment:
    return Experiment(
        name="msrn_procedural",
        task=MsrnTask(
            model=dataclasses.replace(MsrnConfig.compact(), field_units=256, texture_size=64),
            supervision="multiview",
            data=SingleViewData(
                path="runs/procedural/shards",
                batch_size=16,
                image_size=64,
                target_size=64,
                num_targets=4,
                crop_jitter=0.03,
            ),
            losses=MsrnLossSettings(raster=RasterSettings(sigma=2.5e-4)),
        ),
        optim=OptimConfig(
            learning_rate=1e-3, schedule="cosine", warmup_steps=100, decay=0.02, decay_steps=STEPS
        ),
        steps=STEPS,
        log_every=50,
        checkpoint_every=500,
    )
