"""Train a model from a config file. Run the same command again to continue where it stopped."""

import dataclasses
import pathlib
import runpy
import sys
from collections.abc import Sequence
from typing import Annotated

import tyro

from jaxrelic.errors import UserError
from jaxrelic.train.experiment import Experiment

DIVERGED = 1

_USAGE = """usage: jaxrelic train CONFIG.py --workdir DIR [overrides]

Trains the experiment that CONFIG.py describes and saves it in DIR: checkpoints, config.json,
metrics.jsonl and TensorBoard events. Run it again to continue. SIGTERM and Ctrl-C save first.

`jaxrelic train CONFIG.py --help` lists all settings of that experiment, with their values and
units; each can be overridden, as in `--optim.learning-rate 3e-4`."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainArguments:
    """What to train and where."""

    config: tyro.conf.Positional[pathlib.Path]
    """Python file with a function `get_config() -> Experiment`."""
    workdir: pathlib.Path
    """Folder of the run; made if missing, continued if it holds a part of this run."""
    experiment: Annotated[Experiment, tyro.conf.arg(name="")]
    """Settings of the config file, each of which may be overridden."""


def parse(argv: Sequence[str]) -> TrainArguments:
    """Reads the config file first: it decides which overrides exist and their defaults."""
    if not argv or argv[0] in ("-h", "--help"):
        print(_USAGE)
        sys.exit(0 if argv else 2)
    path = pathlib.Path(argv[0])
    return tyro.cli(
        TrainArguments,
        prog="jaxrelic train",
        args=argv,
        default=TrainArguments(config=path, workdir=tyro.MISSING, experiment=load_experiment(path)),
        # The config file has chosen the kind of model; options are those of its settings.
        config=(tyro.conf.AvoidSubcommands,),
    )


def load_experiment(path: pathlib.Path) -> Experiment:
    """Runs a config file and returns what its `get_config` builds."""
    if path.suffix != ".py" or not path.is_file():
        raise UserError(f"no config file {path}; the first argument is a file such as smoke.py")
    get_config = runpy.run_path(str(path)).get("get_config")
    if get_config is None:
        raise UserError(f"{path} has no function get_config(); see configs/smoke.py")
    experiment = get_config()
    if not isinstance(experiment, Experiment):
        raise UserError(
            f"get_config() of {path} returned {type(experiment).__name__}, not an Experiment"
        )
    return experiment


def run(args: TrainArguments) -> int:
    """Trains; the exit code says how it ended."""
    from jaxrelic.train import loop, monitor, objectives

    try:
        outcome = loop.train(args.experiment, objectives.build(args.experiment), args.workdir)
    except monitor.DivergedError as error:
        print(f"jaxrelic: {error}", file=sys.stderr)
        return DIVERGED
    print(f"{args.workdir}: {outcome.step} steps taken and saved")
    return 128 + outcome.stopped_by if outcome.stopped_by else 0
