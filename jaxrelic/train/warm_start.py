"""Published weights as the start of a run."""

from jaxrelic import weights
from jaxrelic.errors import UserError
from jaxrelic.models.foreground import convert
from jaxrelic.models.foreground.model import ForegroundConfig
from jaxrelic.train.experiment import Experiment
from jaxrelic.train.state import TrainState


def from_published(experiment: Experiment, fresh: TrainState) -> TrainState:
    """`fresh` with the weights of `experiment.initial_weights`, if it names any.

    A run that is continued has them in its checkpoint and does not come here.
    """
    path = experiment.initial_weights
    if not path:
        return fresh
    if not isinstance(experiment.model, ForegroundConfig):
        raise UserError(
            f"no published weights are known for a {type(experiment.model).__name__}; "
            "leave initial_weights empty"
        )
    filled = convert.fill(
        fresh.variables, weights.read_weights(path), tap=experiment.model.tap, source=path
    )
    params = filled.pop("params")
    return fresh.replace(params=params, collections=filled)
