"""M-SRN at full size on relic renders, from single images: the paper's training.

    jaxrelic train configs/msrn_relics.py --workdir runs/msrn --data.path SHARDS

Three ResNet-18 encoders, 642 vertices, camera candidates found without poses (supervision
`latent`), Adam at 1e-4, codes that open at step 10,000. `--supervision multiview` learns from the
other views of a relic instead. For an accelerator: a step takes tens of CPU seconds.
"""

from jaxrelic.data.loader import DataConfig
from jaxrelic.models.msrn.model import MsrnConfig
from jaxrelic.train.experiment import Experiment
from jaxrelic.train.optim import OptimConfig


def get_config() -> Experiment:
    return Experiment(
        name="msrn_relics",
        model=MsrnConfig(),
        supervision="latent",
        data=DataConfig(path="shards/relic_views", batch_size=16, image_size=64, target_size=64),
        optim=OptimConfig(learning_rate=1e-4, schedule="piecewise", boundaries=(470_000,)),
        steps=500_000,
        log_every=100,
        checkpoint_every=5_000,
    )
