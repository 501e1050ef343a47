"""Which objective an experiment asks for: a table from model settings to adapters."""

from jaxrelic.models.foreground.model import ForegroundConfig
from jaxrelic.models.msrn.model import MsrnConfig
from jaxrelic.train.experiment import Experiment
from jaxrelic.train.foreground_objective import ForegroundObjective
from jaxrelic.train.msrn_objective import MsrnObjective
from jaxrelic.train.objective import Objective

OBJECTIVES = {MsrnConfig: MsrnObjective, ForegroundConfig: ForegroundObjective}


def build(experiment: Experiment) -> Objective:
    """The objective of `experiment`."""
    return OBJECTIVES[type(experiment.model)](experiment)
