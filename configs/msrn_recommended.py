"""M-SRN as we would train it, on the 13 categories of ShapeNet.

    jaxrelic neighbours data/shapenet --features clip --weights ViT-L-14.pt
    jaxrelic train configs/msrn_recommended.py --workdir runs/recommended

Departs from `msrn_paper.py` where its formulas work against their purpose: bank slots hold codes
rather than means of noise (`memory.update`), the affinity term pulls the drawing to uncovered
pixels (`affinity_mode`), neighbours never show the query's own object (`candidates`), textures have
no seam. Not run: it is days on an accelerator.
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
        name="msrn_recommended",
        task=MsrnTask(
            model=MsrnConfig.recommended(),
            supervision="latent",
            data=SingleViewData(
                path="data/shapenet",
                records="images",
                batch_size=16,
                image_size=64,
                target_size=64,
                neighbours=6,
                candidates="train-clip-vit-l-14",
            ),
            losses=MsrnLossSettings(affinity_mode="transport"),
        ),
        optim=OptimConfig(
            learning_rate=1e-4, schedule="piecewise", boundaries=(470_000,), decay=0.2
        ),
        steps=STEPS,
        log_every=100,
        checkpoint_every=5_000,
    )
