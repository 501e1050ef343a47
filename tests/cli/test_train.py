import pathlib

import pytest
from places import ROOT

from jaxrelic.cli import train
from jaxrelic.data.view_sets import batches as view_sets
from jaxrelic.errors import UserError
from jaxrelic.evaluation.view_sets import validation

SMOKE = str(ROOT / "configs" / "smoke.py")


def test_overrides_reach_the_experiment():
    argv = [SMOKE, "--workdir", "w", "--optim.learning-rate", "3e-4", "--data.path", "shards"]
    args = train.parse([*argv, "--losses.weights.rgb", "0.5", "--steps", "3"])
    assert args.workdir == pathlib.Path("w")
    assert args.experiment.optim.learning_rate == 3e-4
    assert args.experiment.task.data.path == "shards"
    assert args.experiment.task.losses.weights.rgb == 0.5
    assert args.experiment.steps == 3
    assert args.experiment.name == "smoke"


@pytest.mark.parametrize("option", ["--optim.learing-rate", "--losses.weights.rbg", "--step"])
def test_an_override_with_a_typo_is_refused(option, capsys):
    with pytest.raises(SystemExit) as exit_:
        train.parse([SMOKE, "--workdir", "w", option, "3"])
    assert exit_.value.code == 2
    assert option in capsys.readouterr().err


def test_a_run_needs_a_workdir():
    with pytest.raises(SystemExit) as exit_:
        train.parse([SMOKE])
    assert exit_.value.code == 2


def test_values_that_cannot_work_are_named():
    with pytest.raises(UserError, match="log_every is 0; set it to 1 or more"):
        train.parse([SMOKE, "--workdir", "w", "--log-every", "0"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1", r"has no function get_config\(\)"),
        ("def get_config():\n    return {}", "returned dict, not an Experiment"),
    ],
)
def test_a_file_that_is_no_config_is_named(tmp_path, text, message):
    path = tmp_path / "config.py"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        train.load_experiment(path)


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    args = train.parse([SMOKE, "--workdir", str(tmp_path / "file" / "run")])
    with pytest.raises(UserError, match=r"cannot write to .*run: Not a directory; set --workdir"):
        train.run(args)


def test_shards_that_are_not_there_are_named(tmp_path):
    argv = [SMOKE, "--workdir", str(tmp_path), "--data.path", str(tmp_path / "absent")]
    with pytest.raises(UserError, match=r"no shards at .*absent"):
        train.run(train.parse(argv))


def test_a_row_of_a_file_is_an_experiment_with_overrides():
    args = train.parse([f"{SMOKE}:latent", "--workdir", "w", "--model.neighbours.max-render", "1"])
    assert args.experiment.name == "smoke_latent"
    assert args.experiment.task.model.neighbours.max_render == 1


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("rows.py:c", r"has no row 'c'; its rows are a, b$"),
        ("rows.py", r"needs a row, as in .*rows\.py:ROW; its rows are a, b$"),
        ("plain.py:a", r"has no row 'a'; it has no ROWS$"),
        ("absent.py:a", r"no config file .*absent\.py;"),
    ],
)
def test_a_row_that_is_not_there_is_answered_with_those_that_are(tmp_path, file, message):
    (tmp_path / "rows.py").write_text("ROWS = {'a': dict, 'b': dict}")
    (tmp_path / "plain.py").write_text("def get_config(): return None")
    with pytest.raises(UserError, match=message):
        train.load_experiment(tmp_path / file)


def test_one2345_is_validated_on_relics_it_does_not_learn_from_and_msrn_never(tmp_path):
    argv = [f"{SMOKE}:one2345", "--workdir", str(tmp_path)]
    experiment = train.parse(argv).experiment
    validator = validation.validator(experiment, tmp_path)
    assert validator.config == experiment.task.model
    assert {len(each.sources) for each in validator.view_sets} == {experiment.task.data.num_sources}
    learned = {relic.uid for relic in view_sets.open_view_sets(experiment.task.data)}
    assert learned.isdisjoint(each.uid for each in validator.view_sets)
    argv += ["--validate-every", "0"]
    assert validation.validator(train.parse(argv).experiment, tmp_path) is None
    others = train.parse([SMOKE, "--workdir", "w", "--validate-every", "2"]).experiment
    assert validation.validator(others, tmp_path) is None


def test_shards_without_relics_to_validate_on_are_named(tmp_path):
    argv = [f"{SMOKE}:one2345", "--workdir", "w", "--data.path", str(tmp_path / "absent")]
    with pytest.raises(UserError, match=r"no shards at .*absent"):
        train.run(train.parse(argv))
