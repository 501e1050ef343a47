r"""Foreground perception on photographs with their background: masks without mask labels.

    jaxrelic train configs/foreground.py --workdir runs/foreground --data.path pix3d/img \
        --model.categories 9 --initial-weights resnet50.safetensors

ResNet-50 from ImageNet weights, SGD as in BAS (30 passes of 10,000 photographs, a tenth of the rate
for the last fifth). `foreground.py:paper` keeps M-SRN's literal banks and its temperature of 0.99.
For an accelerator. `jaxrelic segment --foreground runs/foreground` uses the result.
"""

import dataclasses

from jaxrelic.data.foreground.batches import BackgroundData
from jaxrelic.losses.foreground import ForegroundLossSettings
from jaxrelic.models.foreground.memory import ForegroundMemoryConfig
from jaxrelic.models.foreground.model import ForegroundConfig
from jaxrelic.train.experiment import Experiment
from jaxrelic.train.optim import OptimConfig
from jaxrelic.train.tasks.foreground import ForegroundTask

STEPS = 30 * 10_000 // 32


def get_config() -> Experiment:
    return Experiment(
        name="foreground",
        task=ForegroundTask(
            model=ForegroundConfig(categories=9),
            data=BackgroundData(path="pix3d/img", batch_size=32),
            losses=ForegroundLossSettings(temperature=0.2),
        ),
        optim=OptimConfig(
            optimizer="sgd",
            learning_rate=1e-3,
            schedule="piecewise",
            boundaries=(STEPS * 24 // 30,),
            decay=0.1,
            weight_decay=5e-4,
            heads=("generator", "classifier"),
            head_factor=10.0,
            bias_factor=2.0,
        ),
        steps=STEPS,
    )


def paper() -> Experiment:
    experiment = get_config()
    task = dataclasses.replace(
        experiment.task,
        model=dataclasses.replace(experiment.task.model, memory=ForegroundMemoryConfig.literal()),
        losses=dataclasses.replace(experiment.task.losses, temperature=0.99),
    )
    return dataclasses.replace(experiment, name="foreground_paper", task=task)


ROWS = {"paper": paper}
