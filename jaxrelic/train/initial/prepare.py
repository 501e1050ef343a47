"""The state before the first step: random, or with what is known already."""

from jaxrelic.errors import UserError
from jaxrelic.train import warm_start
from jaxrelic.train.experiment import Experiment
from jaxrelic.train.initial import from_network, from_sphere
from jaxrelic.train.state import TrainState


def prepared(experiment: Experiment, fresh: TrainState) -> TrainState:
    """`fresh` as the experiment wants to begin; a run that is continued does not come here."""
    ways = {
        "initial": experiment.initial,
        "initial_weights": experiment.initial_weights,
        "pretrain.steps": experiment.pretrain.steps,
    }
    asked = [name for name, value in ways.items() if value]
    if len(asked) > 1:
        raise UserError(f"{' and '.join(asked)} are set; a run can start in one way only")
    fresh = warm_start.from_published(experiment, fresh)
    if experiment.initial:
        fresh = from_network.from_network(fresh, experiment.initial)
    params = from_sphere.pretrained(
        experiment.pretrain, experiment.model, fresh.params, seed=experiment.seed
    )
    return fresh.replace(params=params)
