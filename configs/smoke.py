"""Every trainable model, tiny, on shapes made on the spot: seconds on a CPU; the tests run it.

jaxrelic train configs/smoke.py --workdir runs/smoke
"""

import dataclasses

from jaxrelic.data.loader import DataConfig
from jaxrelic.models.msrn.model import MsrnConfig
from jaxrelic.train.experiment import Experiment
from jaxrelic.train.optim import OptimConfig


def get_config() -> Experiment:
    return Experiment(
        name="smoke",
        model=dataclasses.replace(
            MsrnConfig.compact(),
            encoder_widths=(8, 8, 16, 16),
            icosphere_level=1,
            field_units=16,
            texture_size=8,
            texture_min_channels=4,
        ),
        supervision="multiview",
        data=DataConfig(
            path="synthetic", batch_size=4, image_size=32, target_size=16, num_targets=2
        ),
        optim=OptimConfig(learning_rate=1e-3),
        steps=8,
        log_every=1,
        checkpoint_every=4,
    )
