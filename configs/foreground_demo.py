"""Foreground perception, compact: boxes and ellipsoids before clutter, minutes on two cores.

    jaxrelic train configs/foreground_demo.py --workdir runs/foreground_demo
    python -m benchmarks.foreground runs/foreground_demo

The second command injects false positives into masks of shapes that were not trained on and
measures how many the map takes out again.
"""

from jaxrelic.data.foreground.batches import BackgroundData
from jaxrelic.losses.foreground import ForegroundLossSettings, ForegroundLossWeights
from jaxrelic.models.foreground.model import ForegroundConfig
from jaxrelic.train.experiment import Experiment
from jaxrelic.train.optim import OptimConfig
from jaxrelic.train.tasks.foreground import ForegroundTask

STEPS = 900


def get_config() -> Experiment:
    return Experiment(
        name="foreground_demo",
        task=ForegroundTask(
            # Of two categories one needs no evidence: it wins where the other has none. A map of
            # its own would stay empty.
            model=ForegroundConfig.compact(categories=2, class_agnostic=True),
            data=BackgroundData(path="synthetic", source="cutouts", batch_size=16, image_size=64),
            losses=ForegroundLossSettings(
                weights=ForegroundLossWeights(contrast=0.1), classify_until=STEPS // 3
            ),
        ),
        optim=OptimConfig(learning_rate=1e-3, schedule="cosine", decay=0.05, decay_steps=STEPS),
        steps=STEPS,
        checkpoint_every=300,
    )
