import dataclasses
import json
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from configs import smoke
from jaxrelic import config_json
from jaxrelic.train.experiment import Experiment


def test_an_experiment_survives_json():
    text = json.dumps(config_json.to_json(smoke.get_config()))
    assert config_json.from_json(Experiment, json.loads(text)) == smoke.get_config()


def test_a_renamed_setting_is_named():
    plain = config_json.to_json(smoke.get_config())
    plain["task"]["data"]["bacth_size"] = 3
    with pytest.raises(ValueError, match=r"SingleViewData has no setting .*bacth_size"):
        config_json.from_json(Experiment, plain)


def test_differences_are_dotted_names():
    ours, theirs = {"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"b": 1, "c": 0}, "d": 4}
    assert config_json.differences(ours, theirs) == ["a.c", "d"]


def test_a_setting_that_only_one_of_them_has_is_a_difference():
    assert config_json.differences({"a": {"b": 1, "c": None}}, {"a": {"b": 1}}) == ["a.c"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Younger:
    """Had settings once that have one value now."""

    RETIRED: ClassVar[Mapping[str, Any]] = {"reach": (0.5, 0.5), "head": "mlp"}

    width: int = 3


def test_a_file_that_names_a_retired_setting_opens_if_it_has_the_value_there_is():
    plain = json.loads('{"width": 4, "reach": [0.5, 0.5], "head": "mlp"}')
    assert config_json.from_json(Younger, plain) == Younger(width=4)
    assert config_json.to_json(Younger(width=4)) == {"width": 4}


@pytest.mark.parametrize(("name", "value"), [("reach", [0.5, 0.4]), ("head", "linear")])
def test_a_retired_setting_of_another_value_is_named_with_the_value_there_is(name, value):
    with pytest.raises(ValueError, match=rf"Younger\.{name} is .* always .*0\.5|always mlp"):
        config_json.from_json(Younger, {"width": 4, name: value})


def test_the_list_of_retired_settings_is_no_setting():
    with pytest.raises(ValueError, match=r"no setting .*RETIRED"):
        config_json.from_json(Younger, {"RETIRED": {}})


def retired_settings(config):
    """(class, name, value) of every retired setting of a configuration and what is inside it."""
    kind = type(config)
    yield from ((kind, *item) for item in getattr(kind, config_json.RETIRED, {}).items())
    for field in dataclasses.fields(config):
        if dataclasses.is_dataclass(value := getattr(config, field.name)):
            yield from retired_settings(value)


def test_no_retired_setting_is_a_setting_as_well():
    found = list(retired_settings(smoke.get_config()))
    assert {name for _, name, _ in found} >= {"code_head", "affinity_scale", "rgb_norm", "b1"}
    for kind, name, value in found:
        assert name not in {field.name for field in dataclasses.fields(kind)}
        plain = json.loads(json.dumps({name: value}))
        assert config_json.from_json(kind, plain) == kind()
