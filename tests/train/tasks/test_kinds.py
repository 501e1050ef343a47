"""One row per kind: nothing of another kind is known to a run, and runs of before still open."""

import dataclasses
import json

import jax
import numpy as np
import pytest
from places import GOLDENS, ROOT

from configs import foreground, foreground_smoke, smoke
from jaxrelic import config_json
from jaxrelic.cli import main
from jaxrelic.errors import UserError
from jaxrelic.saved import export, facts, load
from jaxrelic.train import former_config, workdir
from jaxrelic.train.experiment import Experiment
from jaxrelic.train.tasks import kinds

FORMER = GOLDENS / "former"
"""What version 0.1 wrote before there were tasks, for the smoke configs."""
EXPERIMENTS = {
    "msrn": smoke.get_config(),
    "msrn_latent": smoke.latent(),
    "foreground": foreground_smoke.get_config(),
    "one2345": smoke.one2345(),
}


@pytest.mark.parametrize(
    ("config", "option"),
    [
        ("smoke.py:one2345", "--softness.steps"),
        ("smoke.py:one2345", "--supervision"),
        ("smoke.py:one2345", "--pretrain.steps"),
        ("smoke.py", "--rays.count"),
        ("smoke.py", "--initial-weights"),
        ("foreground_smoke.py", "--rays.count"),
        ("foreground_smoke.py", "--softness.steps"),
    ],
)
def test_a_switch_of_another_kind_is_unknown_to_the_parser(config, option, tmp_path, capsys):
    run = ["train", str(ROOT / "configs" / config), "--workdir", str(tmp_path)]
    with pytest.raises(SystemExit) as ended:
        main.main([*run, option, "7"])
    assert ended.value.code == 2
    assert option in capsys.readouterr().err
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_config_from_before_there_were_tasks_is_read_as_the_experiment_it_was(name, tmp_path):
    (tmp_path / "config.json").write_text((FORMER / f"config_{name}.json").read_text())
    assert workdir.read_config(tmp_path) == EXPERIMENTS[name]


def test_a_config_from_before_there_were_kinds_is_one_of_msrn(tmp_path):
    plain = json.loads((FORMER / "config_msrn.json").read_text())
    for name in ("model", "data", "losses"):
        assert plain[name].pop("kind")
    del plain["initial_weights"]
    for name in ("optimizer", "momentum", "weight_decay", "heads", "head_factor", "bias_factor"):
        del plain["optim"][name]
    (tmp_path / "config.json").write_text(json.dumps(plain))
    assert workdir.read_config(tmp_path) == EXPERIMENTS["msrn"]


def test_a_kind_or_a_setting_that_is_gone_is_named():
    plain = json.loads((FORMER / "config_foreground.json").read_text())
    with pytest.raises(ValueError, match=r"Experiment has no setting \['colour'\]; was it renamed"):
        former_config.upgraded({**plain, "colour": 1})
    plain["model"]["kind"] = "FourgroundConfig"
    with pytest.raises(ValueError, match=r"no kind 'FourgroundConfig', only MsrnConfig, Reli"):
        former_config.upgraded(plain)


@pytest.mark.parametrize("name", ["msrn", "one2345"])
def test_an_export_from_before_there_were_tasks_opens(name, tmp_path):
    task, page = EXPERIMENTS[name].task, (FORMER / f"export_{name}.json").read_text()
    variables = jax.tree.map(lambda x: np.ones(x.shape, x.dtype), dict(task.abstract_variables()))
    export.save(
        tmp_path / "export",
        task.predictor(variables, step=8),
        training={},
        data={},
        stable_hlo=False,
    )
    (tmp_path / "export" / export.PAGE).write_text(page)
    predictor = load.load(tmp_path / "export")
    assert type(predictor) is kinds.of_task(task).predictor
    assert predictor.config == task.model


@pytest.mark.parametrize("experiment", [*EXPERIMENTS.values(), foreground.paper()])
def test_all_kinds_of_experiments_survive_json(experiment):
    text = json.dumps(config_json.to_json(experiment))
    assert config_json.from_json(Experiment, json.loads(text)) == experiment


def test_an_export_says_supervision_only_where_there_is_one():
    said = {name: facts.of_training(each) for name, each in EXPERIMENTS.items()}
    assert said["msrn"]["supervision"] == "multiview"
    assert said["msrn_latent"]["supervision"] == "latent"
    assert "supervision" not in said["one2345"]
    assert said["one2345"]["learns_from"] == "posed views"


def test_every_kind_has_a_name_a_task_and_a_predictor_of_its_own():
    for column in ("name", "task", "predictor", "model"):
        assert len({getattr(kind, column) for kind in kinds.KINDS}) == len(kinds.KINDS)
    for kind in kinds.KINDS:
        assert dataclasses.is_dataclass(kind.task)
    with pytest.raises(UserError, match="kind 'foreground', where this program knows msrn and rel"):
        kinds.named("foreground")
