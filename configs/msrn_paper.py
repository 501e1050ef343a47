"""M-SRN as printed, on the 13 categories of ShapeNet: row M-SRN of the paper's Table 2.

    jaxrelic neighbours data/shapenet --features clip --weights ViT-L-14.pt --same-instance
    jaxrelic train configs/msrn_paper.py --workdir runs/paper

`data/shapenet` is a prepared folder (`jaxrelic data --help`). Literal where the formulas say
something: banks that mix (momentum 0.99) into noise, the affinity term of M-SRN eq. 41, candidates
that may show the query's own object. Why each was doubted: `msrn_recommended.py`. Not run: it is
days on an accelerator.
"""

from jaxrelic.data.single_view.batches import SingleViewData
from jaxrelic.losses.msrn import MsrnLossSettings
from jaxrelic.models.msrn.model import MsrnConfig
from jaxrelic.train.experiment import Experiment
from jaxrelic.train.optim import OptimConfig
from jaxrelic.train.tasks.msrn import MsrnTask

STEPS = 500_000


def get_config() -> Experiment:
    return Experiment(
        name="msrn_paper",
        task=MsrnTask(
            model=MsrnConfig.paper(),
            supervision="latent",
            data=SingleViewData(
                path="data/shapenet",
                records="images",
                batch_size=16,
                image_size=64,
                target_size=64,
                neighbours=6,
                candidates="train-clip-vit-l-14-same",
            ),
            losses=MsrnLossSettings(affinity_mode="literal"),
        ),
        optim=OptimConfig(
            learning_rate=1e-4, schedule="piecewise", boundaries=(470_000,), decay=0.2
        ),
        steps=STEPS,
        log_every=100,
        checkpoint_every=5_000,
    )
