"""M-SRN as we would train it, on the 13 categories of ShapeNet.

    jaxrelic neighbours data/shapenet --features clip --weights ViT-L-14.pt
    jaxrelic train configs/msrn_recommended.py --workdir runs/recommended

Departs from `msrn_paper.py` where its formulas work against their purpose: bank slots hold codes
rather than means of noise (`memory.update`), the affinity term pulls the drawing to uncovered
pixels (`affinity_mode`), neighbours never show the query's own object (`candidates`), textures have
no seam. Not run: it is days on an accelerator.
"""

import dataclasses
import pathlib
import runpy

from jaxrelic.losses.msrn import MsrnLossSettings
from jaxrelic.models.msrn.model import MsrnConfig
from jaxrelic.train.experiment import Experiment

_PAPER = runpy.run_path(str(pathlib.Path(__file__).with_name("msrn_paper.py")))


def get_config() -> Experiment:
    paper = _PAPER["get_config"]()
    task = dataclasses.replace(
        paper.task,
        model=MsrnConfig.recommended(),
        data=dataclasses.replace(paper.task.data, candidates="train-clip-vit-l-14"),
        losses=MsrnLossSettings(affinity_mode="transport"),
    )
    return dataclasses.replace(paper, name="msrn_recommended", task=task)
