"""Foreground perception, tiny, on shapes made on the spot: seconds on a CPU; the tests run it.

jaxrelic train configs/foreground_smoke.py --workdir runs/foreground_smoke
"""

from jaxrelic.data.foreground.batches import BackgroundData
from jaxrelic.losses.foreground import ForegroundLossSettings
from jaxrelic.models.foreground.memory import ForegroundMemoryConfig
from jaxrelic.models.foreground.model import ForegroundConfig
from jaxrelic.train.experiment import Experiment
from jaxrelic.train.optim import OptimConfig
from jaxrelic.train.tasks.foreground import ForegroundTask


def get_config() -> Experiment:
    return Experiment(
        name="foreground_smoke",
        task=ForegroundTask(
            model=ForegroundConfig.compact(
                categories=2,
                widths=(4, 4, 4),
                blocks=(1, 1, 1),
                strides=(1, 1, 1),
                tap=2,
                classifier_width=8,
                # Two categories are never distinguished with certainty in eight steps.
                memory=ForegroundMemoryConfig(slots=16, min_score=0.45),
            ),
            data=BackgroundData(path="synthetic", source="cutouts", batch_size=4, image_size=32),
            losses=ForegroundLossSettings(),
        ),
        optim=OptimConfig(
            optimizer="sgd", learning_rate=1e-2, heads=("generator", "classifier"), head_factor=10.0
        ),
        steps=8,
        log_every=1,
        checkpoint_every=4,
    )
