import json

import pytest

from configs import smoke
from jaxrelic import config_json
from jaxrelic.train.experiment import Experiment


def test_an_experiment_survives_json():
    text = json.dumps(config_json.to_json(smoke.get_config()))
    assert config_json.from_json(Experiment, json.loads(text)) == smoke.get_config()


def test_a_renamed_setting_is_named():
    plain = config_json.to_json(smoke.get_config())
    plain["data"]["bacth_size"] = 3
    with pytest.raises(ValueError, match=r"SingleViewData has no setting .*bacth_size"):
        config_json.from_json(Experiment, plain)


def test_differences_are_dotted_names():
    ours, theirs = {"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"b": 1, "c": 0}, "d": 4}
    assert config_json.differences(ours, theirs) == ["a.c", "d"]


def test_a_setting_that_only_one_of_them_has_is_a_difference():
    assert config_json.differences({"a": {"b": 1, "c": None}}, {"a": {"b": 1}}) == ["a.c"]
