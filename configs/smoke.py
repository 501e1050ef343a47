"""Every trainable model, tiny, on shapes made on the spot: seconds on a CPU; the tests run it.

    jaxrelic train configs/smoke.py --workdir runs/smoke
    jaxrelic train configs/smoke.py:latent --workdir runs/smoke_latent
    jaxrelic train configs/smoke.py:one2345 --workdir runs/smoke_one2345

The second is M-SRN whole: latent cameras, memory, and neighbours from the third step on. The third
is One-2-3-45's reconstruction from posed views.
"""

import dataclasses

from jaxrelic.data.single_view.batches import SingleViewData
from jaxrelic.data.view_sets.batches import ViewSetData
from jaxrelic.losses.one2345 import One2345LossSettings
from jaxrelic.models.msrn.memory import MemoryConfig
from jaxrelic.models.msrn.model import MsrnConfig
from jaxrelic.models.msrn.neighbours import NeighbourConfig
from jaxrelic.models.one2345.config import One2345Config
from jaxrelic.train.experiment import Experiment
from jaxrelic.train.optim import OptimConfig
from jaxrelic.train.tasks.msrn import MsrnTask
from jaxrelic.train.tasks.one2345 import One2345Task
from jaxrelic.train.tasks.one2345_rays import RaysConfig


def get_config() -> Experiment:
    return Experiment(
        name="smoke",
        task=MsrnTask(
            model=dataclasses.replace(
                MsrnConfig.compact(),
                encoder_widths=(8, 8, 16, 16),
                icosphere_level=1,
                field_units=16,
                texture_size=8,
                texture_min_channels=4,
            ),
            supervision="multiview",
            data=SingleViewData(
                path="synthetic", batch_size=4, image_size=32, target_size=16, num_targets=2
            ),
        ),
        optim=OptimConfig(learning_rate=1e-3),
        steps=8,
        log_every=1,
        checkpoint_every=4,
    )


def latent() -> Experiment:
    plain = get_config()
    memory = MemoryConfig(
        compensation=True,
        compensation_start=0,
        slots=16,
        prototypes=4,
        identities=2,
        purify_at=(3,),
        min_iou=0.0,
    )
    neighbours = NeighbourConfig(source="filtered", start_step=2, max_render=2)
    task = dataclasses.replace(
        plain.task,
        supervision="latent",
        model=dataclasses.replace(plain.task.model, memory=memory, neighbours=neighbours),
        data=dataclasses.replace(plain.task.data, neighbours=3),
    )
    return dataclasses.replace(plain, name="smoke_latent", task=task)


def one2345() -> Experiment:
    return Experiment(
        name="smoke_one2345",
        task=One2345Task(
            model=dataclasses.replace(
                One2345Config.modern(),
                volume_size=8,
                hidden=16,
                coarse_samples=8,
                fine_samples=8,
                fine_rounds=2,
                min_ray_samples=2,
            ),
            data=ViewSetData(path="synthetic", image_size=24, num_sources=3),
            losses=dataclasses.replace(
                One2345LossSettings.modern(), sparse_steps=8, anneal_steps=4
            ),
            rays=RaysConfig(count=32, free_points=32, bound_rays=64),
        ),
        optim=OptimConfig(learning_rate=1e-3, clip_norm=1.0),
        steps=8,
        log_every=1,
        checkpoint_every=4,
        validate_every=8,
    )


ROWS = {"latent": latent, "one2345": one2345}
