"""M-SRN, compact: learns from posed views in minutes on two cores; `make demo` runs it.

    jaxrelic train configs/msrn_demo.py --workdir DIR --data.path SHARDS

One narrow encoder, 64 px photographs, two 32 px target views with masks, colour and depth. What the
reference run measured on held-out relics: RESULTS in README.md.
"""

import dataclasses

from jaxrelic.data.single_view.batches import SingleViewData
from jaxrelic.losses.msrn import MsrnLossSettings, MsrnLossWeights
from jaxrelic.models.msrn.model import MsrnConfig
from jaxrelic.rendering.settings import RasterSettings
from jaxrelic.train.experiment import Experiment
from jaxrelic.train.optim import OptimConfig
from jaxrelic.train.tasks.msrn import MsrnTask
from jaxrelic.train.tasks.msrn_phases import SoftnessSchedule

STEPS = 1600


def get_config() -> Experiment:
    return Experiment(
        name="msrn_demo",
        task=MsrnTask(
            # 320 faces are enough for 32 px; reconstruction may use a finer template.
            model=dataclasses.replace(MsrnConfig.compact(), icosphere_level=2),
            supervision="multiview",
            data=SingleViewData(
                path="runs/demo/workspace/shards",
                batch_size=16,
                image_size=64,
                target_size=32,
                num_targets=2,
                crop_jitter=0.03,
            ),
            losses=MsrnLossSettings(
                # Edges reach one pixel of the 32 px targets.
                raster=RasterSettings(sigma=5e-4),
                weights=MsrnLossWeights(rgb=3.0, iou=1.0, depth=3.0, normal=0.1, laplacian=0.1),
            ),
            softness=SoftnessSchedule(start_sigma=3e-3, steps=STEPS // 4),
        ),
        optim=OptimConfig(
            learning_rate=1e-3, schedule="cosine", warmup_steps=20, decay=0.05, decay_steps=STEPS
        ),
        steps=STEPS,
        checkpoint_every=400,
    )
