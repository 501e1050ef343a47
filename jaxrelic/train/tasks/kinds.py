"""Which objective an experiment asks for: a table from model settings to adapters."""

from jaxrelic.models.foreground.model import ForegroundConfig
from jaxrelic.models.msrn.model import MsrnConfig
from jaxrelic.models.one2345.config import One2345Config
from jaxrelic.train.experiment import Experiment
from jaxrelic.train.tasks.foreground import ForegroundObjective
from jaxrelic.train.tasks.msrn import MsrnObjective
from jaxrelic.train.tasks.one2345 import One2345Objective
from jaxrelic.train.tasks.task import Objective

OBJECTIVES = {
    MsrnConfig: MsrnObjective,
    ForegroundConfig: ForegroundObjective,
    One2345Config: One2345Objective,
}


def build(experiment: Experiment) -> Objective:
    """The objective of `experiment`."""
    return OBJECTIVES[type(experiment.model)](experiment)
