"""Which objective an experiment asks for: a table from model settings to adapters."""

from jaxrelic.models.foreground.model import ForegroundConfig
from jaxrelic.models.msrn.model import MsrnConfig
from jaxrelic.models.one2345.config import One2345Config
from jaxrelic.train.experiment import Experiment
from jaxrelic.train.foreground_objective import ForegroundObjective
from jaxrelic.train.msrn_objective import MsrnObjective
from jaxrelic.train.objective import Objective
from jaxrelic.train.one2345_objective import One2345Objective

OBJECTIVES = {
    MsrnConfig: MsrnObjective,
    ForegroundConfig: ForegroundObjective,
    One2345Config: One2345Objective,
}


def build(experiment: Experiment) -> Objective:
    """The objective of `experiment`."""
    return OBJECTIVES[type(experiment.model)](experiment)
