"""Train a model from a config file. Run the same command again to continue where it stopped."""

import dataclasses
import pathlib
import runpy
import sys
from collections.abc import Callable, Sequence
from typing import Annotated

import tyro

from jaxrelic.errors import UserError
from jaxrelic.train.experiment import Experiment

DIVERGED = 1

_USAGE = """usage: jaxrelic train CONFIG.py[:ROW] --workdir DIR [overrides]

Trains the experiment that CONFIG.py describes and saves it in DIR: checkpoints, config.json,
metrics.jsonl and TensorBoard events. Run it again to continue. SIGTERM and Ctrl-C save first.
A file with the rows of a table holds several experiments; ROW is the name of one.

`jaxrelic train CONFIG.py --help` lists all settings of that experiment, with their values and
units; each can be overridden, as in `--optim.learning-rate 3e-4`."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainArguments:
    """The experiment to train, and its folder."""

    config: tyro.conf.Positional[pathlib.Path]
    """Python file with a function `get_config() -> Experiment`, or FILE.py:ROW with such a function
    in its dictionary ROWS."""
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
    """Runs a config file, FILE.py or FILE.py:ROW, and returns what its function builds."""
    name, _, row = str(path).rpartition(":") if ".py:" in path.name else (str(path), "", "")
    file = pathlib.Path(name)
    if file.suffix != ".py" or not file.is_file():
        raise UserError(f"no config file {file}; the first argument is a file such as smoke.py")
    experiment = _builder(file, row)()
    if not isinstance(experiment, Experiment):
        raise UserError(
            f"{row or 'get_config'}() of {file} returned {type(experiment).__name__}, "
            "not an Experiment"
        )
    return experiment


def _builder(file: pathlib.Path, row: str) -> Callable[[], object]:
    """The function of a config file that builds the experiment, or that of one row."""
    names = runpy.run_path(str(file))
    rows = names.get("ROWS", {})
    if row in rows:
        return rows[row]
    if row or (rows and "get_config" not in names):
        known = f"its rows are {', '.join(rows)}" if rows else "it has no ROWS"
        wrong = f"{file} has no row {row!r}" if row else f"{file} needs a row, as in {file}:ROW"
        raise UserError(f"{wrong}; {known}")
    if "get_config" not in names:
        raise UserError(f"{file} has no function get_config(); see configs/smoke.py")
    return names["get_config"]


def run(args: TrainArguments) -> int:
    """Trains; the exit code says how it ended."""
    from jaxrelic.evaluation.view_sets import validation
    from jaxrelic.train import loop, monitor

    try:
        outcome = loop.train(
            args.experiment,
            args.workdir,
            validate=validation.validator(args.experiment, args.workdir),
        )
    except monitor.DivergedError as error:
        print(f"jaxrelic: {error}", file=sys.stderr)
        return DIVERGED
    print(f"{args.workdir}: {outcome.step} steps taken and saved")
    return 128 + outcome.stopped_by if outcome.stopped_by else 0
