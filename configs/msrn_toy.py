"""M-SRN whole, on boxes and cylinders: every module at work, minutes on two cores.

    python -m benchmarks.msrn_toy --workdir runs/toy

makes the photographs, trains this, and measures what came out (specification msrn H-F7). Cameras
are latent, on a ring 30 degrees above the horizon; neighbours are other objects of the same kind.
"""

import dataclasses

from jaxrelic.data.single_view.batches import SingleViewData
from jaxrelic.losses.msrn import MsrnLossSettings, MsrnLossWeights
from jaxrelic.models.msrn.memory import MemoryConfig
from jaxrelic.models.msrn.model import MsrnConfig
from jaxrelic.models.msrn.neighbours import NeighbourConfig
from jaxrelic.models.msrn.pose import PoseConfig
from jaxrelic.rendering.settings import RasterSettings
from jaxrelic.train.experiment import Experiment
from jaxrelic.train.optim import OptimConfig
from jaxrelic.train.tasks.msrn import MsrnTask
from jaxrelic.train.tasks.msrn_phases import SoftnessSchedule

STEPS = 2400
OPEN = STEPS // 6
"""Codes open; neighbours start a while later, when there are prototypes to filter them by."""


def get_config() -> Experiment:
    return Experiment(
        name="msrn_toy",
        task=MsrnTask(
            model=dataclasses.replace(
                MsrnConfig.compact(),
                encoder_widths=(16, 32, 64),
                icosphere_level=2,
                semi_axes=(0.17, 0.17, 0.25),
                shape_code=16,
                texture_code=32,
                shape_milestones=((0, 1), (OPEN, 16)),
                texture_milestones=((0, 2), (OPEN, 32)),
                texture_size=16,
                pose=PoseConfig(
                    elevation_deg=30.0, elevation_range_deg=0.0, translation_range=(0.05, 0.05, 0.0)
                ),
                memory=MemoryConfig(
                    compensation=True,
                    compensation_start=2 * OPEN,
                    categories=2,
                    slots=100,
                    prototypes=10,
                    identities=2,
                ),
                neighbours=NeighbourConfig(source="filtered", start_step=2 * OPEN, max_render=1),
            ),
            supervision="latent",
            data=SingleViewData(
                path="runs/toy/photographs",
                batch_size=16,
                image_size=32,
                target_size=32,
                neighbours=4,
                candidates="train-pixels",
            ),
            losses=MsrnLossSettings(
                raster=RasterSettings(sigma=5e-4),
                weights=MsrnLossWeights(iou=1.0, normal=0.05, laplacian=0.05, uneven_pose=1.0),
            ),
            softness=SoftnessSchedule(start_sigma=3e-3, steps=STEPS // 3),
        ),
        optim=OptimConfig(
            learning_rate=1e-3, schedule="cosine", warmup_steps=20, decay=0.05, decay_steps=STEPS
        ),
        steps=STEPS,
        checkpoint_every=STEPS // 2,
    )
