r"""Relief: front and back depth of one photograph, the network that travels with the install.

    python scripts/relief/views.py abstract --out views --objects 1500 --views 10 --seed 11
    python scripts/relief/views.py statuary --out views --objects 1500 --views 10 --seed 13
    python scripts/relief/views.py procedural --out views --objects 1500 --views 10 --seed 12
    jaxrelic train configs/relief.py --workdir runs/relief --data.path views

Convolutions compute in bfloat16: on CPUs with AMX the native ones do it (`python -m
jaxrelic.nn.native`), a step of 48 views in about 1.5 seconds of one core. The rate falls with the
root of the step, so a run may go on for as long as there is time.
"""

from jaxrelic.data.relief_batches import ReliefData
from jaxrelic.losses.relief import ReliefLossSettings
from jaxrelic.models.relief.model import ReliefConfig
from jaxrelic.train.experiment import Experiment
from jaxrelic.train.optim import OptimConfig
from jaxrelic.train.tasks.relief import ReliefTask


def get_config() -> Experiment:
    return Experiment(
        name="relief",
        task=ReliefTask(
            model=ReliefConfig(precision="bfloat16"),
            data=ReliefData(path="views"),
            losses=ReliefLossSettings(),
        ),
        optim=OptimConfig(
            optimizer="muon",
            learning_rate=4e-3,
            schedule="root",
            warmup_steps=50,
            decay_steps=2000,
            clip_norm=1.0,
        ),
        steps=20_000,
        checkpoint_every=100,
    )
