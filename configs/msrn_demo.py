"""M-SRN, compact: learns from posed views in minutes on two cores; `make demo` runs it.

    jaxrelic train configs/msrn_demo.py --workdir runs/demo/model --data.path runs/demo/shards

One narrow encoder, 64 px photographs, four 32 px target views with masks, colour and depth.
"""

from jaxrelic.data.loader import DataConfig
from jaxrelic.losses.msrn import MsrnLossSettings
from jaxrelic.models.msrn.model import MsrnConfig
from jaxrelic.rendering.settings import RasterSettings
from jaxrelic.train.experiment import Experiment
from jaxrelic.train.optim import OptimConfig

STEPS = 700


def get_config() -> Experiment:
    return Experiment(
        name="msrn_demo",
        model=MsrnConfig.compact(),
        supervision="multiview",
        data=DataConfig(
            path="runs/demo/shards",
            batch_size=8,
            image_size=64,
            target_size=32,
            num_targets=4,
            crop_jitter=0.03,
        ),
        # Edges reach 1.5 px, as far as 64 px drawings do with 2.5e-4.
        losses=MsrnLossSettings(raster=RasterSettings(sigma=1e-3)),
        optim=OptimConfig(
            learning_rate=1e-3, schedule="cosine", warmup_steps=20, decay=0.05, decay_steps=STEPS
        ),
        steps=STEPS,
        checkpoint_every=200,
    )
