"""M-SRN whole, at full size, on photographs of relics: what `msrn_recommended.py` is for ShapeNet.

    data-engine shards --workspace ws --records all_views
    jaxrelic neighbours ws/shards --features pixels
    jaxrelic train configs/msrn_relics.py --workdir runs/msrn --data.path ws/shards

Three ResNet-18 encoders, 642 vertices, camera candidates found without poses, memory banks per
category, neighbours that never show the query's own relic. Cameras are those of the renders, and
the pose head may look from -30 to 60 degrees. For an accelerator: a step takes tens of CPU seconds.
"""

import dataclasses

from jaxrelic.data.schema import CATEGORIES
from jaxrelic.data.single_view.batches import SingleViewData
from jaxrelic.models.msrn.memory import MemoryConfig
from jaxrelic.models.msrn.model import MsrnConfig
from jaxrelic.models.msrn.neighbours import NeighbourConfig
from jaxrelic.train.experiment import Experiment
from jaxrelic.train.optim import OptimConfig
from jaxrelic.train.tasks.msrn import MsrnTask


def get_config() -> Experiment:
    return Experiment(
        name="msrn_relics",
        task=MsrnTask(
            model=dataclasses.replace(
                MsrnConfig(),
                memory=MemoryConfig(
                    compensation=True, categories=len(CATEGORIES), purify_at=(12_000,)
                ),
                neighbours=NeighbourConfig(source="filtered"),
            ),
            supervision="latent",
            data=SingleViewData(
                path="ws/shards",
                records="images",
                batch_size=16,
                image_size=64,
                target_size=64,
                neighbours=6,
                candidates="train-pixels",
            ),
        ),
        optim=OptimConfig(learning_rate=1e-4, schedule="piecewise", boundaries=(470_000,)),
        steps=500_000,
        log_every=100,
        checkpoint_every=5_000,
    )
