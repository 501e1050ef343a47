import json

import pytest

from jaxrelic import config_json
from jaxrelic.train.experiment import Experiment
from jaxrelic.train.optim import OptimConfig


def test_an_experiment_survives_json(tiny_experiment):
    experiment = tiny_experiment()
    text = json.dumps(config_json.to_json(experiment))
    assert config_json.from_json(Experiment, json.loads(text)) == experiment


def test_a_renamed_setting_is_named(tiny_experiment):
    plain = config_json.to_json(tiny_experiment())
    plain["data"]["bacth_size"] = 3
    with pytest.raises(ValueError, match=r"DataConfig has no setting .*bacth_size"):
        config_json.from_json(Experiment, plain)


def test_differences_are_dotted_names(tiny_experiment):
    ours = config_json.to_json(tiny_experiment())
    theirs = config_json.to_json(tiny_experiment(optim=OptimConfig(b1=0.5), seed=4))
    assert config_json.differences(ours, theirs) == ["optim.b1", "optim.learning_rate", "seed"]


def test_a_setting_that_only_one_of_them_has_is_a_difference():
    assert config_json.differences({"a": {"b": 1, "c": None}}, {"a": {"b": 1}}) == ["a.c"]
